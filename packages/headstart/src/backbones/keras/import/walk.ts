import { z } from "zod";
import { HeadstartError } from "../../../errors.js";
import { type ImportState, LayerCall } from "./context.js";
import { emitterOf } from "./layers/index.js";
import type { Argument, Call, KerasLayer, KerasModel, TensorReference } from "./model.js";
import type { Value } from "./value.js";

/** Classes of Keras's own applications, which older versions register as if they were somebody else's. */
const APPLICATION_LAYERS = new Set(["CustomScaleLayer", "LayerScale", "StochasticDepth"]);

/**
 * Layers that one import writes at most. A model in a model that is used twice doubles them, which a small file can
 * repeat many times.
 */
const MOST_CALLS = 10_000;

const Quantized = z.object({ dtype: z.object({ class_name: z.string().startsWith("Quantized") }) });

/**
 * Writes what a model's outputs need, and nothing else.
 *
 * @param state - what the import shares
 * @param model - the model
 * @param path - names of the models around it
 * @param inputs - the model's inputs
 * @returns one value for each of its outputs
 * @throws HeadstartError as the layers do, and `INVALID_MODEL` if the layers' connections make no network
 */
export function walk(
  state: ImportState,
  model: KerasModel,
  path: readonly string[],
  inputs: readonly Value[],
): readonly Value[] {
  const { outputs } = model;
  const layers = new Map(model.layers.map((layer) => [layer.name, layer]));
  const made = new Map<string, readonly Value[]>();
  for (const [i, { layer }] of model.inputs.entries()) {
    const value = inputs[i];
    if (value !== undefined) made.set(keyOf({ layer, call: 0 }), [value]);
  }
  const open = new Set<string>();
  const stack: Pick<TensorReference, "layer" | "call">[] = [...outputs].reverse();
  for (let next = stack.at(-1); next !== undefined; next = stack.at(-1)) {
    const key = keyOf(next);
    if (made.has(key)) {
      stack.pop();
      continue;
    }
    const layer = layers.get(next.layer);
    const call = layer?.calls[next.call];
    if (layer === undefined || call === undefined)
      throw broken(model, `nothing makes ${next.layer} for the ${next.call + 1}. time`);
    const references = [...call.positional, ...call.named.values()].flatMap(referenceOf);
    const missing = references.filter((reference) => !made.has(keyOf(reference)));
    if (missing.length === 0) {
      const read = references.map((reference) => valueAt(model, made, reference));
      made.set(key, emit(state, [...path, layer.name], layer, call, read));
      open.delete(key);
      stack.pop();
      continue;
    }
    if (open.has(key)) throw broken(model, `${next.layer} needs its own result`);
    open.add(key);
    stack.push(...missing.reverse());
  }
  return outputs.map((reference) => valueAt(model, made, reference));
}

function emit(
  state: ImportState,
  path: readonly string[],
  layer: KerasLayer,
  call: Call,
  inputs: readonly Value[],
): readonly Value[] {
  const context = new LayerCall(state, path, layer, call, inputs);
  if (++state.calls > MOST_CALLS)
    throw context.unsupported(
      `the model has more than ${MOST_CALLS} layers, those of models that are used again counted again`,
    );
  // Keras 3 writes it too, but gives it no effect.
  const training = call.named.get("training");
  if (state.kerasVersion < 3 && training?.kind === "constant" && training.value === true)
    throw context.unsupported("it is always in training mode");
  if (Quantized.safeParse(layer.config).success) throw context.unsupported("its weights are quantised");
  if (layer.model !== undefined) {
    const wanted = layer.model.inputs.length;
    if (wanted !== inputs.length)
      throw broken(layer.model, `it takes ${wanted} tensors and is given ${inputs.length}`);
    return walk(state, layer.model, path, inputs);
  }
  const className = layer.className.slice(layer.className.lastIndexOf(">") + 1);
  if (!(layer.builtIn && className === layer.className) && !APPLICATION_LAYERS.has(className))
    throw context.unsupported("it is a class of the model's author, whose code is not in the file");
  const emitter = emitterOf(className);
  if (emitter === undefined) throw context.unsupported(`layers of the class ${className} are not known`);
  return [emitter(context)];
}

function keyOf({ layer, call }: Pick<TensorReference, "layer" | "call">): string {
  return `${call} ${layer}`;
}

function referenceOf(argument: Argument): TensorReference[] {
  return argument.kind === "tensor" ? [argument.reference] : [];
}

function valueAt(
  model: KerasModel,
  made: ReadonlyMap<string, readonly Value[]>,
  reference: TensorReference,
): Value {
  const value = made.get(keyOf(reference))?.[reference.tensor];
  if (value === undefined) throw broken(model, `${reference.layer} has no output ${reference.tensor}`);
  return value;
}

function broken(model: KerasModel, sentence: string): HeadstartError {
  return new HeadstartError(
    "INVALID_MODEL",
    `The layers of the Keras model ${model.name} do not make a network: ${sentence}.`,
    "Save the model again with model.save().",
  );
}
