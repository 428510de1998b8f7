import { float32, floats, type Graph, GraphBuilder, type Tensor } from "../onnx/index.js";

/** What says how unlike the training photos a photo is: the constants of {@link addUnlike}. */
export interface Unlike {
  /** Directions in the space of features that the training photos lie in, `[P, D]`, each of length 1. */
  readonly prototypes: Tensor;
  /** Distances of training photos that were held out, from small to large: the 0 %, 1 %, ... 100 % quantile, `[101]`. */
  readonly quantiles: Tensor;
}

/**
 * Adds what says how unlike the training photos a photo is: which share of training photos, held out, lie nearer to the others than it does.
 * The distance is 1 − the cosine to the nearest prototype; between two quantiles the share goes up evenly.
 *
 * @param builder - the graph that the nodes are added to
 * @param features - the name of the features, float `[N, D]`
 * @param constants - from `fitUnlike`
 * @returns the name of the shares, float `[N]`, from 0 to 1
 *
 * @example
 * const b = new GraphBuilder("unlike");
 * const features = b.input("features", "float32", ["N", 2]);
 * const constants = { prototypes: float32([1, 2], [1, 0]), quantiles: float32([2], [0, 1]) };
 * b.output("unlike", "float32", ["N"], addUnlike(b, features, constants));
 */
export function addUnlike(
  builder: GraphBuilder,
  features: string,
  { prototypes, quantiles }: Unlike,
): string {
  const known = builder.constant("unlike.prototypes", prototypes);
  const distance = addDistance(builder, features, known);
  const table = Array.from(floats(quantiles));
  const steps = table.length - 1;
  const low = builder.constant("unlike.quantiles", float32([steps], table.slice(0, -1)));
  // Of quantiles that are the same, the share jumps.
  const widths = table.slice(1).map((high, i) => Math.max(high - (table[i] ?? 0), 1e-7));
  const width = builder.constant("unlike.widths", float32([steps], widths));
  const along = builder.node("Div", [builder.node("Sub", [distance, low]), width]);
  const passed = builder.node("Clip", [along, builder.scalar(0), builder.scalar(1)]);
  return builder.node("ReduceMean", [passed, builder.integers([1])], { keepdims: 0 }, { name: "unlike" });
}

/** 1 − the cosine to the nearest prototype, `[N, 1]`. */
function addDistance(b: GraphBuilder, features: string, prototypes: string): string {
  const cosine = b.node("MatMul", [
    addUnit(b, features),
    b.node("Transpose", [prototypes], { perm: [1, 0] }),
  ]);
  const nearest = b.node("ReduceMax", [cosine, b.integers([1])], { keepdims: 1 });
  return b.node("Sub", [b.scalar(1), nearest]);
}

/** Rows of length 1; a row of zeros stays. */
function addUnit(b: GraphBuilder, rows: string): string {
  const length = b.node("ReduceL2", [rows, b.integers([1])], { keepdims: 1 });
  return b.node("Div", [rows, b.node("Max", [length, b.scalar(1e-12)])]);
}

/**
 * The graphs of `fitUnlike`:
 *
 * - `assign`: adds each photo, at length 1, to the sum of the nearest prototype of its class
 * - `renew`: the prototypes that the sums point to; one that has no photos stays where it was
 * - `distance`: how far photos are from the nearest prototype, of whatever class
 */
export function composeUnlike(features: number) {
  return {
    assign: composeAssign(features),
    renew: composeRenew(features),
    distance: composeDistance(features),
  } satisfies Record<string, Graph>;
}

function composeAssign(features: number): Graph {
  const b = new GraphBuilder("assign");
  const x = addUnit(b, b.input("features", "float32", ["N", features]));
  const label = b.input("label", "int64", ["N"]);
  const prototypes = b.input("prototypes", "float32", ["P", features]);
  const owner = b.input("owner", "int64", ["P"]);
  const before = b.input("sums_in", "float32", ["P", features]);
  const cosine = b.node("MatMul", [x, b.node("Transpose", [prototypes], { perm: [1, 0] })]);
  const own = b.node("Equal", [
    b.node("Unsqueeze", [label, b.integers([1])]),
    b.node("Unsqueeze", [owner, b.integers([0])]),
  ]);
  // Below every cosine.
  const among = b.node("Where", [own, cosine, b.scalar(-2)]);
  const nearest = b.node("ArgMax", [among], { axis: 1, keepdims: 0 });
  const count = b.node("Squeeze", [b.node("Shape", [owner]), b.integers([0])]);
  const off = b.constant("off_on", float32([2], [0, 1]));
  const chosen = b.node("OneHot", [nearest, count, off], { axis: 1 });
  const sums = b.node("MatMul", [b.node("Transpose", [chosen], { perm: [1, 0] }), x]);
  b.output("sums_out", "float32", ["P", features], b.node("Add", [before, sums]));
  return b.build();
}

function composeRenew(features: number): Graph {
  const b = new GraphBuilder("renew");
  const sums = b.input("sums", "float32", ["P", features]);
  const prototypes = b.input("prototypes", "float32", ["P", features]);
  const length = b.node("ReduceL2", [sums, b.integers([1])], { keepdims: 1 });
  const has = b.node("Greater", [length, b.scalar(1e-6)]);
  b.output("renewed", "float32", ["P", features], b.node("Where", [has, addUnit(b, sums), prototypes]));
  return b.build();
}

function composeDistance(features: number): Graph {
  const b = new GraphBuilder("distance");
  const x = b.input("features", "float32", ["N", features]);
  const prototypes = b.input("prototypes", "float32", ["P", features]);
  b.output("distance", "float32", ["N", 1], addDistance(b, x, prototypes));
  return b.build();
}
