import { GraphBuilder } from "../builder.js";
import type { Graph, Node } from "../graph.js";
import { prune } from "../prune.js";
import type { Fused } from "./fusion.js";
import { imageShape, type Layer, type Part, type TransposedLayer, type Values } from "./layer.js";

/** The operators of ONNX Runtime on images in blocks. */
const BLOCKED = { domain: "com.microsoft.nchwc" };

/** Writes a graph in which values are there in ONNX's layout, in blocks, or both; what is missing is made where it is first read. */
export class BlockedWriter {
  readonly #b: GraphBuilder;
  readonly #values: Values;
  readonly #block: number;
  readonly #blocked = new Map<string, string>();
  readonly #onlyBlocked = new Set<string>();
  readonly #filters = new Map<string, string>();
  /** Filters `[M, C, ...]` by what they are with inputs and outputs exchanged. */
  readonly #exchanged = new Map<string, string>();

  constructor(graph: Graph, values: Values, block: number) {
    this.#b = GraphBuilder.from({ ...graph, nodes: [] });
    for (const { outputs } of graph.nodes) for (const output of outputs) this.#b.unique(output);
    this.#values = values;
    this.#block = block;
    for (const { op, domain, inputs, outputs, attributes } of graph.nodes) {
      const perm = attributes.get("perm");
      if (op === "Transpose" && domain === "" && perm?.kind === "ints" && perm.value.join() === "1,0,2,3")
        this.#exchanged.set(outputs[0] ?? "", inputs[0] ?? "");
    }
  }

  /** Whether a value is there in blocks. */
  has(value: string): boolean {
    return this.#blocked.has(value);
  }

  /** Whether a value is there in blocks only. */
  hasOnly(value: string): boolean {
    return this.#onlyBlocked.has(value);
  }

  /** Adds a node as it is. */
  copy(node: Node, reads: readonly string[]): void {
    for (const value of reads) this.plain(value);
    this.#b.copy(node);
  }

