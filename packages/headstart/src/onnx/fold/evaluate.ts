import { elementTypeOf } from "../element-types.js";
import { intAttribute, intsAttribute, type Node } from "../graph.js";
import { numbersOf, tensorOf } from "../scalars.js";
import { sliceBounds } from "../shapes/layout.js";
import { type DataType, elementBytes, elementCount, int64, type Tensor } from "../tensor.js";

/** Inputs of a node, `undefined` where an optional one is absent. */
type Inputs = readonly (Tensor | undefined)[];

/** What a node makes of constants; `undefined` if that is not evaluated here, such as when it would be larger than `limit` elements. */
type Evaluate = (node: Node, inputs: Inputs, limit: number) => Tensor | undefined;

/** How far each step along an axis moves through the elements. */
function stridesOf(dims: readonly number[]): number[] {
  const strides = new Array<number>(dims.length);
  let stride = 1;
  for (let axis = dims.length - 1; axis >= 0; axis--) {
    strides[axis] = stride;
    stride *= dims[axis] ?? 1;
  }
  return strides;
}

/** A tensor whose elements are picked from another: element at each place of `dims` from `offset` plus the strides. */
function pick(
  tensor: Tensor,
  dims: readonly number[],
  strides: readonly number[],
  offset: number,
  limit: number,
): Tensor | undefined {
  const count = elementCount(dims);
  if (!(count <= limit)) return undefined;
  const size = elementBytes(tensor.type);
  const data = new Uint8Array(count * size);
  walk(dims, [strides], [offset], (i, [from = 0]) => {
    for (let byte = 0; byte < size; byte++) data[i * size + byte] = tensor.data[from * size + byte] ?? 0;
  });
  return { type: tensor.type, dims, data };
}

/** Visits every place of `dims` in order, with where it lies in each of several tensors. */
function walk(
  dims: readonly number[],
  strides: readonly (readonly number[])[],
  offsets: readonly number[],
  visit: (index: number, at: readonly number[]) => void,
): void {
  const count = elementCount(dims);
  const place = new Array<number>(dims.length).fill(0);
  const at = [...offsets];
  for (let i = 0; i < count; i++) {
    visit(i, at);
    for (let axis = dims.length - 1; axis >= 0; axis--) {
      const next = (place[axis] ?? 0) + 1;
      const wraps = next >= (dims[axis] ?? 1);
      const steps = wraps ? -(next - 1) : 1;
      place[axis] = wraps ? 0 : next;
      for (let k = 0; k < at.length; k++) at[k] = (at[k] ?? 0) + steps * (strides[k]?.[axis] ?? 0);
      if (!wraps) break;
    }
  }
}

/** The shape that shapes make together by broadcasting, or `undefined` if they do not fit. */
function broadcastDims(a: readonly number[], b: readonly number[]): number[] | undefined {
  const rank = Math.max(a.length, b.length);
  const dims: number[] = [];
  for (let axis = 0; axis < rank; axis++) {
    const [x, y] = [a[axis - rank + a.length] ?? 1, b[axis - rank + b.length] ?? 1];
    if (x !== y && x !== 1 && y !== 1) return undefined;
    dims.push(x === 1 ? y : x);
  }
  return dims;
}

/** Strides of a tensor that is broadcast to more or longer dimensions: 0 where it repeats. */
function broadcastStrides(from: readonly number[], to: readonly number[]): number[] {
  const strides = stridesOf(from);
  return to.map((_, axis) => {
    const own = axis - to.length + from.length;
    return own < 0 || from[own] === 1 ? 0 : (strides[own] ?? 0);
  });
}

/** Whole numbers of an input, such as axes; `[]` where it is absent. */
function list(tensor: Tensor | undefined): number[] | undefined {
  if (tensor === undefined) return [];
  if (tensor.type !== "int64" && tensor.type !== "int32") return undefined;
  return Array.from(numbersOf(tensor));
}

function axesOf(node: Node, tensor: Tensor | undefined, rank: number): Set<number> | undefined {
  const axes = tensor === undefined ? (intsAttribute(node, "axes") ?? []) : list(tensor);
  return axes && new Set(axes.map((axis) => (axis < 0 ? axis + rank : axis)));
}

function reshaped(tensor: Tensor, dims: readonly number[]): Tensor | undefined {
  return elementCount(dims) === elementCount(tensor.dims) ? { ...tensor, dims } : undefined;
}

const EXACT: ReadonlySet<DataType> = new Set(["int64", "uint64"]);

