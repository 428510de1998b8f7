import { HeadstartError } from "../errors.js";
import { type Attribute, type Dim, type Graph, intAttribute, type Node } from "./graph.js";
import { Names } from "./names.js";
import { prune } from "./prune.js";
import { Symbols } from "./shapes/symbols.js";
import { int64, integers } from "./tensor.js";
import { Tracker } from "./tracker.js";

/** Where the photos of a batch are in a value: along an axis of `outer * N * more`. */
interface Place {
  readonly axis: number;
  readonly outer: Dim;
}

/** What the number of photos is called; no other size of the graph has this name while it is rewritten. */
const BATCH = "N";

/**
 * A network that was exported for a fixed number of photos, made to take any number. Shapes that the exporter wrote down as constants are
 * followed from node to node: a `Reshape` gets the batch where it keeps the order of the elements, a constant that is joined to every
 * photo, such as a class token, is repeated for each, `Resize` says only the height and width.
 *
 * Whether the photos still do not influence each other has to be tried out; see `withImageInput`, which does.
 *
 * @param graph - a network with one input whose first dimension is a number, in version 18 of ONNX's operators or newer
 * @throws HeadstartError `UNSUPPORTED` naming the node that cannot be made to take another number of photos
 */
export function openBatch(graph: Graph): Graph {
  const [input] = graph.inputs;
  const batch = input?.shape?.[0];
  if (input?.shape === undefined || typeof batch !== "number") return graph;
  const names = ["", "C", "H", "W"];
  const sizes = input.shape
    .slice(1)
    .map((dim, i): Dim => (typeof dim === "number" ? dim : (names[i + 1] ?? `D${i}`)));
  const bare = { ...graph, values: new Map(), outputs: graph.outputs.map(({ name }) => bareOutput(name)) };
  const fixed = { ...bare, inputs: [{ ...input, shape: [batch, ...sizes] }] };
  const opened = new Opening(fixed, input.name, batch, sizes).run();
  const outputs = graph.outputs.map((output) => ({
    ...output,
    shape: output.shape?.map((dim, axis) => (axis === 0 && dim === batch ? BATCH : dim)),
  }));
  return prune({ ...opened, outputs }, undefined, { keepInputs: true });
}

function bareOutput(name: string) {
  return { name, type: undefined, shape: undefined };
}

class Opening {
  readonly #graph: Graph;
  readonly #image: string;
  readonly #batch: number;
  readonly #inputs: Graph["inputs"];
  readonly #before: Tracker;
  readonly #after: Tracker;
  readonly #nodes: Node[] = [];
  readonly #names: Names;
  readonly #outer = new Map<string, Dim>();
  readonly #symbols = new Symbols();
  /** The value that holds the number of photos, once it is needed. */
  #count: string | undefined;

