import { HeadstartError } from "../../errors.js";
import { type Dim, intAttribute, intsAttribute, type Node } from "../graph.js";
import { type DataType, elementCount, floats, integers, type Tensor } from "../tensor.js";
import type { Symbols } from "./symbols.js";

/** What is known of a value. */
export interface Known {
  readonly type?: DataType | undefined;
  readonly shape?: readonly Dim[] | undefined;
  /** The elements themselves, of a small tensor of numbers such as a shape; a size that is known by name only is that name. */
  readonly elements?: readonly Dim[] | undefined;
}

/** Says of one operator what is known of its outputs, in their order. */
export type ShapeRule = (node: NodeContext) => readonly (Known | undefined)[];

/** Tensors with more elements than this are not followed as shapes. */
export const MOST_ELEMENTS = 1024;

/** No tensor has more dimensions. */
export const HIGHEST_RANK = 64;

/** A node, as a shape rule sees it. */
export class NodeContext {
  readonly node: Node;
  readonly inputs: readonly (Known | undefined)[];
  readonly symbols: Symbols;
  /** Version of ONNX's operators. */
  readonly opset: number;

  constructor(node: Node, inputs: readonly (Known | undefined)[], symbols: Symbols, opset: number) {
    this.node = node;
    this.inputs = inputs;
    this.symbols = symbols;
    this.opset = opset;
  }

  type(input: number): DataType | undefined {
    return this.inputs[input]?.type;
  }

  shape(input: number): readonly Dim[] | undefined {
    return this.inputs[input]?.shape;
  }

  elements(input: number): readonly Dim[] | undefined {
    return this.inputs[input]?.elements;
  }

  /** Elements that are all numbers, as axes are. */
  numbers(input: number): readonly number[] | undefined {
    const elements = this.elements(input);
    return elements?.every((element) => typeof element === "number") ? elements : undefined;
  }

  /** Whether an optional input is there. */
  has(input: number): boolean {
    return (this.node.inputs[input] ?? "") !== "";
  }

  int(name: string, fallback: number): number {
    return intAttribute(this.node, name, fallback);
  }

  ints(name: string): readonly number[] | undefined {
    return intsAttribute(this.node, name);
  }

  /**
   * A list that newer versions of an operator take as an input and older ones as an attribute: `[]` where it is absent, `undefined`
   * where it is known at run time only.
   */
  list(input: number, name: string): readonly number[] | undefined {
    return this.has(input) ? this.numbers(input) : (this.ints(name) ?? []);
  }

  /** An axis counted from the front. */
  axis(axis: number, rank: number): number {
    const positive = axis < 0 ? axis + rank : axis;
    if (!Number.isInteger(positive) || positive < 0 || positive >= Math.max(rank, 1))
      throw this.error(`axis ${axis} does not exist in ${rank} dimensions`);
    return positive;
  }

  /** Checks that a shape has a number of dimensions. */
  expectRank(shape: readonly Dim[], rank: number, what: string): void {
    if (shape.length !== rank)
      throw this.error(`${what} has the shape [${shape.join(", ")}], but should have ${rank} dimensions`);
  }

  /** The one size of two dimensions that have to be equal. */
  same(a: Dim, b: Dim, what: string): Dim {
    if (typeof a === "number" && typeof b === "number" && a !== b)
      throw this.error(`${what} is both ${a} and ${b}`);
    if (typeof a === "number") return a;
    return typeof b === "number" || a === "?" ? b : a;
  }

  /** The shape that shapes make together by ONNX's broadcasting. */
  broadcast(shapes: readonly (readonly Dim[])[]): Dim[] {
    const rank = shapes.reduce((most, shape) => Math.max(most, shape.length), 0);
    return Array.from({ length: rank }, (_, i) => {
      let result: Dim = 1;
      for (const shape of shapes) {
        const dim = shape[i - rank + shape.length] ?? 1;
        if (dim === 1 || dim === result) continue;
        if (result === 1) result = dim;
        else if (typeof result === "number" && typeof dim === "number")
          throw this.error(
            `shapes ${shapes.map((one) => `[${one.join(", ")}]`).join(" and ")} do not fit each other`,
          );
        else if (typeof dim === "number") result = dim;
        else if (typeof result === "string") result = "?";
      }
      return result;
    });
  }

  /** The error of a node whose inputs or attributes contradict each other. */
  error(why: string): HeadstartError {
    const { name, op } = this.node;
    return new HeadstartError("INVALID_MODEL", `The node ${name} (${op}) cannot work: ${why}.`);
  }
}

/** The elements of a small tensor of numbers that can be part of shape arithmetic. */
export function elementsOf(tensor: Tensor): readonly number[] | undefined {
  if (tensor.dims.length > 1 || elementCount(tensor.dims) > MOST_ELEMENTS) return undefined;
  if (tensor.type === "int64" || tensor.type === "int32") return integers(tensor);
  if (tensor.type === "float32") return [...floats(tensor)];
  return tensor.type === "bool" ? [...tensor.data] : undefined;
}