/** Arithmetic on each pair of elements: in 64-bit integers exactly, in float32 rounded after every operation. */
function binary(
  apply: (a: number, b: number) => number,
  exact: ((a: bigint, b: bigint) => bigint) | undefined,
): Evaluate {
  return (_, [a, b], limit) => {
    if (a === undefined || b === undefined || a.type !== b.type || a.type === "bool") return undefined;
    const dims = broadcastDims(a.dims, b.dims);
    if (dims === undefined || !(elementCount(dims) <= limit)) return undefined;
    const strides = [broadcastStrides(a.dims, dims), broadcastStrides(b.dims, dims)];
    if (EXACT.has(a.type)) {
      if (exact === undefined || a.type !== "int64") return undefined;
      const [x, y] = [bigs(a), bigs(b)];
      const result = new BigInt64Array(elementCount(dims));
      try {
        walk(dims, strides, [0, 0], (i, [p = 0, q = 0]) => {
          result[i] = exact(x[p] ?? 0n, y[q] ?? 0n);
        });
      } catch {
        return undefined; // division by zero
      }
      return int64(dims, result);
    }
    const [x, y] = [numbersOf(a), numbersOf(b)];
    const result = new Float64Array(elementCount(dims));
    const round = a.type.startsWith("float") || a.type === "bfloat16" ? (value: number) => value : Math.trunc;
    walk(dims, strides, [0, 0], (i, [p = 0, q = 0]) => {
      result[i] = round(apply(x[p] ?? 0, y[q] ?? 0));
    });
    if (!a.type.includes("float") && !result.every(Number.isSafeInteger)) return undefined;
    return tensorOf(a.type, dims, result);
  };
}

function bigs(tensor: Tensor): BigInt64Array {
  return new BigInt64Array(tensor.data.slice().buffer);
}

/** What is left after a division of whole numbers, with the sign of the divisor. */
const modulo: Evaluate = (node, inputs, limit) =>
  intAttribute(node, "fmod", 0) === 0 && inputs[0]?.type.startsWith("int")
    ? binary(
        (a, b) => a - Math.floor(a / b) * b,
        (a, b) => ((a % b) + b) % b,
      )(node, inputs, limit)
    : undefined;

function unary(apply: (a: number) => number): Evaluate {
  return (_, [x]) => {
    if (x === undefined || !x.type.includes("float")) return undefined;
    return tensorOf(x.type, x.dims, Float64Array.from(numbersOf(x), apply));
  };
}

const cast: Evaluate = (node, [x]) => {
  const type = elementTypeOf(intAttribute(node, "to", 0));
  return x && type && convert(x, type);
};

/** The same numbers in another type. */
function convert(tensor: Tensor, type: DataType): Tensor | undefined {
  if (tensor.type === type) return tensor;
  // Through a double, 64-bit integers would lose digits.
  if (EXACT.has(tensor.type) && EXACT.has(type)) return { ...tensor, type };
  const values = numbersOf(tensor);
  const made = tensorOf(type, tensor.dims, values);
  if (!tensor.type.includes("float") || type.includes("float") || type === "bool") return made;
  // What a number beyond the range of a whole type becomes is not defined.
  const whole = numbersOf(made);
  for (let i = 0; i < values.length; i++) if (whole[i] !== Math.trunc(values[i] ?? 0)) return undefined;
  return made;
}

const reshape: Evaluate = (node, [x, wanted]) => {
  const dims = list(wanted);
  if (x === undefined || dims === undefined || wanted === undefined) return undefined;
  const zeroCopies = intAttribute(node, "allowzero", 0) === 0;
  const shape = dims.map((dim, axis) => (dim === 0 && zeroCopies ? (x.dims[axis] ?? 0) : dim));
  const free = shape.indexOf(-1);
  if (free >= 0) shape[free] = elementCount(x.dims) / elementCount(shape.filter((_, axis) => axis !== free));
  return shape.every((dim) => Number.isInteger(dim) && dim >= 0) ? reshaped(x, shape) : undefined;
};

const flatten: Evaluate = (node, [x]) => {
  if (x === undefined) return undefined;
  const axis = intAttribute(node, "axis", 1);
  const split = axis < 0 ? axis + x.dims.length : axis;
  return reshaped(x, [elementCount(x.dims.slice(0, split)), elementCount(x.dims.slice(split))]);
};

const squeeze: Evaluate = (node, [x, given]) => {
  const axes = x && axesOf(node, given, x.dims.length);
  if (x === undefined || axes === undefined) return undefined;
  return reshaped(
    x,
    x.dims.filter((dim, axis) => (axes.size === 0 ? dim !== 1 : !axes.has(axis))),
  );
};

