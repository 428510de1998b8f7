import { missingRules } from "../../autodiff/index.js";
import { HeadstartError } from "../../errors.js";
import {
  elementCount,
  type Graph,
  GraphBuilder,
  type Node,
  prune,
  renameValues,
  type Tensor,
} from "../../onnx/index.js";
import type { Backbone } from "../backbone.js";
import { combined } from "../load.js";
import { countParameters } from "../parameters.js";
import { boundaryOf } from "./boundary.js";
import { atImageSize } from "./fixed-size.js";
import { inInferenceForm, isInTraining } from "./inference-form.js";
import { ownNames } from "./names.js";
import { type DividedNetwork, networkStages, sizeOf } from "./stages.js";
import { tailOf } from "./tail.js";

/** A weight of a backbone that trains. */
export interface TrainableParameter {
  /** The initializer's name in the network, with `backbone.` before it where a training step has that name for something else. */
  readonly name: string;
  readonly shape: readonly number[];
  /** What it is before training; float32. */
  readonly value: Tensor;
  /** Which stage of the network it belongs to: 0 is the one right before the head, 1 the one before that, and so on towards the photo. */
  readonly depth: number;
}

/** A normalisation by batch in the trainable part, and its running statistics. */
export interface TrainableStatistic {
  /** The node's name in the tail. */
  readonly node: string;
  /** Name of the initializer of the running mean in the tail. */
  readonly mean: string;
  /** Name of the initializer of the running variance in the tail. */
  readonly variance: string;
}

/** A backbone, divided into what stays as it is and what trains. */
export interface Divided {
  /**
   * The frozen part as a backbone whose `features` are the activations at the boundary, flattened [N, D], of photos of the one image size. Its
   * `tensor` is the value at the boundary. Undefined where nothing is frozen.
   */
  readonly trunk: Backbone | undefined;
  /**
   * The trainable part. Input `activations`: float [N, D] as the trunk makes them or, without a trunk, the prepared photos float [N, 3, S, S]; then
   * one input for each parameter. Output `features`: float [N, F] as the whole backbone's.
   */
  readonly tail: Graph;
  readonly parameters: readonly TrainableParameter[];
  /** Running statistics in the tail, which are constants of it, in the order of their nodes. */
  readonly statistics: readonly TrainableStatistic[];
  /** Number of stages that have weights in the tail: depths are below it. */
  readonly stages: number;
}

/**
 * Divides a backbone into the part that stays as it is and the part that trains. Where it divides does not depend on the image size.
 *
 * Floating-point weights of more than one number train: those of convolutions and fully connected layers, factors and offsets of
 * normalisations, slopes, tables, tokens, and constants that layers add or multiply with. Running statistics of normalisation by batch,
 * single numbers, what prepares the photos before the first layer, and weights that the frozen part uses as well stay as they are.
 *
 * @param backbone - a float backbone
 * @param fineTune - `last-stage` for the layers behind the last reduction of size, `all`, or the beginning of a layer's name: that layer and all
 *   behind it, from the last value before it that everything goes through
 * @param imageSize - height and width of the photos in pixels
 * @throws HeadstartError `INVALID_OPTION` if no layer's name begins so, or nothing trains; `UNSUPPORTED` if the part is quantised, or gradients
 *   cannot pass through an operator in it, which is named with its layers
 */
export function divide(backbone: Backbone, fineTune: string, imageSize: number): Divided {
  if (backbone.precision === "int8") throw quantised(backbone);
  const network = networkStages(backbone.graph, backbone.imageSize);
  const boundary = boundaryOf(network, fineTune);
  const depths = depthsOf(network, boundary);
  if (depths.size === 0)
    throw new HeadstartError(
      "INVALID_OPTION",
      `Nothing of ${backbone.name} that --fine-tune ${fineTune} names has weights.`,
      "Use --fine-tune all, or --fine-tune head to train the head alone.",
    );
  const names = ownNames(network.form);
  const own = (name: string) => names.get(name) ?? name;
  const graph = imageSize === backbone.imageSize ? network.graph : atImageSize(network.form, imageSize);
  const parameters = Array.from(depths, ([name, depth]): TrainableParameter => {
    const value = constantNamed(graph, name);
    return { name: own(name), shape: value.dims, value, depth };
  });
  const tail = tailOf(
    renameValues(graph, names),
    own(boundary),
    parameters.map(({ name }) => name),
  );
  checkGradients(backbone, tail, parameters);
  return {
    trunk: boundary === graph.inputs[0]?.name ? undefined : trunkOf(backbone, graph, boundary, imageSize),
    tail,
    parameters,
    statistics: statisticsOf(tail),
    stages: Math.max(...depths.values()) + 1,
  };
}