  constructor(graph: Graph, image: string, batch: number, sizes: readonly Dim[]) {
    this.#graph = graph;
    this.#image = image;
    this.#batch = batch;
    this.#inputs = graph.inputs.map((input) => ({ ...input, shape: [BATCH, ...sizes] }));
    this.#before = new Tracker(graph);
    this.#after = new Tracker({ ...graph, inputs: this.#inputs });
    this.#names = new Names([
      image,
      ...graph.initializers.keys(),
      ...graph.nodes.flatMap(({ name, outputs }) => [name, ...outputs]),
    ]);
    this.#outer.set(image, 1);
  }

  run(): Graph {
    for (const node of this.#graph.nodes) {
      this.#before.add(node);
      this.#rewrite(node);
      this.#check(node);
    }
    return { ...this.#graph, inputs: this.#inputs, nodes: this.#nodes, initializers: this.#after.constants };
  }

  #rewrite(node: Node): void {
    if (node.domain === "") {
      if (node.op === "Reshape") {
        this.#reshape(node, this.#before.of(node.outputs[0] ?? "").shape);
        return;
      }
      if (node.op === "Gather" && this.#takesAll(node)) {
        this.#reshape(node, this.#before.of(node.inputs[1] ?? "").shape);
        return;
      }
      if (node.op === "Concat") {
        this.#concat(node);
        return;
      }
      if (node.op === "Squeeze") {
        this.#squeeze(node);
        return;
      }
      if (node.op === "Expand") {
        this.#expand(node);
        return;
      }
      if (node.op === "Resize") {
        this.#resize(node);
        return;
      }
    }
    this.#emit(node);
  }

  /** A reshape gets the batch at the place that keeps the order of the elements. */
  #reshape(node: Node, wanted: readonly Dim[] | undefined): void {
    const [x = ""] = node.inputs;
    const place = this.#placeOf(x);
    const shape = this.#after.of(x).shape;
    if (place === undefined || shape === undefined || wanted === undefined) {
      this.#emit(node);
      return;
    }
    const before = this.#symbols.multiply(this.#symbols.product(shape.slice(0, place.axis)), place.outer);
    const own = node.op === "Reshape" ? this.#after.of(node.inputs[1] ?? "").elements : undefined;
    const target = this.#target(wanted, before, own);
    if (node.op === "Reshape" && (target === undefined || own === undefined)) {
      this.#keep(node, target);
      return;
    }
    if (target === undefined) throw refused(node, this.#batch, "its shape cannot be followed");
    const { axis } = target;
    const copies = intAttribute(node, "allowzero", 0) === 0 && shape[axis] === BATCH && own?.[axis] === 0;
    // The file may leave that dimension open, or follow the number of photos itself.
    if (own !== undefined && (own[axis] === -1 || copies || axesOf(own).length > 0)) {
      this.#keep(node, target);
      return;
    }
    const isWhole = shape[axis] === BATCH && wanted[axis] === this.#batch;
    const dims = wanted.map((dim, i): number => {
      if (i === axis) return isWhole ? 0 : -1;
      const given = own?.[i];
      return typeof dim === "number" ? dim : typeof given === "number" ? given : -1;
    });
    if (dims.filter((dim) => dim === -1).length > 1)
      throw refused(node, this.#batch, "it leaves a second dimension open");
    const inputs = [x, this.#list(node, dims)];
    this.#keep({ ...plain(node, "Reshape"), inputs }, target);
  }

  /** Adds a reshape whose batch is known to go to a place. */
  #keep(node: Node, target: Place | undefined): void {
    if (target !== undefined) this.#outer.set(node.outputs[0] ?? "", target.outer);
    this.#emit(node);
  }

  /**
   * The dimension that takes the batch. It has to divide by the batch behind the elements that stand before the batch in the input. At
   * one photo several may: the one that is 1 in the file, otherwise the one it leaves open, otherwise the rows of a matrix, otherwise the
   * last.
   */
  #target(wanted: readonly Dim[], before: Dim, own: readonly Dim[] | undefined): Place | undefined {
    const found: Place[] = [];
    let prefix: Dim = 1;
    for (const [axis, dim] of wanted.entries()) {
      const outer: Dim | undefined = prefix === before ? 1 : this.#symbols.divideExactly(before, prefix);
      if (typeof outer === "number" && typeof dim === "number" && dim % (outer * this.#batch) === 0)
        found.push({ axis, outer });
      else if (outer === 1 && typeof dim === "string" && this.#batch === 1) found.push({ axis, outer });
      prefix = this.#symbols.multiply(prefix, dim);
    }
    const exact = found.find(({ axis, outer }) => outer === 1 && wanted[axis] === this.#batch);
    if (exact !== undefined) return exact;
    const open = found.find(({ axis }) => own?.[axis] === -1);
    if (open !== undefined && before !== 1) return open;
    return before === 1 || wanted.length === 2 ? found[0] : found.at(-1);
  }

  /** Constants that are joined to every photo are repeated for each. */
  #concat(node: Node): void {
    const places = node.inputs.map((name) => this.#placeOf(name));
    const place = places.find((one) => one !== undefined);
    const joined = intAttribute(node, "axis", 0);
    if (place === undefined) {
      this.#emit(node);
      return;
    }
    const inputs = node.inputs.map((name, i) => {
      const shape = this.#after.of(name).shape;
      const rank = shape?.length ?? 0;
      const axis = joined < 0 ? joined + rank : joined;
      if (places[i] !== undefined || axis === place.axis || shape?.[place.axis] !== this.#batch) return name;
      if (this.#batch !== 1) throw refused(node, this.#batch, `it joins ${name}, made for that many`);
      return this.#repeat(node, name, rank, place.axis);
    });
    this.#emit({ ...node, inputs });
  }

  #repeat(node: Node, name: string, rank: number, axis: number): string {
    const one = this.#list(
      node,
      Array.from({ length: axis }, () => 1),
    );
    const rest = this.#list(
      node,
      Array.from({ length: rank - axis - 1 }, () => 1),
    );
    const target = this.#names.unique(`${name}.target`);
    const parts = [one, this.#photos(), rest].filter((part) => part !== "");
    this.#emit({
      ...made("Concat", target, parts),
      attributes: new Map<string, Attribute>([["axis", { kind: "int", value: 0 }]]),
    });
    const repeated = this.#names.unique(`${name}.repeated`);
    this.#emit(made("Expand", repeated, [name, target]));
    return repeated;
  }

  #list(node: Node, values: readonly number[]): string {
    if (values.length === 0) return "";
    const name = this.#names.unique(`${node.name}.list`);
    const tensor = int64([values.length], values);
    this.#after.constant(name, tensor);
    return name;
  }

  /** The number of photos as a list of one. */
  #photos(): string {
    if (this.#count === undefined) {
      this.#count = this.#names.unique("photos");
      this.#emit({
        ...made("Shape", this.#count, [this.#image]),
        attributes: new Map<string, Attribute>([
          ["start", { kind: "int", value: 0 }],
          ["end", { kind: "int", value: 1 }],
        ]),
      });
    }
    return this.#count;
  }

  /** Without axes, a squeeze takes every dimension of 1 away; the batch is to stay. */
  #squeeze(node: Node): void {
    const [x = "", given = ""] = node.inputs;
    const place = this.#placeOf(x);
    const shape = this.#before.of(x).shape;
    if (given !== "" || place === undefined || shape === undefined) {
      this.#emit(node);
      return;
    }
    const axes = [...shape.keys()].filter((axis) => shape[axis] === 1 && axis !== place.axis);
    const list = this.#list(node, axes);
    this.#emit(
      axes.length === 0 ? { ...plain(node, "Identity"), inputs: [x] } : { ...node, inputs: [x, list] },
    );
  }

  /** What is expanded keeps the batch that it has. */
  #expand(node: Node): void {
    const [x = "", target = ""] = node.inputs;
    const place = this.#placeOf(x);
    const sizes = this.#after.of(target).elements;
    const axis = (place?.axis ?? 0) + (sizes?.length ?? 0) - (this.#after.of(x).shape?.length ?? 0);
    if (place === undefined || !sizes?.every((one) => typeof one === "number") || axis < 0) {
      this.#emit(node);
      return;
    }
    this.#emit({ ...node, inputs: [x, this.#list(node, sizes.with(axis, 1))] });
  }

  /** Sizes are given for the height and width only. */
  #resize(node: Node): void {
    const [x = "", roi = "", , sizes] = node.inputs;
    const list = this.#constant(sizes);
    const place = this.#placeOf(x);
    if (list === undefined || place === undefined || node.attributes.has("axes")) {
      this.#emit(node);
      return;
    }
    const axes = [...list.keys()].filter((axis) => axis !== place.axis);
    const name = this.#list(
      node,
      axes.map((axis) => list[axis] ?? 1),
    );
    this.#emit({
      ...node,
      inputs: [x, roi, "", name],
      attributes: new Map<string, Attribute>([...node.attributes, ["axes", { kind: "ints", value: axes }]]),
    });
  }

  /** Whether a node gathers every element of a list in order, which is a reshape; so does an exporter write a strided view. */
  #takesAll(node: Node): boolean {
    const [x = "", indices = ""] = node.inputs;
    const length = this.#before.of(x).shape;
    const tensor = this.#after.constants.get(indices);
    if (length?.length !== 1 || this.#placeOf(x) === undefined || intAttribute(node, "axis", 0) !== 0)
      return false;
    if (tensor?.type !== "int64" && tensor?.type !== "int32") return false;
    const list = integers(tensor);
    return list.length === length[0] && list.every((index, i) => index === i);
  }

  #constant(name: string | undefined): readonly number[] | undefined {
    const tensor = this.#after.constants.get(name ?? "");
    return tensor?.type === "int64" || tensor?.type === "int32" ? integers(tensor) : undefined;
  }

  /** Where the batch is in a value, or undefined where it is in none or several of its dimensions. */
  #placeOf(name: string): Place | undefined {
    const axes = axesOf(this.#after.of(name).shape);
    const [axis] = axes;
    return axes.length === 1 && axis !== undefined ? { axis, outer: this.#outer.get(name) ?? 1 } : undefined;
  }

  #emit(node: Node): void {
    let isConstant: boolean;
    try {
      isConstant = this.#after.add(node);
    } catch (error) {
      if (!(error instanceof HeadstartError)) throw error;
      throw refused(node, this.#batch, "shapes in it do not fit another number", error);
    }
    if (isConstant) return;
    this.#nodes.push(node);
    for (const output of node.outputs) {
      if (this.#outer.has(output) || axesOf(this.#after.of(output).shape).length !== 1) continue;
      const from = node.inputs.find((input) => this.#placeOf(input) !== undefined);
      this.#outer.set(output, from === undefined ? 1 : (this.#outer.get(from) ?? 1));
    }
  }

  /** Refuses a node that makes the same of any number of photos, such as one that picks the first. */
  #check(node: Node): void {
    for (const output of node.outputs) {
      const { shape, type } = this.#after.of(output);
      const reads = node.inputs.some((input) => {
        const known = this.#after.of(input);
        return known.type?.includes("float") && axesOf(known.shape).length > 0;
      });
      if (!reads || shape === undefined || !type?.includes("float") || shape.includes("?")) continue;
      if (axesOf(shape).length === 0) throw refused(node, this.#batch, "it leaves no place for more");
    }
  }
}

function axesOf(shape: readonly Dim[] | undefined): number[] {
  const axes: number[] = [];
  for (const [axis, dim] of (shape ?? []).entries())
    if (typeof dim === "string" && /\bN\b/.test(dim)) axes.push(axis);
  return axes;
}

/** The same node as another operator. */
function plain(node: Node, op: string): Node {
  const { source: _, ...rest } = node;
  return { ...rest, op, domain: "", attributes: new Map() };
}

function made(op: string, name: string, inputs: readonly string[]): Node {
  return { op, domain: "", name, inputs, outputs: [name], attributes: new Map() };
}

function refused(node: Node, batch: number, why: string, cause?: unknown): HeadstartError {
  return new HeadstartError(
    "UNSUPPORTED",
    `The network takes batches of ${batch} photo${batch === 1 ? "" : "s"} only, and its node ${node.name} (${node.op}) cannot be changed: ${why}.`,
    "Export it with a batch of any size (dynamic axes).",
    { cause },
  );
}
