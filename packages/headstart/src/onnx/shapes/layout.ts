import { constantOf } from "../constant.js";
import type { Dim } from "../graph.js";
import { elementsOf, HIGHEST_RANK, MOST_ELEMENTS, type NodeContext, type ShapeRule } from "./context.js";

const reshape: ShapeRule = (node) => {
  const type = node.type(0);
  const x = node.shape(0);
  const wanted = node.has(1) || node.ints("shape") === undefined ? node.elements(1) : node.ints("shape");
  const elements = node.elements(0);
  if (wanted === undefined) return [{ type, shape: unknownDims(node.shape(1)?.[0]) }];
  if (wanted.length > HIGHEST_RANK)
    throw node.error(`${wanted.length} dimensions are more than any tensor has`);
  const zeroCopies = node.int("allowzero", 0) === 0;
  const shape = wanted.map((dim, axis): Dim => (dim === 0 && zeroCopies ? (x?.[axis] ?? "?") : dim));
  const free = shape.indexOf(-1);
  for (const dim of shape)
    if (typeof dim === "number" && dim < -1) throw node.error(`it asks for the dimension ${dim}`);
  if (free !== shape.lastIndexOf(-1)) throw node.error("more than one dimension is left open");
  const { symbols } = node;
  const total = x === undefined ? "?" : symbols.product(x);
  const others = symbols.product(shape.filter((_, axis) => axis !== free));
  if (free < 0) {
    if (typeof total === "number" && typeof others === "number" && total !== others)
      throw node.error(`${total} elements do not make [${shape.join(", ")}]`);
  } else {
    const rest = total === 0 && others === 0 ? 0 : symbols.divideExactly(total, others);
    if (rest === undefined) throw node.error(`${total} elements cannot be divided into rows of ${others}`);
    shape[free] = rest;
  }
  return [{ type, shape, elements: shape.length <= 1 ? elements : undefined }];
};

/** A shape of which only the number of dimensions is known. */
function unknownDims(rank: Dim | undefined): Dim[] | undefined {
  return typeof rank === "number" && rank <= HIGHEST_RANK
    ? Array.from({ length: rank }, () => "?")
    : undefined;
}

const flatten: ShapeRule = (node) => {
  const x = node.shape(0);
  if (x === undefined) return [{ type: node.type(0), shape: ["?", "?"] }];
  const axis = node.int("axis", 1);
  const split = axis < 0 ? axis + x.length : axis;
  if (split < 0 || split > x.length)
    throw node.error(`axis ${axis} does not exist in ${x.length} dimensions`);
  const { symbols } = node;
  return [
    { type: node.type(0), shape: [symbols.product(x.slice(0, split)), symbols.product(x.slice(split))] },
  ];
};

const transpose: ShapeRule = (node) => {
  const x = node.shape(0);
  if (x === undefined) return [{ type: node.type(0) }];
  const perm = node.ints("perm") ?? x.map((_, axis) => x.length - 1 - axis);
  if (perm.length !== x.length || new Set(perm).size !== x.length)
    throw node.error(`[${perm.join(", ")}] is no order of ${x.length} dimensions`);
  return [{ type: node.type(0), shape: perm.map((axis) => x[node.axis(axis, x.length)] ?? "?") }];
};

const concat: ShapeRule = (node) => {
  const type = node.inputs.find((input) => input?.type !== undefined)?.type;
  const shapes = node.inputs.map((input) => input?.shape);
  const [first] = shapes;
  if (first === undefined || !shapes.every((shape) => shape !== undefined)) return [{ type }];
  const axis = node.axis(node.int("axis", node.opset < 4 ? 1 : 0), first.length);
  for (const shape of shapes) node.expectRank(shape, first.length, "an input");
  const shape = first.map((dim, i) =>
    shapes
      .slice(1)
      .reduce<Dim>(
        (all, one) =>
          i === axis ? node.symbols.add(all, one[i] ?? "?") : node.same(all, one[i] ?? "?", `dimension ${i}`),
        dim,
      ),
  );
  const lists = node.inputs.map((input) => input?.elements);
  const length = lists.reduce((sum, list) => sum + (list?.length ?? Number.POSITIVE_INFINITY), 0);
  return [
    {
      type,
      shape,
      elements:
        shape.length === 1 && length <= MOST_ELEMENTS ? lists.flatMap((list) => list ?? []) : undefined,
    },
  ];
};