/** The weights behind a boundary that nothing before it uses, and their depths. */
function depthsOf({ graph, stages }: DividedNetwork, boundary: string): Map<string, number> {
  const frozen = new Set<string>();
  const depths = new Map<string, number>();
  let isBehind = boundary === graph.inputs[0]?.name;
  for (const [i, { blocks }] of stages.entries())
    for (const block of blocks) {
      isBehind ||= block.from === boundary;
      for (const name of block.weights) {
        if (!isBehind) frozen.add(name);
        else if (!frozen.has(name) && !depths.has(name)) depths.set(name, stages.length - 1 - i);
      }
    }
  return depths;
}

function constantNamed(graph: Graph, name: string): Tensor {
  const value = graph.initializers.get(name);
  if (value !== undefined) return value;
  throw new HeadstartError("INVALID_MODEL", `The network ${graph.name} has no constant ${name}.`);
}

/** The frozen part as a backbone for photos of one size. */
function trunkOf(backbone: Backbone, sized: Graph, boundary: string, imageSize: number): Backbone {
  const size = sizeOf(sized, boundary) ?? [];
  const features = elementCount(size);
  const whole = inInferenceForm(backbone.graph);
  const b = GraphBuilder.from(prune({ ...whole, inputs: sized.inputs, values: new Map() }, [boundary]));
  b.clearOutputs();
  const flat = size.length === 1 ? boundary : b.node("Flatten", [boundary], { axis: 1 });
  b.output("features", "float32", ["N", features], flat);
  const graph = b.build();
  return {
    ...backbone,
    graph,
    features,
    tensor: boundary,
    reason: `${boundary} is where the trainable part begins.`,
    digest: combined(backbone.digest, "activations", boundary),
    parameters: countParameters(graph),
    imageSize,
  };
}

function statisticsOf({ nodes, initializers }: Graph): TrainableStatistic[] {
  return nodes.flatMap((node) => {
    const [, , , mean = "", variance = ""] = node.inputs;
    const isNorm = node.op === "BatchNormalization" && node.domain === "" && !isInTraining(node);
    return isNorm && initializers.has(mean) && initializers.has(variance)
      ? { node: node.name, mean, variance }
      : [];
  });
}

/** Refuses a part that gradients cannot pass through, before anything runs. */
function checkGradients(backbone: Backbone, tail: Graph, parameters: readonly TrainableParameter[]): void {
  if (tail.nodes.some(isQuantised)) throw quantised(backbone);
  const b = GraphBuilder.from(tail);
  const loss = b.node("ReduceSum", ["features"], { keepdims: 0 });
  const missing = missingRules(
    b.build(),
    loss,
    parameters.map(({ name }) => name),
  );
  if (missing.length === 0) return;
  const layers = missing.map(({ op, domain, name }) => `${name} (${domain === "" ? op : `${domain}.${op}`})`);
  const more = layers.length > 3 ? ` and ${layers.length - 3} more` : "";
  throw new HeadstartError(
    "UNSUPPORTED",
    `${backbone.name} cannot be fine-tuned that far: gradients have no way through ${layers.slice(0, 3).join(", ")}${more}.`,
    `Train only layers behind ${missing.at(-1)?.name}: --fine-tune with the beginning of a layer's name, or --fine-tune head.`,
  );
}

function isQuantised({ op }: Node): boolean {
  return (
    op === "QuantizeLinear" ||
    op === "DequantizeLinear" ||
    op === "DynamicQuantizeLinear" ||
    op === "ConvInteger" ||
    op === "MatMulInteger" ||
    op.startsWith("QLinear")
  );
}

function quantised({ name }: Backbone): HeadstartError {
  return new HeadstartError(
    "UNSUPPORTED",
    `${name} is an int8 network, whose layers cannot be trained.`,
    "Use --fine-tune head, or a float network as the backbone.",
  );
}
