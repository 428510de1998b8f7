import { differentiate } from "../autodiff/index.js";
import { float32, type Graph, GraphBuilder, inferShapes } from "../onnx/index.js";
import { addHead } from "./head.js";
import { addCrossEntropy } from "./losses.js";

/**
 * The graphs of a linear head's fit. A point is the head as one vector: the weights [D, C] row by row, then the bias [C]. Means over photos
 * are taken block by block: `share` is a block's part of all photos, and the results of the blocks add up.
 *
 * - `penalty`: `l2 / 2` times the squared weights, and its gradient
 * - `logits`: what the head gives for each photo
 * - `measure`: mean cross-entropy, and the number of photos answered right
 * - `objective`: as `measure`, and the gradient, added to another
 * - `result`: the head on features as they come
 */
export function composeLinearFit(features: number, classes: number) {
  return {
    penalty: composePenalty(features, classes),
    logits: composeLogits(features, classes),
    measure: composeMeasure(features, classes),
    objective: composeObjective(features, classes),
    result: composeResult(features, classes),
  } satisfies Record<string, Graph>;
}

/** Adds a block's share to the mean of each feature. */
export function composeMean(features: number): Graph {
  const b = new GraphBuilder("mean");
  const x = b.input("features", "float32", ["N", features]);
  const share = b.input("share", "float32", []);
  const before = b.input("mean_in", "float32", [1, features]);
  const own = b.node("ReduceMean", [x, b.integers([0])], { keepdims: 1 });
  b.output("mean_out", "float32", [1, features], b.node("Add", [before, b.node("Mul", [own, share])]));
  return b.build();
}

/** A block's share of the mean over the features of their variance. */
export function composeVariance(features: number): Graph {
  const b = new GraphBuilder("variance");
  const x = b.input("features", "float32", ["N", features]);
  const mean = b.input("mean", "float32", [1, features]);
  const share = b.input("share", "float32", []);
  const centred = b.node("Sub", [x, mean]);
  const own = b.node("ReduceMean", [b.node("Mul", [centred, centred])], { keepdims: 0 });
  b.output("variance", "float32", [], b.node("Mul", [own, share]));
  return b.build();
}

/** Features minus their mean, times one number. */
export function composeStandardise(features: number): Graph {
  const b = new GraphBuilder("standardise");
  const x = b.input("features", "float32", ["N", features]);
  const mean = b.input("mean", "float32", [1, features]);
  const scale = b.input("scale", "float32", []);
  b.output("standard", "float32", ["N", features], b.node("Mul", [b.node("Sub", [x, mean]), scale]));
  return b.build();
}

function composePenalty(features: number, classes: number): Graph {
  const b = new GraphBuilder("penalty");
  const { weight } = addPoint(b, features, classes);
  const l2 = b.input("l2", "float32", []);
  const squares = b.node("ReduceSum", [b.node("Mul", [weight, weight])], { keepdims: 0 });
  b.output("loss", "float32", [], b.node("Mul", [b.node("Mul", [squares, b.scalar(0.5)]), l2]));
  const { graph, gradients } = differentiate(inferShapes(b.build()), "loss", [weight]);
  const whole = GraphBuilder.from(graph);
  const none = whole.constant("no_bias", float32([classes], new Float32Array(classes)));
  const gradient = addVector(whole, gradients.get(weight) ?? "", none);
  whole.output("gradient", "float32", [features * classes + classes], gradient);
  return whole.build();
}

function composeLogits(features: number, classes: number): Graph {
  const b = new GraphBuilder("logits");
  const x = b.input("features", "float32", ["N", features]);
  const { logits } = addHead(b, { features: x, ...addPoint(b, features, classes) });
  b.output("logits", "float32", ["N", classes], logits);
  return b.build();
}

function composeMeasure(features: number, classes: number): Graph {
  const b = new GraphBuilder("cross-entropy");
  addCrossEntropyOfPoint(b, features, classes);
  return b.build();
}

function composeObjective(features: number, classes: number): Graph {
  const size = features * classes + classes;
  const b = new GraphBuilder("cross-entropy and its gradient");
  const { weight, bias } = addCrossEntropyOfPoint(b, features, classes);
  const { graph, gradients } = differentiate(inferShapes(b.build()), "loss", [weight, bias]);
  const whole = GraphBuilder.from(graph);
  const before = whole.input("gradient_in", "float32", [size]);
  const here = addVector(whole, gradients.get(weight) ?? "", gradients.get(bias) ?? "");
  whole.output("gradient_out", "float32", [size], whole.node("Add", [before, here]));
  return whole.build();
}

function composeResult(features: number, classes: number): Graph {
  const b = new GraphBuilder("head on features as they come");
  const { weight, bias } = addPoint(b, features, classes);
  const mean = b.input("mean", "float32", [1, features]);
  const scaled = b.node("Mul", [weight, b.input("scale", "float32", [])]);
  b.output("weight", "float32", [features, classes], scaled);
  const shift = b.node("Reshape", [b.node("MatMul", [mean, scaled]), b.integers([classes])]);
  b.output("bias", "float32", [classes], b.node("Sub", [bias, shift]));
  return b.build();
}

/** Declares the input `point` and takes it apart. */
function addPoint(b: GraphBuilder, features: number, classes: number): { weight: string; bias: string } {
  const point = b.input("point", "float32", [features * classes + classes]);
  const [flat = "", bias = ""] = b.nodes("Split", [point, b.integers([features * classes, classes])], 2, {
    axis: 0,
  });
  return { weight: b.node("Reshape", [flat, b.integers([features, classes])], {}, { name: "kernel" }), bias };
}

/** The parts of a point, or of its gradient, as one vector. */
function addVector(b: GraphBuilder, weight: string, bias: string): string {
  return b.node("Concat", [b.node("Reshape", [weight, b.integers([-1])]), bias], { axis: 0 });
}

/** Features, labels and a point to the outputs `loss` (the block's part of the mean) and `correct`. */
function addCrossEntropyOfPoint(
  b: GraphBuilder,
  features: number,
  classes: number,
): { weight: string; bias: string } {
  const x = b.input("features", "float32", ["N", features]);
  const label = b.input("label", "int64", ["N"]);
  const share = b.input("share", "float32", []);
  const { weight, bias } = addPoint(b, features, classes);
  const { logits } = addHead(b, { features: x, weight, bias });
  const { loss, correct } = addCrossEntropy(b, { logits, label, classes });
  b.output("loss", "float32", [], b.node("Mul", [loss, share]));
  b.output("correct", "float32", [], correct);
  return { weight, bias };
}
