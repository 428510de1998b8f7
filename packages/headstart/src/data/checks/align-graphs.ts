import { float32, type Graph, GraphBuilder } from "../../onnx/index.js";
import { SMALL } from "./appearance.js";

/** A part of a picture as shares of its sides: top, bottom, left, right. */
export type Box = readonly [number, number, number, number];

/** Whether the part is taken of the second picture, and whether the second is mirrored. */
export interface Way {
  readonly turned: boolean;
  readonly mirrored: boolean;
}

/** The order in which {@link composeCoarse} tries them. */
export const WAYS: readonly Way[] = [
  { turned: false, mirrored: false },
  { turned: false, mirrored: true },
  { turned: true, mirrored: false },
  { turned: true, mirrored: true },
];

/** A part may reach so far beyond the other picture, as a share of its side: both may be cut from a larger one. */
const BEYOND = 0.08;

/** The parts that are tried first: the whole, and nine places for each of three sizes. */
export const BOXES: readonly Box[] = [
  [0, 1, 0, 1],
  ...[0.94, 0.88, 0.82].flatMap((size) =>
    [0, 0.5, 1].flatMap((y) =>
      [0, 0.5, 1].map((x): Box => {
        const [top, left] = [y * (1 - size), x * (1 - size)];
        return [top, top + size, left, left + size];
      }),
    ),
  ),
];

/** Steps of a pair of edges: each inwards, outwards or not at all. */
const STEPS = [-1, 0, 1].flatMap((one) => [-1, 0, 1].map((other) => [one, other] as const));

/** Products of lengths below this are those of pictures of one brightness. */
const LEAST_LENGTH = 1e-6;

/** How far edges move in each round, as a share of a side. */
const ROUNDS = [0.03, 0.015, 0.0075];

/**
 * The best of all ways and parts, at half the size. All parts of a picture are one product with a constant matrix, which is made of the parts of
 * pictures with a single bright pixel. That a part of the mirrored picture matches the other is to say that a part of the picture matches the
 * other mirrored.
 */
export function composeCoarse(): Graph {
  const b = new GraphBuilder("part of one picture on another, coarsely");
  const side = SMALL / 2;
  const area = side * side;
  const pictures = b.input("pictures", "float32", ["N", SMALL, SMALL]);
  const half = (rows: string) => {
    const chosen = b.node("Unsqueeze", [b.node("Gather", [pictures, rows], { axis: 0 }), b.integers([1])]);
    const pooled = b.node("AveragePool", [chosen], { kernel_shape: [2, 2], strides: [2, 2] });
    return b.node("Squeeze", [pooled, b.integers([1])]);
  };
  const single = Array.from({ length: area * area }, (_, i) => Number(i % area === Math.floor(i / area)));
  const boxes = b.constant("boxes", float32([1, BOXES.length, 4], BOXES.flat()));
  const parts = addParts(b, b.constant("single", float32([area, side, side], single)), boxes, side);
  const matrix = b.node("Reshape", [centred(b, parts), b.integers([area, BOXES.length * area])]);
  const one = half(b.input("a", "int64", ["P"]));
  const other = half(b.input("b", "int64", ["P"]));
  // [P, 2, parts]: with the other picture as it is, and mirrored.
  const scores = (picture: string, whole: string) => {
    const flat = b.node("Reshape", [picture, b.integers([-1, area])]);
    const all = b.node("Reshape", [b.node("MatMul", [flat, matrix]), b.integers([-1, BOXES.length, area])]);
    const both = b.node("Concat", [whole, mirror(b, whole, side)], { axis: 1 });
    const wholes = centred(b, b.node("Reshape", [both, b.integers([-1, 2, side, side])]));
    const rows = b.node("Reshape", [wholes, b.integers([-1, 2, area])]);
    const products = b.node("MatMul", [rows, b.node("Transpose", [all], { perm: [0, 2, 1] })]);
    const squares = (value: string) => b.node("ReduceSumSquare", [value, b.integers([2])], { keepdims: 1 });
    const lengths = b.node("Mul", [squares(rows), b.node("Transpose", [squares(all)], { perm: [0, 2, 1] })]);
    return b.node("Div", [products, b.node("Max", [b.node("Sqrt", [lengths]), b.scalar(LEAST_LENGTH)])]);
  };
  const every = b.node("Concat", [scores(one, other), scores(other, one)], { axis: 1 });
  const all = b.node("Reshape", [every, b.integers([-1, WAYS.length * BOXES.length])]);
  b.output("correlation", "float32", ["P"], b.node("ReduceMax", [all, b.integers([1])], { keepdims: 0 }));
  b.output("best", "int64", ["P"], b.node("ArgMax", [all], { axis: 1, keepdims: 0 }));
  return b.build();
}

