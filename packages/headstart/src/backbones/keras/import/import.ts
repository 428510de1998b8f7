import { z } from "zod";
import { HeadstartError } from "../../../errors.js";
import {
  type Dim,
  type Graph,
  GraphBuilder,
  inferShapes,
  prune,
  renameValues,
  type Tensor,
} from "../../../onnx/index.js";
import type { KerasWeights, WantedWeight } from "../weights.js";
import { parseKerasConfig } from "./config.js";
import type { ImportState } from "./context.js";
import { fusePadding } from "./fuse-padding.js";
import type { KerasModel, TensorReference } from "./model.js";
import { Layouts, storedShape, type Value } from "./value.js";
import { walk } from "./walk.js";

/** How a Keras model is imported. */
export interface KerasImportOptions {
  /**
   * Height and width of the pictures, in place of the configured ones; `null` makes both free. Left out, they stay as
   * they are configured.
   */
  readonly inputSize?: readonly [number, number] | null;
  /** The version of Keras that wrote the model, such as `2.15.0`; by default as the configuration says or looks. */
  readonly kerasVersion?: string;
  /**
   * For Keras's own applications at another size than the one that their configuration was written for. Some of them
   * (EfficientNet, MobileNetV2 and V3, NASNet) put a `ZeroPadding2D` before each layer of stride 2, whose pads they
   * choose by whether the size is even. With this option a padding of one pixel less at the front is taken for such a
   * one, and made equal on both sides where the size is odd.
   */
  readonly paddingFollowsSize?: boolean;
}

/**
 * The graph of a Keras model.
 *
 * Inputs have the names of Keras's input layers and take float32 in Keras's layout: `[N, H, W, C]` for pictures,
 * which one `Transpose` brings to `[N, C, H, W]`. Outputs have the names of Keras's output layers and Keras's shapes,
 * so that the graph stands in for `model.predict`. Values have the names of the layers that make them; those of
 * nested models have the names of the models before them, with `/` in between.
 *
 * @param config - the model's configuration: the JSON that Keras writes, parsed
 * @param weights - where the layers' arrays are read from; only those of layers that the outputs need are asked for
 * @param options - how
 * @throws HeadstartError `UNSUPPORTED` naming a layer that is not known or is the author's own; `INVALID_MODEL` for a
 *   configuration that contradicts itself
 */
export function importKeras(config: unknown, weights: KerasWeights, options: KerasImportOptions = {}): Graph {
  const model = parseKerasConfig(config);
  return withOutputs(write(model, config, options, (path, wanted) => weights.read(path, wanted)));
}

/** A layer that has weights, and what it wants. */
export interface LayerWithWeights {
  /** Names of the models around it and its own, from the outermost inwards. */
  readonly path: readonly string[];
  readonly className: string;
  /** Its arrays in the order in which Keras lists them. */
  readonly weights: readonly WantedWeight[];
}

/**
 * The layers of a Keras model that have weights, in the order in which Keras lists layers: as the configuration does,
 * nested models in their place. Files that store weights by number are read with it. The options are those of {@link
 * importKeras}.
 */
export function layersWithWeights(config: unknown, options: KerasImportOptions = {}): LayerWithWeights[] {
  const model = parseKerasConfig(config);
  const wantedBy = new Map<string, readonly WantedWeight[]>();
  write(model, config, options, (path, wanted) => {
    wantedBy.set(JSON.stringify(path), wanted);
    return wanted.map(({ shape }) => withoutData(shape));
  });
  const collect = (inner: KerasModel, path: readonly string[]): LayerWithWeights[] =>
    inner.layers.flatMap((layer) => {
      const here = [...path, layer.name];
      if (layer.model !== undefined) return collect(layer.model, here);
      const wanted = wantedBy.get(JSON.stringify(here));
      return wanted === undefined ? [] : [{ path: here, className: layer.className, weights: wanted }];
    });
  return collect(model, []);
}

interface Written {
  readonly builder: GraphBuilder;
  readonly layouts: Layouts;
  readonly wanted: readonly TensorReference[];
  /** One for each of `wanted`. */
  readonly values: readonly Value[];
}

