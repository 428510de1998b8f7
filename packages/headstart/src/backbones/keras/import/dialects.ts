import { HeadstartError } from "../../../errors.js";
import type { Argument, Call, TensorReference } from "./model.js";

/** Layers of a model that are themselves models, by name. */
export type NestedModels = ReadonlyMap<string, "functional" | "sequential">;

/** In Keras 2 a constant first argument stands where a layer's name is expected. */
const CONSTANT = "_CONSTANT_VALUE";

/** Lists of inputs and outputs go at most this deep. */
const DEEPEST = 4;

type Written = readonly [string, number, number, ...unknown[]];

/**
 * The calls of a layer from its `inbound_nodes`: Keras 2 writes lists such as `[["conv1", 0, 0, {}]]`, Keras 3
 * objects with `args` and `kwargs` in which a tensor is a `__keras_tensor__`.
 *
 * @param nodes - the list
 * @param layer - the layer's name, for errors
 * @param nested - the models among the layers
 * @throws HeadstartError `INVALID_MODEL` if it is neither
 */
export function readCalls(nodes: readonly unknown[], layer: string, nested: NestedModels): Call[] {
  return nodes.map((node) => {
    if (Array.isArray(node)) return oldCall(node, layer, nested);
    if (isObject(node) && Array.isArray(node.args)) return newCall(node.args, node.kwargs);
    throw invalid(layer);
  });
}

/**
 * References as `input_layers` and `output_layers` hold them: one, a list, or an object of them.
 *
 * @param written - what stands there
 * @param model - the model's name, for errors
 * @param old - whether Keras 2 wrote it
 * @param nested - the models among the layers
 * @param depth - how deep in lists this stands
 */
export function outputReferences(
  written: unknown,
  model: string,
  old: boolean,
  nested: NestedModels,
  depth = 0,
): TensorReference[] {
  if (isWritten(written)) return [reference(written, shift(written[0], nested, old, true))];
  const list = Array.isArray(written) ? written : isObject(written) ? Object.values(written) : undefined;
  if (list === undefined || list.length === 0 || depth > DEEPEST)
    throw new HeadstartError(
      "INVALID_MODEL",
      `The Keras model ${model} does not say what goes in or comes out.`,
    );
  return list.flatMap((one) => outputReferences(one, model, old, nested, depth + 1));
}

/**
 * By how much a reference counts too high: Keras 2 takes the making of a nested model for its first call, and Keras 3
 * still does so for Functional models where it lists outputs.
 */
function shift(layer: string, nested: NestedModels, old: boolean, output: boolean): number {
  const kind = nested.get(layer);
  if (kind === undefined) return 0;
  return old || (output && kind === "functional") ? 1 : 0;
}

function reference([layer, call, tensor]: Written, by: number): TensorReference {
  return { layer, call: Math.max(0, call - by), tensor };
}

function oldCall(node: readonly unknown[], layer: string, nested: NestedModels): Call {
  // Operations of Keras 2 have one list less around their inputs.
  const inputs: readonly unknown[] = typeof node[0] === "string" ? [node] : node;
  const tensor = (written: Written): Argument => ({
    kind: "tensor",
    reference: reference(written, shift(written[0], nested, true, false)),
  });
  const positional: Argument[] = [];
  const named = new Map<string, Argument>();
  for (const input of inputs) {
    if (Array.isArray(input) && input[0] === CONSTANT) positional.push({ kind: "constant", value: input[2] });
    else if (isWritten(input)) positional.push(tensor(input));
    else throw invalid(layer);
    const extra: unknown = input[3];
    if (isObject(extra))
      for (const [key, value] of Object.entries(extra))
        named.set(key, isWritten(value) && value.length === 3 ? tensor(value) : { kind: "constant", value });
  }
  return { positional, named };
}

function newCall(args: readonly unknown[], kwargs: unknown): Call {
  const positional = args.flatMap((value) =>
    Array.isArray(value) && value.some(isTensor) ? value.map(argument) : [argument(value)],
  );
  const named = new Map<string, Argument>();
  for (const [key, value] of Object.entries(isObject(kwargs) ? kwargs : {})) {
    if (Array.isArray(value) && value.some(isTensor)) positional.push(...value.map(argument));
    else named.set(key, argument(value));
  }
  return { positional, named };
}

function argument(value: unknown): Argument {
  if (isObject(value) && isObject(value.config)) {
    const { config } = value;
    const history: unknown = config.keras_history;
    if (value.class_name === "__keras_tensor__" && isWritten(history))
      return { kind: "tensor", reference: reference(history, 0) };
    if (value.class_name === "__numpy__" || value.class_name === "__tensor__")
      return { kind: "constant", value: config.value };
  }
  return { kind: "constant", value };
}

function isTensor(value: unknown): boolean {
  return argument(value).kind === "tensor";
}

function isWritten(value: unknown): value is Written {
  return (
    Array.isArray(value) &&
    value.length >= 3 &&
    typeof value[0] === "string" &&
    Number.isInteger(value[1]) &&
    value[1] >= 0 &&
    Number.isInteger(value[2]) &&
    value[2] >= 0
  );
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function invalid(layer: string): HeadstartError {
  return new HeadstartError(
    "INVALID_MODEL",
    `The configuration does not say in a known form what the Keras layer ${layer} is called with.`,
    "Save the model again with a current version of Keras.",
  );
}