const unsqueeze: Evaluate = (node, [x, given]) => {
  if (x === undefined) return undefined;
  const count = given === undefined ? (intsAttribute(node, "axes")?.length ?? 0) : elementCount(given.dims);
  const rank = x.dims.length + count;
  const axes = rank <= 64 ? axesOf(node, given, rank) : undefined;
  if (axes === undefined || axes.size !== count) return undefined;
  const rest = x.dims[Symbol.iterator]();
  return reshaped(
    x,
    Array.from({ length: rank }, (_, axis) => (axes.has(axis) ? 1 : Number(rest.next().value ?? 1))),
  );
};

const transpose: Evaluate = (node, [x], limit) => {
  if (x === undefined) return undefined;
  const perm = intsAttribute(node, "perm") ?? x.dims.map((_, axis) => x.dims.length - 1 - axis);
  if (perm.length !== x.dims.length || new Set(perm).size !== perm.length) return undefined;
  if (!perm.every((axis) => x.dims[axis] !== undefined)) return undefined;
  const strides = stridesOf(x.dims);
  return pick(
    x,
    perm.map((axis) => x.dims[axis] ?? 1),
    perm.map((axis) => strides[axis] ?? 0),
    0,
    limit,
  );
};

const concat: Evaluate = (node, inputs, limit) => {
  const [first] = inputs;
  if (first === undefined) return undefined;
  const rank = first.dims.length;
  const given = intAttribute(node, "axis", 0);
  const axis = given < 0 ? given + rank : given;
  const tensors = inputs.filter((tensor) => tensor !== undefined);
  const fits = tensors.every(
    ({ type, dims }) =>
      type === first.type &&
      dims.length === rank &&
      dims.every((dim, i) => i === axis || dim === first.dims[i]),
  );
  if (tensors.length !== inputs.length || first.dims[axis] === undefined || !fits) return undefined;
  const dims = first.dims.map((dim, i) =>
    i === axis ? tensors.reduce((sum, tensor) => sum + (tensor.dims[axis] ?? 0), 0) : dim,
  );
  if (!(elementCount(dims) <= limit)) return undefined;
  const rows = elementCount(first.dims.slice(0, axis));
  const data = new Uint8Array(elementCount(dims) * elementBytes(first.type));
  let at = 0;
  for (let row = 0; row < rows; row++)
    for (const tensor of tensors) {
      const length = tensor.data.byteLength / rows;
      data.set(tensor.data.subarray(row * length, (row + 1) * length), at);
      at += length;
    }
  return { type: first.type, dims, data };
};

const gather: Evaluate = (node, [x, indices], limit) => {
  const at = indices && list(indices);
  if (x === undefined || indices === undefined || at === undefined) return undefined;
  const given = intAttribute(node, "axis", 0);
  const axis = given < 0 ? given + x.dims.length : given;
  const size = x.dims[axis];
  if (size === undefined) return undefined;
  const dims = [...x.dims.slice(0, axis), ...indices.dims, ...x.dims.slice(axis + 1)];
  if (!(elementCount(dims) <= limit)) return undefined;
  const places = at.map((index) => (index < 0 ? index + size : index));
  if (!places.every((place) => place >= 0 && place < size)) return undefined;
  const rows = elementCount(x.dims.slice(0, axis));
  const length = elementCount(x.dims.slice(axis + 1)) * elementBytes(x.type);
  const data = new Uint8Array(elementCount(dims) * elementBytes(x.type));
  if (data.byteLength > 0)
    for (let row = 0, to = 0; row < rows; row++)
      for (const place of places) {
        const from = (row * size + place) * length;
        data.set(x.data.subarray(from, from + length), to);
        to += length;
      }
  return { type: x.type, dims, data };
};

const slice: Evaluate = (node, inputs, limit) => {
  const [x] = inputs;
  if (x === undefined) return undefined;
  const old = inputs.length === 1;
  const starts = old ? intsAttribute(node, "starts") : list(inputs[1]);
  const ends = old ? intsAttribute(node, "ends") : list(inputs[2]);
  if (starts === undefined || ends === undefined || starts.length !== ends.length) return undefined;
  const given = old ? intsAttribute(node, "axes") : inputs[3] && list(inputs[3]);
  const axes = given ?? starts.map((_, axis) => axis);
  const steps = (inputs[4] && list(inputs[4])) ?? starts.map(() => 1);
  const dims = [...x.dims];
  const strides = stridesOf(x.dims);
  let offset = 0;
  for (const [i, one] of axes.entries()) {
    const axis = one < 0 ? one + x.dims.length : one;
    const [size, start, end, step] = [x.dims[axis], starts[i], ends[i], steps[i]];
    if (size === undefined || start === undefined || end === undefined || step === undefined || step === 0)
      return undefined;
    if (dims[axis] !== size || strides[axis] === undefined) return undefined;
    const [from, to] = sliceBounds(size, start, end, step);
    dims[axis] = Math.max(0, Math.ceil((to - from) / step));
    offset += from * strides[axis];
    strides[axis] *= step;
  }
  return pick(x, dims, strides, offset, limit);
};

