import { elementTypeOf } from "../element-types.js";
import type { Dim } from "../graph.js";
import type { DataType } from "../tensor.js";
import type { Known, NodeContext, ShapeRule } from "./context.js";

/** Operators that make one output of their first input's type and shape. */
const LIKE_FIRST = [
  "Abs",
  "Acos",
  "Acosh",
  "Asin",
  "Asinh",
  "Atan",
  "Atanh",
  "BitwiseNot",
  "Celu",
  "Clip",
  "Cos",
  "Cosh",
  "CumSum",
  "Elu",
  "Erf",
  "Exp",
  "Gelu",
  "GroupNormalization",
  "HardSigmoid",
  "HardSwish",
  "Hardmax",
  "InstanceNormalization",
  "LRN",
  "LeakyRelu",
  "Log",
  "LogSoftmax",
  "LpNormalization",
  "MeanVarianceNormalization",
  "Mish",
  "PRelu",
  "Reciprocal",
  "Relu",
  "ReverseSequence",
  "Round",
  "Scatter",
  "ScatterElements",
  "ScatterND",
  "Selu",
  "Shrink",
  "Sigmoid",
  "Sign",
  "Sin",
  "Sinh",
  "Softmax",
  "Softplus",
  "Softsign",
  "Sqrt",
  "Swish",
  "Tan",
  "Tanh",
  "ThresholdedRelu",
  "Trilu",
];

/** Operators on any two or more tensors that broadcast, of the first one's type. */
const BROADCAST = ["BitShift", "BitwiseAnd", "BitwiseOr", "BitwiseXor", "Mean", "Pow", "Sum"];

