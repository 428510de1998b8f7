import type { Dim } from "../graph.js";
import type { NodeContext, ShapeRule } from "./context.js";

const REDUCTIONS = ["L1", "L2", "LogSum", "LogSumExp", "Max", "Mean", "Min", "Prod", "Sum", "SumSquare"];

const reduce: ShapeRule = (node) => {
  const type = node.type(0);
  const x = node.shape(0);
  const list = node.list(1, "axes");
  if (x === undefined || list === undefined) return [{ type }];
  if (list.length === 0 && node.int("noop_with_empty_axes", 0) === 1) return [{ type, shape: x }];
  const axes = new Set(list.map((axis) => node.axis(axis, x.length)));
  return [{ type, shape: without(node, x, list.length === 0 ? new Set(x.keys()) : axes) }];
};

const argument: ShapeRule = (node) => {
  const x = node.shape(0);
  if (x === undefined) return [{ type: "int64" }];
  return [{ type: "int64", shape: without(node, x, new Set([node.axis(node.int("axis", 0), x.length)])) }];
};

function without(node: NodeContext, x: readonly Dim[], axes: ReadonlySet<number>): Dim[] {
  if (node.int("keepdims", 1) === 1) return x.map((dim, axis) => (axes.has(axis) ? 1 : dim));
  return x.filter((_, axis) => !axes.has(axis));
}

const topK: ShapeRule = (node) => {
  const x = node.shape(0);
  const type = node.type(0);
  if (x === undefined) return [{ type }, { type: "int64" }];
  const axis = node.axis(node.int("axis", -1), x.length);
  const k = node.has(1) ? (node.elements(1)?.[0] ?? "?") : node.int("k", 1);
  const shape = x.map((dim, i) => (i === axis ? k : dim));
  return [
    { type, shape },
    { type: "int64", shape },
  ];
};

/** Operators that take axes away. */
export const REDUCE: Readonly<Record<string, ShapeRule>> = {
  ...Object.fromEntries(REDUCTIONS.map((name) => [`Reduce${name}`, reduce])),
  ArgMax: argument,
  ArgMin: argument,
  TopK: topK,
};