/** A tensor that only has a shape: enough to find out which arrays a model wants. */
function withoutData(dims: readonly number[]): Tensor {
  return { type: "float32", dims, data: new Uint8Array(0) };
}

/** Writes a model's layers into a builder that is still without outputs. */
function write(
  model: KerasModel,
  config: unknown,
  options: KerasImportOptions,
  weights: ImportState["weights"],
): Written {
  const builder = new GraphBuilder(model.name);
  const layouts = new Layouts(builder);
  const state: ImportState = {
    builder,
    layouts,
    kerasVersion: versionOf(config, model, options),
    paddingFollowsSize: options.paddingFollowsSize ?? false,
    constants: new Map(),
    calls: 0,
    weights,
  };
  const inputs = model.inputs.map(({ layer }) => declareInput(builder, layouts, model, layer, options));
  return { builder, layouts, wanted: model.outputs, values: walk(state, model, [], inputs) };
}

const Shape = z
  .array(
    z
      .int()
      .min(0)
      .max(2 ** 31 - 1)
      .nullable(),
  )
  .min(2);

/** An input as Keras has it. Pictures are put into the graph with their channels in front at once. */
function declareInput(
  builder: GraphBuilder,
  layouts: Layouts,
  model: KerasModel,
  layer: string,
  { inputSize }: KerasImportOptions,
): Value {
  const config = model.layers.find(({ name }) => name === layer)?.config ?? {};
  const written = Shape.safeParse(config.batch_shape ?? config.batch_input_shape);
  if (!written.success)
    throw new HeadstartError(
      "INVALID_MODEL",
      `The Keras model ${model.name} does not say which shape its input ${layer} has.`,
      "Build the model with an Input, or call it once, before it is saved.",
    );
  const prefix = model.inputs.length === 1 ? "" : `${layer}.`;
  const picture = written.data.length === 4;
  const free = picture ? ["H", "W", "C"] : written.data.slice(1).map((_, i) => `D${i + 1}`);
  const shape = written.data.map((size, axis): Dim => {
    if (axis === 0) return "N";
    const given = picture && axis < 3 && inputSize !== undefined ? (inputSize?.[axis - 1] ?? null) : size;
    return given ?? `${prefix}${free[axis - 1] ?? "D"}`;
  });
  const value: Value = { name: builder.input(layer, "float32", shape), shape, layout: "keras" };
  return layouts.channelsFirst(value);
}

/**
 * Declares outputs under the names of their layers. Where Keras's layout is not the graph's, the value that is
 * transposed back gets the layer's name, and the one before it another.
 */
function withOutputs({ builder, layouts, wanted, values }: Written): Graph {
  const shown = values.map((value) => layouts.keras(value));
  const inputs = new Set(builder.build().inputs.map(({ name }) => name));
  const renames = new Map<string, string>();
  const names = new Set<string>();
  for (const [i, value] of shown.entries()) {
    const layer = wanted[i]?.layer ?? value.name;
    let name = inputs.has(layer) ? `${layer}/output` : layer;
    for (let count = 1; names.has(name); count++) name = `${layer}_${count}`;
    names.add(name);
    const shape = storedShape(value);
    if (value.name === name) builder.output(name, "float32", shape);
    else {
      const turned = value !== values[i] && !renames.has(value.name) && !inputs.has(value.name);
      const alias = turned
        ? value.name
        : builder.node("Identity", [value.name], {}, { name: `${name}/output` });
      builder.output(alias, "float32", shape);
      if (alias !== name) renames.set(alias, name);
    }
  }
  for (const name of [...renames.values()])
    if (!renames.has(name)) renames.set(name, builder.unique(`${name}/graph`));
  const graph = renameValues(builder.build(), renames);
  return prune(inferShapes(fusePadding(graph)), undefined, { keepInputs: true });
}

function versionOf(config: unknown, model: KerasModel, { kerasVersion }: KerasImportOptions): number {
  const written =
    kerasVersion ?? z.object({ keras_version: z.string() }).safeParse(config).data?.keras_version;
  const major = Number.parseInt(written ?? "", 10);
  if (Number.isInteger(major)) return major;
  return model.layers.some(({ config: { batch_input_shape } }) => batch_input_shape !== undefined) ? 2 : 3;
}