/** The same with a yes or no for each element. */
const COMPARE = ["And", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Or", "Xor"];

const likeFirst: ShapeRule = (node) => [{ type: node.type(0), shape: node.shape(0) }];

function broadcastShape(node: NodeContext): Dim[] | undefined {
  const shapes = node.node.inputs.map((_, i) => node.shape(i));
  return shapes.every((shape) => shape !== undefined) ? node.broadcast(shapes) : undefined;
}

/** A rule for an operator on two tensors that is followed through shape arithmetic. */
function arithmetic(apply: (node: NodeContext, a: Dim, b: Dim) => Dim): ShapeRule {
  return (node) => {
    const shape = broadcastShape(node);
    return [
      {
        type: node.type(0),
        shape,
        elements: zip(node, shape, [0, 1], ([a = "?", b = "?"]) => apply(node, a, b)),
      },
    ];
  };
}

/** Applies a function to the elements at each place of small tensors of which one may be a scalar. */
function zip(
  node: NodeContext,
  shape: readonly Dim[] | undefined,
  inputs: readonly number[],
  apply: (elements: readonly Dim[]) => Dim,
): Dim[] | undefined {
  const lists = inputs.map((input) => node.elements(input));
  if (shape === undefined || shape.length > 1 || !lists.every((list) => list !== undefined)) return undefined;
  const length = shape[0] ?? 1;
  if (typeof length !== "number" || !lists.every((list) => list.length === 1 || list.length === length))
    return undefined;
  return Array.from({ length }, (_, i) => apply(lists.map((list) => list[list.length === 1 ? 0 : i] ?? "?")));
}

function numeric(apply: (a: number, b: number) => number): ShapeRule {
  return arithmetic((_, a, b) =>
    typeof a === "number" && typeof b === "number" ? apply(a, b) : a === b ? a : "?",
  );
}

/** What is left after a division, with the sign of the divisor, or of the dividend with `fmod`. */
const remainder: ShapeRule = arithmetic((node, a, b) => {
  if (typeof a !== "number" || typeof b !== "number" || b === 0) return "?";
  return node.int("fmod", 0) === 1 ? a % b : a - Math.floor(a / b) * b;
});

const divide: ShapeRule = arithmetic((node, a, b) => {
  const whole = node.type(0) === "int64" || node.type(0) === "int32";
  if (typeof a === "number" && typeof b === "number")
    return b === 0 ? "?" : whole ? Math.trunc(a / b) : a / b;
  if (typeof b !== "number" || b === 0) return node.symbols.divideExactly(a, b) ?? "?";
  if (whole) return node.symbols.floorDivide(a, b);
  return b === 1 ? a : "?";
});

/** Whether two sizes are equal; `"?"` where that is not known. A size with a name is never negative. */
const equal: ShapeRule = (node) => {
  const shape = broadcastShape(node);
  const elements = zip(node, shape, [0, 1], ([a = "?", b = "?"]) => {
    if (typeof a === "number" && typeof b === "number") return a === b ? 1 : 0;
    if (a === "?" || b === "?") return "?";
    if (a === b) return 1;
    return (typeof a === "number" && a < 0) || (typeof b === "number" && b < 0) ? 0 : "?";
  });
  return [{ type: "bool", shape, elements }];
};

const where: ShapeRule = (node) => {
  const shape = broadcastShape(node);
  const elements = zip(node, shape, [0, 1, 2], ([yes = "?", a = "?", b = "?"]) =>
    yes === 1 ? a : yes === 0 ? b : a === b ? a : "?",
  );
  return [{ type: node.type(1) ?? node.type(2), shape, elements }];
};

/** A rule for rounding and signs, which names of sizes go through unchanged or not at all. */
function single(apply: (a: number) => number, name: (node: NodeContext, a: string) => Dim): ShapeRule {
  return (node) => [
    {
      type: node.type(0),
      shape: node.shape(0),
      elements: node.elements(0)?.map((a) => (typeof a === "number" ? apply(a) : name(node, a))),
    },
  ];
}

const cast: ShapeRule = (node) => [castTo(node, elementTypeOf(node.int("to", 0)))];

function castTo(node: NodeContext, type: DataType | undefined): Known {
  const elements = node.elements(0);
  const whole = type === "int64" || type === "int32";
  const lost = type === undefined || type === "bool";
  return {
    type,
    shape: node.shape(0),
    elements: whole ? elements?.map(truncate) : lost ? undefined : elements,
  };
}

function truncate(element: Dim): Dim {
  return typeof element === "number" ? Math.trunc(element) : element;
}

const dropout: ShapeRule = (node) => [
  { type: node.type(0), shape: node.shape(0) },
  { type: "bool", shape: node.shape(0) },
];

const batchNormalization: ShapeRule = (node) => {
  const shape = node.shape(0);
  const channels: Known = { type: node.type(1), shape: node.shape(1) };
  const size = node.shape(1)?.[0];
  if (shape !== undefined && shape[1] !== undefined && size !== undefined)
    node.same(shape[1], size, "the number of channels");
  return [{ type: node.type(0), shape }, channels, channels];
};

const layerNormalization: ShapeRule = (node) => {
  const shape = node.shape(0);
  if (shape === undefined) return [{ type: node.type(0) }];
  const from = node.axis(node.int("axis", -1), shape.length);
  const scale = node.shape(1);
  if (scale !== undefined) node.broadcast([shape.slice(from), scale]);
  const means: Known = { type: "float32", shape: shape.map((dim, axis) => (axis < from ? dim : 1)) };
  return [{ type: node.type(0), shape }, means, means];
};

/** Operators that work on each element, and normalisations. */
export const ELEMENTWISE: Readonly<Record<string, ShapeRule>> = {
  ...Object.fromEntries(LIKE_FIRST.map((op) => [op, likeFirst])),
  ...Object.fromEntries(
    BROADCAST.map((op): [string, ShapeRule] => [
      op,
      (node) => [{ type: node.type(0), shape: broadcastShape(node) }],
    ]),
  ),
  ...Object.fromEntries(
    COMPARE.map((op): [string, ShapeRule] => [op, (node) => [{ type: "bool", shape: broadcastShape(node) }]]),
  ),
  Not: (node) => [{ type: "bool", shape: node.shape(0) }],
  IsNaN: (node) => [{ type: "bool", shape: node.shape(0) }],
  IsInf: (node) => [{ type: "bool", shape: node.shape(0) }],
  Identity: (node) => [node.inputs[0]],
  Add: arithmetic((node, a, b) => node.symbols.add(a, b)),
  Sub: arithmetic((node, a, b) => node.symbols.subtract(a, b)),
  Mul: arithmetic((node, a, b) => node.symbols.multiply(a, b)),
  Div: divide,
  Mod: remainder,
  Min: numeric(Math.min),
  Max: numeric(Math.max),
  Neg: single(
    (a) => -a,
    (node, a) => node.symbols.subtract(0, a),
  ),
  Floor: single(Math.floor, (_, a) => a),
  Ceil: single(Math.ceil, (_, a) => a),
  Equal: equal,
  Where: where,
  Cast: cast,
  CastLike: (node) => [castTo(node, node.type(1))],
  Dropout: dropout,
  BatchNormalization: batchNormalization,
  LayerNormalization: layerNormalization,
  RMSNormalization: likeFirst,
  QuantizeLinear: (node) => [
    { type: node.type(2) ?? (elementTypeOf(node.int("output_dtype", 0)) || "uint8"), shape: node.shape(0) },
  ],
  DequantizeLinear: (node) => [{ type: node.type(1), shape: node.shape(0) }],
};