const split: ShapeRule = (node) => {
  const type = node.type(0);
  const count = node.node.outputs.length;
  const x = node.shape(0);
  if (x === undefined) return Array.from({ length: count }, () => ({ type }));
  const axis = node.axis(node.int("axis", 0), x.length);
  const size = x[axis] ?? "?";
  const given = node.has(1) ? node.elements(1) : node.ints("split");
  const open = node.has(1) && given === undefined;
  const { symbols } = node;
  const chunk = symbols.ceilDivide(size, count);
  if (given !== undefined) {
    if (given.length !== count) throw node.error(`${given.length} sizes are given for ${count} outputs`);
    const total = given.reduce((sum, one) => symbols.add(sum, one), 0 as Dim);
    node.same(size, total, `the size of axis ${axis}`);
  }
  return Array.from({ length: count }, (_, i) => {
    const even = i < count - 1 || typeof size !== "number" ? chunk : size - Number(chunk) * (count - 1);
    const part = given?.[i] ?? (open ? "?" : even);
    if (typeof part === "number" && part < 0) throw node.error(`${size} cannot be split into ${count} parts`);
    return { type, shape: x.map((dim, j): Dim => (j === axis ? part : dim)) };
  });
};

const slice: ShapeRule = (node) => {
  const type = node.type(0);
  const x = node.shape(0);
  if (x === undefined) return [{ type }];
  const starts = node.has(1) ? node.elements(1) : node.ints("starts");
  const ends = node.has(2) ? node.elements(2) : node.ints("ends");
  const axes = node.has(3) ? node.numbers(3) : (node.ints("axes") ?? starts?.map((_, i) => i));
  const steps = node.has(4) ? node.numbers(4) : starts?.map(() => 1);
  if (axes === undefined) return [{ type, shape: x.map(() => "?") }];
  const shape = [...x];
  let elements = x.length === 1 ? node.elements(0) : undefined;
  for (const [i, given] of axes.entries()) {
    const axis = node.axis(given, x.length);
    const [start, end, step] = [starts?.[i] ?? "?", ends?.[i] ?? "?", steps?.[i] ?? 0];
    const size = x[axis] ?? "?";
    shape[axis] = sliced(node, size, start, end, step);
    if (elements === undefined) continue;
    elements =
      typeof start === "number" && typeof end === "number" && step !== 0 && elements.length === size
        ? takeSlice(elements, start, end, step)
        : undefined;
  }
  return [{ type, shape, elements }];
};

/** The size of `size` numbers from `start` to `end` in steps. */
function sliced(node: NodeContext, size: Dim, start: Dim, end: Dim, step: number): Dim {
  if (typeof start === "number" && typeof end === "number" && step !== 0 && typeof size === "number") {
    const [from, to] = sliceBounds(size, start, end, step);
    return Math.max(0, Math.ceil((to - from) / step));
  }
  // With a size that is a name: only from the start or from a fixed place to the end, or the first few are followed.
  if (step === 1 && start === 0 && end === size) return size;
  if (step === 1 && start === 0 && typeof end === "number" && end >= 2 ** 31 - 1) return size;
  if (step === 1 && start === 0 && typeof end === "number" && end < 0) return node.symbols.add(size, end);
  if (step === -1 && start === -1 && typeof end === "number" && end <= -(2 ** 31 - 1)) return size;
  return "?";
}

/** Where a slice begins and ends, counted from the front and kept within the axis, as ONNX defines it. */
export function sliceBounds(size: number, start: number, end: number, step: number): [number, number] {
  const place = (at: number, least: number, most: number): number =>
    Math.min(Math.max(at < 0 ? at + size : at, least), most);
  return step > 0
    ? [place(start, 0, size), place(end, 0, size)]
    : [place(start, 0, size - 1), place(end, -1, size - 1)];
}

function takeSlice(elements: readonly Dim[], start: number, end: number, step: number): Dim[] {
  const [from, to] = sliceBounds(elements.length, start, end, step);
  const taken: Dim[] = [];
  for (let i = from; step > 0 ? i < to : i > to; i += step) taken.push(elements[i] ?? "?");
  return taken;
}

const gather: ShapeRule = (node) => {
  const type = node.type(0);
  const x = node.shape(0);
  const indices = node.shape(1);
  if (x === undefined || indices === undefined) return [{ type }];
  if (x.length === 0) throw node.error("its input is a scalar");
  const axis = node.axis(node.int("axis", 0), x.length);
  const list = node.elements(0);
  const at = node.numbers(1);
  const elements =
    x.length === 1 && indices.length <= 1 && list !== undefined && at !== undefined
      ? at.map((index) => {
          const element = list[index < 0 ? index + list.length : index];
          if (element === undefined) throw node.error(`there is no element ${index} among ${list.length}`);
          return element;
        })
      : undefined;
  return [{ type, shape: [...x.slice(0, axis), ...indices, ...x.slice(axis + 1)], elements }];
};