  /** Sees to it that a value is there in ONNX's layout. */
  plain(value: string): void {
    if (!this.#onlyBlocked.delete(value)) return;
    const channels = imageShape(this.#values, value)?.[1] ?? 0;
    this.#b.copy({
      op: "ReorderOutput",
      ...BLOCKED,
      name: value,
      inputs: [this.#blocked.get(value) ?? ""],
      outputs: [value],
      attributes: new Map([["channels", { kind: "int", value: channels }]]),
    });
  }

  /** A value in blocks. */
  blocked(value: string): string {
    const known = this.#blocked.get(value);
    if (known !== undefined) return known;
    const made = this.#b.node("ReorderInput", [value], {}, BLOCKED);
    this.#blocked.set(value, made);
    return made;
  }

  /** Says that a value of the graph is there in blocks only, as the value `made`. */
  define(value: string, made: string): void {
    this.#blocked.set(value, made);
    this.#onlyBlocked.add(value);
  }

  /** Adds a node that does the same with images in blocks as with images in ONNX's layout. */
  alike(node: Node): void {
    const inputs = node.inputs.map((input) => {
      if (imageShape(this.#values, input)) return this.blocked(input);
      this.plain(input);
      return input;
    });
    const [output = ""] = node.outputs;
    const made = this.#b.unique(`${output}.blocked`);
    this.#b.copy({ ...node, name: made, inputs, outputs: [made] });
    this.define(output, made);
  }

  /** Adds a pooling, which ONNX Runtime has an operator of its own for. */
  pooling(node: Node): void {
    const [input = ""] = node.inputs;
    const [output = ""] = node.outputs;
    const made = this.#b.unique(`${output}.blocked`);
    this.#b.copy({ ...node, ...BLOCKED, name: made, inputs: [this.blocked(input)], outputs: [made] });
    this.define(output, made);
  }

  /** Adds a convolution with what is done in one go with it. */
  convolution({ layer, sum, activation, output }: Fused): void {
    const { node, kind, kernel, paddedFilters } = layer;
    const [x = "", w = "", bias = ""] = node.inputs;
    if (kind === "image") this.plain(x);
    const image = kind === "image" ? x : this.blocked(x);
    const inputs = [image, this.#filter(w, layer)];
    if (bias !== "" || sum !== undefined) inputs.push(bias === "" ? "" : this.#bias(bias, layer));
    if (sum !== undefined) inputs.push(this.blocked(sum));
    const made = this.#b.unique(`${output}.blocked`);
    this.#b.copy({
      op: "Conv",
      ...BLOCKED,
      name: made,
      inputs,
      outputs: [made],
      attributes: new Map([
        ...node.attributes,
        ["kernel_shape", { kind: "ints", value: kernel }],
        ...(kind === "depthwise" ? ([["group", { kind: "int", value: paddedFilters }]] as const) : []),
        ...activation,
      ]),
    });
    this.define(output, made);
  }

  /** Adds a transposed convolution as several convolutions. */
  transposed(layer: TransposedLayer): void {
    const { node, parts, stride, filters } = layer;
    const b = this.#b;
    const [x = "", w = ""] = node.inputs;
    const [output = ""] = node.outputs;
    this.plain(w);
    const [, , height, width] = this.#values.get(output)?.shape ?? [];
    const columns = Number(width) / stride[1];
    const size = this.#block;
    const made = parts.map((row) => row.map((part) => part && this.#part(layer, part, x, w)));
    const found = made.flat().filter((part) => part !== undefined);
    const [only] = made[0] ?? [];
    const whole =
      found.length === 1 && only !== undefined
        ? // One tap: zeros lie between the results.
          b.node("Pad", [
            b.node("Reshape", [only, b.integers([-1, columns, size])]),
            b.integers([0, 0, 0, 0, (stride[0] - 1) * columns, (stride[1] - 1) * size]),
          ])
        : this.#interleaved(made, columns);
    this.define(output, b.node("Reshape", [whole, b.integers([-1, filters, Number(height), Number(width)])]));
  }

  /** Everything that was added and is needed, with the outputs in ONNX's layout. */
  build(): Graph {
    const graph = this.#b.build();
    for (const { name } of graph.outputs) this.plain(name);
    return prune(this.#b.build(), undefined, { keepInputs: true });
  }

  #part(layer: TransposedLayer, { rows, columns }: Part, x: string, w: string): string {
    const b = this.#b;
    const [down, across] = layer.stride;
    const before = (last: number, count: number, step: number) => {
      const end = last - step * count;
      return end < 0 ? Number.MIN_SAFE_INTEGER : end;
    };
    const taps = isPointwise(layer)
      ? w
      : b.node("Slice", [
          w,
          b.integers([rows.last, columns.last]),
          b.integers([before(rows.last, rows.count, down), before(columns.last, columns.count, across)]),
          b.integers([2, 3]),
          b.integers([-down, -across]),
        ]);
    const kernel = [rows.count, columns.count] as const;
    const part = { ...layer, kernel };
    const depthwise = layer.kind === "depthwise";
    const exchanged = () => b.node("Transpose", [taps], { perm: [1, 0, 2, 3] });
    const filter = isPointwise(layer)
      ? this.#exchangedFilter(taps, layer)
      : this.#filter(depthwise ? taps : exchanged(), part);
    return b.node(
      "Conv",
      [this.blocked(x), filter],
      {
        kernel_shape: kernel,
        pads: [rows.pads[0], columns.pads[0], rows.pads[1], columns.pads[1]],
        group: depthwise ? layer.filters : 1,
      },
      BLOCKED,
    );
  }

  /** Lays results between each other: along a row block by block, then row by row. */
  #interleaved(made: readonly (readonly (string | undefined)[])[], columns: number): string {
    const b = this.#b;
    const size = this.#block;
    const some = made.flat().find((part) => part !== undefined) ?? "";
    let zeros: string | undefined;
    const piece = (part: string | undefined) => {
      zeros ??= part ?? b.node("Mul", [some, b.scalar(0)]);
      return b.node("Reshape", [part ?? zeros, b.integers([-1, size])]);
    };
    const lines = made.map((row) => {
      const pieces = row.map(piece);
      const line = pieces.length === 1 ? (pieces[0] ?? "") : b.node("Concat", pieces, { axis: 1 });
      return b.node("Reshape", [line, b.integers([-1, columns * row.length * size])]);
    });
    return lines.length === 1 ? (lines[0] ?? "") : b.node("Concat", lines, { axis: 1 });
  }

  /** A filter in the layout that the operator wants, made with ONNX Runtime's own reordering of images, which does the same with few nodes. */
  #filter(w: string, layer: Layer): string {
    const key = `${w} ${layer.kind}`;
    const known = this.#filters.get(key);
    if (known !== undefined) return known;
    const exchanged = this.#exchanged.get(w);
    if (exchanged !== undefined && isPointwise(layer)) {
      const made = this.#exchangedFilter(exchanged, layer);
      this.#filters.set(key, made);
      return made;
    }
    this.plain(w);
    const b = this.#b;
    const { filters, paddedFilters, channels, paddedChannels, kernel, kind } = layer;
    const depth = kind === "depthwise" ? 1 : paddedChannels;
    const more = [paddedFilters - filters, kind === "depthwise" ? 0 : paddedChannels - channels];
    const padded = more.some((count) => count > 0)
      ? b.node("Pad", [w, b.integers([0, 0, 0, 0, ...more, 0, 0])])
      : w;
    const taps = kernel[0] * kernel[1];
    const reorder = (value: string, dims: readonly number[]) =>
      b.node("ReorderInput", [b.node("Reshape", [value, b.integers(dims)])], {}, BLOCKED);
    const inner = kind === "blocks" && taps > 1 ? reorder(padded, [paddedFilters, depth, taps, 1]) : padded;
    const outer = reorder(inner, [1, paddedFilters, depth * taps, 1]);
    const made = b.node("Reshape", [outer, b.integers([paddedFilters, depth, ...kernel])]);
    this.#filters.set(key, made);
    return made;
  }

  /** The filter of one tap whose inputs and outputs are exchanged in `w`, `[C, M, 1, 1]`. */
  #exchangedFilter(w: string, { filters, channels }: Layer): string {
    this.plain(w);
    const b = this.#b;
    const rows = b.node("Reshape", [w, b.integers([1, channels, 1, filters])]);
    const made = b.node("ReorderInput", [rows], { channels_last: 1 }, BLOCKED);
    return b.node("Reshape", [made, b.integers([filters, channels, 1, 1])]);
  }

  #bias(bias: string, { filters, paddedFilters }: Layer): string {
    this.plain(bias);
    const b = this.#b;
    return filters === paddedFilters ? bias : b.node("Pad", [bias, b.integers([0, paddedFilters - filters])]);
  }
}

/** Whether a layer has one tap and no channels that were added to fill a block. */
function isPointwise({ kind, kernel, filters, paddedFilters, channels, paddedChannels }: Layer): boolean {
  const whole = filters === paddedFilters && channels === paddedChannels;
  return kind === "blocks" && whole && kernel[0] * kernel[1] === 1;
}