const constantOfShape: Evaluate = (node, [shape], limit) => {
  const dims = shape && list(shape);
  if (dims === undefined || dims.some((dim) => dim < 0) || dims.length > 64) return undefined;
  const count = elementCount(dims);
  if (!(count <= limit)) return undefined;
  const value = node.attributes.get("value");
  const element = value?.kind === "tensor" ? value.value : tensorOf("float32", [1], [0]);
  const data = new Uint8Array(count * elementBytes(element.type));
  for (let at = 0; at < data.byteLength; at += element.data.byteLength || 1)
    data.set(element.data.subarray(0, data.byteLength - at), at);
  return elementCount(element.dims) === 1 ? { type: element.type, dims, data } : undefined;
};

const range: Evaluate = (_, [start, limit, delta], most) => {
  if (start === undefined || limit === undefined || delta === undefined) return undefined;
  if (start.type !== "int64" && start.type !== "int32" && start.type !== "float32") return undefined;
  const [from, to, step] = [start, limit, delta].map((tensor) => numbersOf(tensor)[0]);
  if (from === undefined || to === undefined || step === undefined || step === 0) return undefined;
  const count = Math.max(0, Math.ceil((to - from) / step));
  if (!(count <= most)) return undefined;
  return tensorOf(
    start.type,
    [count],
    Float64Array.from({ length: count }, (__, i) => from + i * step),
  );
};

const expand: Evaluate = (_, [x, shape], limit) => {
  const wanted = shape && list(shape);
  if (x === undefined || wanted === undefined || wanted.length > 64) return undefined;
  const dims = broadcastDims(x.dims, wanted);
  if (dims === undefined || dims.some((dim) => dim < 0)) return undefined;
  return pick(x, dims, broadcastStrides(x.dims, dims), 0, limit);
};

const dequantize: Evaluate = (node, [x, scale, zero]) => {
  if (x === undefined || scale === undefined || !scale.type.includes("float")) return undefined;
  const block = intAttribute(node, "block_size", 0);
  const given = intAttribute(node, "axis", 1);
  const axis = given < 0 ? given + x.dims.length : given;
  const channels = elementCount(scale.dims);
  const single = scale.dims.length === 0 || channels === 1;
  if (block !== 0 || (!single && (scale.dims.length !== 1 || x.dims[axis] !== channels))) return undefined;
  if (zero !== undefined && elementCount(zero.dims) !== channels) return undefined;
  const inner = single ? 1 : elementCount(x.dims.slice(axis + 1));
  const [values, scales, zeros] = [numbersOf(x), numbersOf(scale), zero && numbersOf(zero)];
  const result = Float64Array.from(values, (value, i) => {
    const channel = single ? 0 : Math.floor(i / inner) % channels;
    return (value - (zeros?.[channel] ?? 0)) * (scales[channel] ?? 1);
  });
  return tensorOf(scale.type, x.dims, result);
};

/** Operators that are evaluated on constants. */
export const EVALUATE: ReadonlyMap<string, Evaluate> = new Map<string, Evaluate>([
  [
    "Add",
    binary(
      (a, b) => a + b,
      (a, b) => a + b,
    ),
  ],
  [
    "Sub",
    binary(
      (a, b) => a - b,
      (a, b) => a - b,
    ),
  ],
  [
    "Mul",
    binary(
      (a, b) => a * b,
      (a, b) => a * b,
    ),
  ],
  [
    "Div",
    binary(
      (a, b) => a / b,
      (a, b) => a / b,
    ),
  ],
  ["Mod", modulo],
  ["Pow", binary((a, b) => a ** b, undefined)],
  ["Neg", unary((a) => -a)],
  ["Sqrt", unary(Math.sqrt)],
  ["Cast", cast],
  ["Concat", concat],
  ["ConstantOfShape", constantOfShape],
  ["DequantizeLinear", dequantize],
  ["Expand", expand],
  ["Flatten", flatten],
  ["Gather", gather],
  ["Identity", (_, [x]) => x],
  ["Range", range],
  ["Reshape", reshape],
  ["Slice", slice],
  ["Squeeze", squeeze],
  ["Transpose", transpose],
  ["Unsqueeze", unsqueeze],
]);