const squeeze: ShapeRule = (node) => {
  const type = node.type(0);
  const x = node.shape(0);
  const list = node.list(1, "axes");
  if (x === undefined || list === undefined) return [{ type }];
  const axes = new Set(list.map((axis) => node.axis(axis, x.length)));
  for (const axis of axes) {
    const dim = x[axis] ?? 1;
    if (typeof dim === "number" && dim !== 1) throw node.error(`dimension ${axis} is ${dim}, not 1`);
  }
  if (axes.size === 0 && x.some((dim) => typeof dim === "string")) return [{ type }];
  const shape = x.filter((dim, axis) => (axes.size === 0 ? dim !== 1 : !axes.has(axis)));
  return [{ type, shape, elements: node.elements(0) }];
};

const unsqueeze: ShapeRule = (node) => {
  const type = node.type(0);
  const x = node.shape(0);
  const list = node.list(1, "axes");
  if (x === undefined || list === undefined) return [{ type }];
  const rank = x.length + list.length;
  if (rank > HIGHEST_RANK) throw node.error(`${rank} dimensions are more than any tensor has`);
  const axes = new Set(list.map((axis) => node.axis(axis, rank)));
  if (axes.size < list.length) throw node.error(`the axes [${list.join(", ")}] name one twice`);
  const rest = x[Symbol.iterator]();
  const shape = Array.from(
    { length: rank },
    (_, axis): Dim => (axes.has(axis) ? 1 : (rest.next().value ?? "?")),
  );
  return [{ type, shape, elements: rank <= 1 ? node.elements(0) : undefined }];
};

const expand: ShapeRule = (node) => {
  const type = node.type(0);
  const x = node.shape(0);
  const wanted = node.elements(1);
  if (x === undefined || wanted === undefined || wanted.length > HIGHEST_RANK) return [{ type }];
  const shape = node.broadcast([x, wanted]);
  const [only] = node.elements(0) ?? [];
  const [length] = shape;
  const elements =
    shape.length === 1 &&
    typeof length === "number" &&
    length <= MOST_ELEMENTS &&
    only !== undefined &&
    x[0] !== length
      ? Array.from({ length }, () => only)
      : shape.length <= 1
        ? node.elements(0)
        : undefined;
  return [{ type, shape, elements }];
};

const tile: ShapeRule = (node) => {
  const x = node.shape(0);
  const repeats = node.elements(1);
  if (x === undefined || repeats === undefined) return [{ type: node.type(0), shape: x?.map(() => "?") }];
  if (repeats.length !== x.length)
    throw node.error(`${repeats.length} repeats are given for ${x.length} dimensions`);
  return [
    { type: node.type(0), shape: x.map((dim, axis) => node.symbols.multiply(dim, repeats[axis] ?? "?")) },
  ];
};

const pad: ShapeRule = (node) => {
  const type = node.type(0);
  const x = node.shape(0);
  const pads = node.has(1) ? node.elements(1) : node.ints("pads");
  if (x === undefined) return [{ type }];
  const axes = node.has(3)
    ? node.numbers(3)?.map((axis) => node.axis(axis, x.length))
    : x.map((_, axis) => axis);
  if (pads === undefined || axes === undefined) return [{ type, shape: x.map(() => "?") }];
  if (pads.length !== 2 * axes.length)
    throw node.error(`${pads.length} pads are given for ${axes.length} axes`);
  const shape = [...x];
  for (const [i, axis] of axes.entries()) {
    const amount = node.symbols.add(pads[i] ?? "?", pads[i + axes.length] ?? "?");
    const size = node.symbols.add(shape[axis] ?? "?", amount);
    if (typeof size === "number" && size < 0)
      throw node.error(`padding of ${amount} leaves nothing of axis ${axis}`);
    shape[axis] = size;
  }
  return [{ type, shape }];
};

const shapeOf: ShapeRule = (node) => {
  const x = node.shape(0);
  if (x === undefined) return [{ type: "int64", shape: ["?"] }];
  const place = (at: number): number => Math.min(Math.max(at < 0 ? at + x.length : at, 0), x.length);
  const elements = x.slice(place(node.int("start", 0)), place(node.int("end", x.length)));
  return [{ type: "int64", shape: [elements.length], elements }];
};

