import { z } from "zod";
import type { Emitter, LayerCall } from "../context.js";
import { aligned, broadcastShape, constantOperand } from "../operands.js";
import { storedAxis, type Value } from "../value.js";

const Along = z.object({ axis: z.int().default(-1) });
const Scale = z.object({ scale: z.number() });

/** Operands in the order of the arguments, constants among them. */
function operands(call: LayerCall): { readonly names: readonly string[]; readonly like: Value } {
  const [first, ...others] = aligned(call, call.inputs);
  if (first === undefined) throw call.invalid("it reads no tensor");
  const tensors = [first, ...others];
  const like: Value = { ...first, shape: broadcastShape(call, tensors) };
  const given = [
    ...call.call.positional,
    ...["x1", "x2", "x", "y", "bias"].flatMap((name) => call.call.named.get(name) ?? []),
  ];
  let read = 0;
  const names = given.map((argument, i) =>
    argument.kind === "tensor"
      ? (tensors[read++] ?? first).name
      : constantOperand(call, argument.value, like, `constant_${i}`),
  );
  return { names, like };
}

/** An operator between each operand and the next. */
export const chain =
  (op: string, most = Number.POSITIVE_INFINITY): Emitter =>
  (call) => {
    const { names, like } = operands(call);
    const [first, ...others] = names;
    if (first === undefined || others.length === 0 || names.length > most)
      throw call.invalid(`it combines ${names.length} tensors`);
    const name = others.reduce(
      (sum, next, i) => call.node(op, [sum, next], {}, i === others.length - 1 ? undefined : `${i}`),
      first,
    );
    return { ...like, name };
  };

const average: Emitter = (call) => {
  const { names, like } = operands(call);
  const [first, ...others] = names;
  if (first === undefined || others.length === 0) throw call.invalid(`it combines ${names.length} tensors`);
  const sum = others.reduce((all, next, i) => call.node("Add", [all, next], {}, `sum_${i}`), first);
  return { ...like, name: call.node("Mul", [sum, call.scalar(1 / names.length)]) };
};

const concatenate: Emitter = (call) => {
  const { axis: written } = call.config(Along);
  const values = aligned(call, call.inputs);
  const [first] = values;
  if (first === undefined) throw call.invalid("it reads no tensor");
  const axis = call.axis(written, first.shape.length);
  const sizes = values.map(({ shape }) => shape[axis] ?? "?");
  const total = sizes.every((size) => typeof size === "number")
    ? sizes.reduce((sum, size) => sum + size, 0)
    : "?";
  const name = call.node(
    "Concat",
    values.map((value) => value.name),
    { axis: storedAxis(first, axis) },
  );
  return { ...first, name, shape: first.shape.map((size, i) => (i === axis ? total : size)) };
};

/** The first tensor plus a multiple of the second, as Keras's InceptionResNetV2 has it. */
const scaledSum: Emitter = (call) => {
  const { scale } = call.config(Scale);
  const [first, second] = aligned(call, call.inputs);
  if (first === undefined || second === undefined) throw call.invalid("it needs two tensors");
  const scaled = call.node("Mul", [second.name, call.scalar(scale)], {}, "scaled");
  return { ...first, name: call.node("Add", [first.name, scaled]) };
};

/** Layers that put tensors together, and Keras 3's operators of the same names, by class name. */
export const MERGE: Readonly<Record<string, Emitter>> = {
  Add: chain("Add"),
  Average: average,
  Concatenate: concatenate,
  CustomScaleLayer: scaledSum,
  Divide: chain("Div", 2),
  Maximum: chain("Max"),
  Minimum: chain("Min"),
  Multiply: chain("Mul"),
  Subtract: chain("Sub", 2),
  TrueDivide: chain("Div", 2),
};