/** The part's edges moved to where it matches best: top and bottom, then left and right, in ever smaller steps. */
export function composeFine(): Graph {
  const b = new GraphBuilder("part of one picture on another, closely");
  const side = SMALL - 2;
  const pictures = b.input("pictures", "float32", ["N", SMALL, SMALL]);
  // Blurred by two pixels, so that what is left of detail does not depend on where the pixels of a part lie.
  const soft = (rows: string) => {
    let value = b.node("Unsqueeze", [b.node("Gather", [pictures, rows], { axis: 0 }), b.integers([1])]);
    for (let pass = 0; pass < 2; pass++) value = b.node("AveragePool", [value], { kernel_shape: [2, 2] });
    return b.node("Squeeze", [value, b.integers([1])]);
  };
  const one = soft(b.input("a", "int64", ["P"]));
  const straight = soft(b.input("b", "int64", ["P"]));
  const isMirrored = b.node("Greater", [b.input("mirrored", "float32", ["P", 1, 1]), b.scalar(0.5)]);
  const other = b.node("Where", [isMirrored, mirror(b, straight, side), straight]);
  let box = b.input("box", "float32", ["P", 1, 4]);
  let correlation = "";
  for (const step of ROUNDS)
    for (const axis of [0, 1]) {
      const moves = STEPS.flatMap(([first, second]) =>
        [0, 1, 2, 3].map((edge) => step * (edge === 2 * axis ? first : edge === 2 * axis + 1 ? second : 0)),
      );
      const moved = b.node("Add", [box, b.constant("moves", float32([1, STEPS.length, 4], moves))]);
      const boxes = b.node("Clip", [moved, b.scalar(-BEYOND), b.scalar(1 + BEYOND)]);
      const scores = addCorrelation(b, addParts(b, one, boxes, side), other);
      const best = b.node("ArgMax", [scores], { axis: 1, keepdims: 1 });
      const chosen = b.node("GatherND", [boxes, best], { batch_dims: 1 });
      box = b.node("Unsqueeze", [chosen, b.integers([1])]);
      correlation = b.node("ReduceMax", [scores, b.integers([1])], { keepdims: 0 });
    }
  b.output("correlation", "float32", ["P"], correlation);
  return b.build();
}

function mirror(b: GraphBuilder, pictures: string, side: number): string {
  const backwards = Array.from({ length: side }, (_, i) => side - 1 - i);
  return b.node("Gather", [pictures, b.integers(backwards)], { axis: 2 });
}

/** Parts of pictures `[P, side, side]`, each brought to the whole size by linear interpolation: `[P, V, side, side]` for boxes `[P or 1, V, 4]`. */
function addParts(b: GraphBuilder, pictures: string, boxes: string, side: number): string {
  const [top = "", bottom = "", left = "", right = ""] = b.nodes(
    "Split",
    [boxes, b.integers([1, 1, 1, 1])],
    4,
    {
      axis: 2,
    },
  );
  // Pixel y of a part is the picture's pixel at (top + (bottom - top) (y + 0.5) / side) side - 0.5.
  const centres = b.constant(
    "centres",
    float32(
      [1, 1, side],
      Array.from({ length: side }, (_, y) => (y + 0.5) / side),
    ),
  );
  const pixels = Array.from({ length: side }, (_, i) => i);
  const places = (low: string, high: string) => {
    const along = b.node("Add", [low, b.node("Mul", [b.node("Sub", [high, low]), centres])]);
    const at = b.node("Sub", [b.node("Mul", [along, b.scalar(side)]), b.scalar(0.5)]);
    return b.node("Clip", [at, b.scalar(0), b.scalar(side - 1)]);
  };
  // A pixel's weight falls from 1 to 0 over the distance of one pixel.
  const weights = (at: string, axis: number, shape: number[]) => {
    const numbers = b.constant("pixels", float32(shape, pixels));
    const distance = b.node("Abs", [b.node("Sub", [b.node("Unsqueeze", [at, b.integers([axis])]), numbers])]);
    return b.node("Relu", [b.node("Sub", [b.scalar(1), distance])]);
  };
  const rows = weights(places(top, bottom), 3, [1, 1, 1, side]);
  const columns = weights(places(left, right), 2, [1, 1, side, 1]);
  const whole = b.node("Unsqueeze", [pictures, b.integers([1])]);
  return b.node("MatMul", [rows, b.node("MatMul", [whole, columns])]);
}

/** Correlation of parts `[P, V, S, S]` with pictures `[P, S, S]`: `[P, V]`; 0 where either is of one brightness. */
function addCorrelation(b: GraphBuilder, parts: string, pictures: string): string {
  const sum = (value: string) => b.node("ReduceSum", [value, b.integers([-2, -1])], { keepdims: 0 });
  const x = centred(b, parts);
  const y = centred(b, b.node("Unsqueeze", [pictures, b.integers([1])]));
  const product = sum(b.node("Mul", [x, y]));
  const lengths = b.node("Mul", [sum(b.node("Mul", [x, x])), sum(b.node("Mul", [y, y]))]);
  return b.node("Div", [product, b.node("Max", [b.node("Sqrt", [lengths]), b.scalar(LEAST_LENGTH)])]);
}

/** Pictures less their mean brightness. */
function centred(b: GraphBuilder, pictures: string): string {
  return b.node("Sub", [pictures, b.node("ReduceMean", [pictures, b.integers([-2, -1])], { keepdims: 1 })]);
}