const size: ShapeRule = (node) => {
  const x = node.shape(0);
  return [{ type: "int64", shape: [], elements: x && [node.symbols.product(x)] }];
};

const constantOfShape: ShapeRule = (node) => {
  const value = node.node.attributes.get("value");
  const tensor = value?.kind === "tensor" ? value.value : undefined;
  const shape = node.elements(0);
  const type = tensor?.type ?? "float32";
  if (shape === undefined || shape.length > HIGHEST_RANK)
    return [{ type, shape: unknownDims(node.shape(0)?.[0]) }];
  if (shape.some((dim) => typeof dim === "number" && dim < 0))
    throw node.error(`[${shape.join(", ")}] is no shape`);
  const [length] = shape;
  const element = tensor === undefined ? 0 : (elementsOf(tensor)?.[0] ?? "?");
  const elements =
    shape.length === 1 && typeof length === "number" && length <= MOST_ELEMENTS
      ? Array.from({ length }, (): Dim => element)
      : undefined;
  return [{ type, shape, elements }];
};

const range: ShapeRule = (node) => {
  const type = node.type(0);
  const [start, limit, delta] = [0, 1, 2].map((input) => node.elements(input)?.[0]);
  if (typeof start === "number" && typeof limit === "number" && typeof delta === "number" && delta !== 0) {
    const length = Math.max(0, Math.ceil((limit - start) / delta));
    if (!Number.isSafeInteger(length)) throw node.error("it has no end");
    const elements =
      length <= MOST_ELEMENTS ? Array.from({ length }, (_, i) => start + i * delta) : undefined;
    return [{ type, shape: [length], elements }];
  }
  return [{ type, shape: [start === 0 && delta === 1 ? (limit ?? "?") : "?"] }];
};

const oneHot: ShapeRule = (node) => {
  const type = node.type(2);
  const x = node.shape(0);
  if (x === undefined) return [{ type }];
  const axis = node.axis(node.int("axis", -1), x.length + 1);
  return [{ type, shape: x.toSpliced(axis, 0, node.elements(1)?.[0] ?? "?") }];
};

const gatherElements: ShapeRule = (node) => [{ type: node.type(0), shape: node.shape(1) }];

const gatherNd: ShapeRule = (node) => {
  const type = node.type(0);
  const [x, indices] = [node.shape(0), node.shape(1)];
  const depth = indices?.at(-1);
  if (x === undefined || indices === undefined || typeof depth !== "number") return [{ type }];
  const batch = node.int("batch_dims", 0);
  if (batch + depth > x.length)
    throw node.error(`places of ${batch + depth} coordinates do not exist in ${x.length} dimensions`);
  return [{ type, shape: [...indices.slice(0, -1), ...x.slice(batch + depth)] }];
};

/** Blocks of pixels and channels change places: as many channels fewer as there are more pixels, or the other way round. */
function blocks(toSpace: boolean): ShapeRule {
  return (node) => {
    const x = node.shape(0);
    if (x === undefined) return [{ type: node.type(0) }];
    node.expectRank(x, 4, "the input");
    const [images = "?", channels = "?", height = "?", width = "?"] = x;
    const block = node.int("blocksize", 1);
    const { symbols } = node;
    const more = (dim: Dim, times: number): Dim => symbols.multiply(dim, times);
    const less = (dim: Dim, by: number): Dim => {
      const part = symbols.divideExactly(dim, by);
      if (part === undefined) throw node.error(`${dim} cannot be divided by ${by}`);
      return part;
    };
    const [deep, wide] = toSpace ? [less, more] : [more, less];
    const shape = [images, deep(channels, block ** 2), wide(height, block), wide(width, block)];
    return [{ type: node.type(0), shape }];
  };
}

const constant: ShapeRule = (node) => {
  const tensor = constantOf(node.node);
  if (tensor === undefined) return [];
  return [{ type: tensor.type, shape: tensor.dims, elements: elementsOf(tensor) }];
};

/** Operators that move elements about, and those that make shapes. */
export const LAYOUT: Readonly<Record<string, ShapeRule>> = {
  Reshape: reshape,
  Flatten: flatten,
  Transpose: transpose,
  Concat: concat,
  Split: split,
  Slice: slice,
  Gather: gather,
  GatherElements: gatherElements,
  GatherND: gatherNd,
  DepthToSpace: blocks(true),
  SpaceToDepth: blocks(false),
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  Expand: expand,
  Tile: tile,
  Pad: pad,
  Shape: shapeOf,
  Size: size,
  Constant: constant,
  ConstantOfShape: constantOfShape,
  Range: range,
  OneHot: oneHot,
};
