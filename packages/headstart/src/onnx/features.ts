import { HeadstartError } from "../errors.js";
import { constantValues } from "./constant-values.js";
import type { Graph, ValueInfo } from "./graph.js";
import { LastLayers } from "./last-layer.js";
import { nearNames } from "./near-names.js";
import { isNamedScores, scoreOutputs } from "./score-outputs.js";
import { inferShapes } from "./shapes/infer.js";

/** Where a classifier's features are. */
export interface Features {
  /** The value that feeds the last fully connected layer; {@link cut} makes features `[N, D]` of it. */
  readonly features: string;
  /** The value that the last fully connected layer makes, its bias added. */
  readonly logits: string;
  /** Sentences that say how they were found and what they are. */
  readonly reason: string;
}

/**
 * Finds the features of a classifier: what feeds its last fully connected layer. That layer is a `Gemm` or `MatMul` with constant weights, or a
 * 1x1 convolution before or after global pooling. What stands behind it is walked through: softmax, the best classes, a temperature,
 * reshaping, dropout, quantisation.
 *
 * Of several outputs, those that are called scores and have one row for each photo come first, and those that are called features or
 * hidden states last. Where two heads are averaged, the features of the first are taken. Quantised features are taken before they are quantised.
 *
 * A network without such a layer that ends in feature maps, in tokens, or in their average is one that was saved without its head: its output
 * is taken.
 *
 * @throws HeadstartError `INVALID_MODEL` naming the nodes that were looked at, if there is no such layer
 */
export function findFeatures(graph: Graph): Features {
  const shaped = inferShapes(graph);
  const layers = new LastLayers(shaped);
  for (const { name } of scoreOutputs(shaped.outputs)) {
    const found = layers.before(name);
    if (found === undefined) continue;
    const { features, logits, node, what, notes } = found;
    const others = shaped.outputs.filter((output) => output.name !== name).map((output) => output.name);
    const sentences = [
      `${features} feeds ${node.name || node.outputs[0]} (${node.op}), ${what}.`,
      ...notes,
      ...(others.length > 0
        ? [`The scores were taken to be the output ${name}, not ${others.slice(0, 3).join(" or ")}.`]
        : []),
    ];
    return { features, logits, reason: sentences.join(" ") };
  }
  const headless = withoutHead(shaped.outputs, layers);
  if (headless !== undefined) return headless;
  const ready = shaped.outputs.find(isBatchOfFeatures);
  throw new HeadstartError(
    "INVALID_MODEL",
    `The graph ${graph.name} has no last fully connected layer, so its features cannot be found. ${layers.seen()}`,
    `Name the tensor that holds the features: --features TENSOR.${ready === undefined ? "" : ` If that is its output ${ready.name} [${ready.shape?.join(", ")}], say so: --features ${ready.name}`}`,
  );
}

/** The one output of a network that was saved without its head; undefined where it may be something else. */
function withoutHead([output, ...others]: readonly ValueInfo[], layers: LastLayers): Features | undefined {
  if (output === undefined || others.length > 0 || !isBatchOfFeatures(output)) return undefined;
  const { name, shape = [] } = output;
  const what = shape.length > 2 ? "The average over it is taken." : layers.describe(name);
  if (what === undefined) return undefined;
  const reason = `${name} is the network's output, and no fully connected layer leads to it: the network has no head. ${what}`;
  return { features: name, logits: name, reason };
}

/**
 * The features that a user asks for by name: any value of floating-point numbers that has one part for each photo.
 *
 * @param graph - the network
 * @param tensor - name of the value; {@link cut} makes features `[N, D]` of it
 * @throws HeadstartError `INVALID_OPTION` if there is no such value (names like it are shown), or it is a constant, no floating-point
 *   numbers, or a single list or number
 */
export function chosenFeatures(graph: Graph, tensor: string): Pick<Features, "features" | "reason"> {
  const { values, inputs } = inferShapes(graph);
  const value = values.get(tensor);
  const constants = constantValues(graph);
  if (value === undefined || tensor === "") {
    const near = nearNames(
      tensor,
      [...values.keys()].filter((name) => !constants.has(name)),
    );
    throw new HeadstartError(
      "INVALID_OPTION",
      `The network has no tensor ${tensor || "without a name"}.`,
      near.length > 0 ? `Tensors with names like it: ${near.join(", ")}.` : "",
    );
  }
  const refused = (what: string, hint: string) =>
    new HeadstartError("INVALID_OPTION", `The tensor ${tensor} cannot be the features: it is ${what}.`, hint);
  if (constants.has(tensor))
    throw refused("a constant of the network", "Name a tensor that depends on the photos.");
  if (inputs.some(({ name }) => name === tensor))
    throw refused("an input of the network", "Name a tensor that the network makes.");
  if (value.type !== undefined && !isFloat(value))
    throw refused(`of the type ${value.type}`, "Name a tensor of floating-point numbers.");
  if (value.shape !== undefined && value.shape.length < 2)
    throw refused(
      `[${value.shape.join(", ")}], which has no row for each photo`,
      "Name a tensor [N, D], [N, C, H, W] or [N, T, D].",
    );
  return { features: tensor, reason: `${tensor} was asked for.` };
}

function isFloat({ type }: ValueInfo): boolean {
  return type === "float32" || type === "float16" || type === "float64" || type === "bfloat16";
}

function isBatchOfFeatures(value: ValueInfo): boolean {
  return isFloat(value) && value.shape !== undefined && value.shape.length >= 2 && !isNamedScores(value.name);
}
