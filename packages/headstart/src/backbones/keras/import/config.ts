import { z } from "zod";
import { HeadstartError } from "../../../errors.js";
import { outputReferences, readCalls } from "./dialects.js";
import type { Call, KerasLayer, KerasModel, TensorReference } from "./model.js";

/** Models inside of models go at most this deep. */
const DEEPEST = 32;

const Json = z.record(z.string(), z.unknown());

const LayerMessage = z.object({
  class_name: z.string(),
  config: z.unknown(),
  name: z.string().optional(),
  module: z.string().nullish(),
  registered_name: z.string().nullish(),
  inbound_nodes: z.array(z.unknown()).optional(),
});
type LayerMessage = z.infer<typeof LayerMessage>;

const ModelConfig = z.object({
  name: z.string().optional(),
  layers: z.array(LayerMessage),
  input_layers: z.unknown().optional(),
  output_layers: z.unknown().optional(),
  build_input_shape: z.unknown().optional(),
});
type ModelConfig = z.infer<typeof ModelConfig>;

const FUNCTIONAL = new Set(["Functional", "Model"]);

/**
 * Reads the configuration of a Keras model, as Keras 2 or Keras 3 writes it, into one form. Nothing in it is
 * executed, and no class is looked up.
 *
 * @param config - the parsed JSON: an object with `class_name` and `config`
 * @throws HeadstartError `INVALID_MODEL` if it is no configuration of a Sequential or Functional model; `UNSUPPORTED`
 *   for a subclassed model
 */
export function parseKerasConfig(config: unknown): KerasModel {
  const message = parse(LayerMessage, config, "The model's configuration");
  if (!isModel(message))
    throw new HeadstartError(
      "UNSUPPORTED",
      `The Keras model is a ${message.class_name}, which is neither a Sequential nor a Functional model.`,
      "Build the model with keras.Sequential or keras.Model(inputs, outputs), which save what they are made of.",
    );
  return parseModel(message, 0);
}

function isModel({ class_name, config }: LayerMessage): boolean {
  if (class_name === "Sequential") return true;
  return FUNCTIONAL.has(class_name) && Json.safeParse(config).data?.layers !== undefined;
}

function parseModel(message: LayerMessage, depth: number): KerasModel {
  if (depth > DEEPEST)
    throw new HeadstartError("UNSUPPORTED", `The Keras model has models inside of models, ${depth} deep.`);
  // Old versions of Keras 2 write a Sequential model as the bare list of its layers.
  const body = Array.isArray(message.config) ? { layers: message.config } : message.config;
  const config = parse(ModelConfig, body, `The configuration of the model ${message.name ?? ""}`.trim());
  const name = config.name ?? message.name ?? "sequential";
  const model =
    message.class_name === "Sequential" ? sequential(config, name, depth) : functional(config, name, depth);
  const names = new Set<string>();
  for (const layer of model.layers) {
    if (names.has(layer.name))
      throw new HeadstartError("INVALID_MODEL", `The Keras model ${name} has two layers ${layer.name}.`);
    names.add(layer.name);
  }
  return model;
}

function parseLayer(message: LayerMessage, calls: readonly Call[], depth: number): KerasLayer {
  const config = Json.safeParse(message.config).data ?? {};
  const written = config.name;
  const name = message.name ?? (typeof written === "string" ? written : message.class_name);
  return {
    name,
    className: message.class_name,
    builtIn: isBuiltIn(message),
    config,
    calls,
    ...(isModel(message) ? { model: parseModel(message, depth + 1) } : {}),
  };
}

/**
 * Keras 3 says which module a class is from; a class that was registered by somebody else has a package before its
 * name.
 */
function isBuiltIn({ module, registered_name }: LayerMessage): boolean {
  if (typeof module === "string") return /^(tf_)?keras(\.|$)/.test(module);
  return registered_name === undefined || registered_name === null || !registered_name.includes(">");
}

function functional(config: ModelConfig, name: string, depth: number): KerasModel {
  const kinds = new Map<string, "functional" | "sequential">();
  for (const layer of config.layers) {
    const layerName = layer.name ?? String(Json.safeParse(layer.config).data?.name ?? "");
    if (isModel(layer)) kinds.set(layerName, layer.class_name === "Sequential" ? "sequential" : "functional");
  }
  const layers = config.layers.map((layer) =>
    parseLayer(layer, readCalls(layer.inbound_nodes ?? [], layer.name ?? layer.class_name, kinds), depth),
  );
  const old = config.layers.some(({ inbound_nodes }) => Array.isArray(inbound_nodes?.[0]));
  return {
    name,
    layers,
    inputs: outputReferences(config.input_layers, name, old, kinds),
    outputs: outputReferences(config.output_layers, name, old, kinds),
  };
}

/** A chain: each layer reads the one before it. Where the file has no input layer, one is put at the front. */
function sequential(config: ModelConfig, name: string, depth: number): KerasModel {
  const layers: KerasLayer[] = [];
  let last: TensorReference | undefined;
  for (const message of config.layers) {
    const bare = parseLayer(message, [], depth);
    if (last === undefined && bare.className !== "InputLayer") {
      const shape = config.build_input_shape ?? inputShape(bare);
      const input = `${bare.name}_input`;
      layers.push({
        name: input,
        className: "InputLayer",
        builtIn: true,
        config: { batch_shape: shape },
        calls: [],
      });
      last = { layer: input, call: 0, tensor: 0 };
    }
    const calls: Call[] =
      last === undefined
        ? []
        : [{ positional: [{ kind: "tensor", reference: last }], named: new Map<string, never>() }];
    layers.push({ ...bare, calls });
    last = { layer: bare.name, call: 0, tensor: 0 };
  }
  const [first] = layers;
  if (first === undefined || last === undefined)
    throw new HeadstartError("INVALID_MODEL", `The Sequential model ${name} has no layers.`);
  return { name, layers, inputs: [{ layer: first.name, call: 0, tensor: 0 }], outputs: [last] };
}

/** The input shape that a layer's configuration tells, that of a nested model's own input included. */
function inputShape(layer: KerasLayer): unknown {
  const first = layer.model?.layers.find(({ className }) => className === "InputLayer");
  if (first !== undefined) return inputShape(first);
  return layer.config.batch_shape ?? layer.config.batch_input_shape;
}

function parse<T>(schema: z.ZodType<T>, value: unknown, what: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const where = issue === undefined || issue.path.length === 0 ? "" : ` at ${issue.path.join(".")}`;
  throw new HeadstartError(
    "INVALID_MODEL",
    `${what} is not one of a Keras model${where}: ${issue?.message ?? "unreadable"}.`,
    "Save the model with model.save(), or its configuration with model.to_json().",
  );
}
