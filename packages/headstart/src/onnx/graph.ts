import type {
  AttributeProto,
  GraphProto,
  ModelProto,
  NodeProto,
  TensorProto,
  ValueInfoProto,
} from "onnx-buf";
import type { DataType, Tensor } from "./tensor.js";

/** A dimension: its size, or the name of a size that is known only at run time. */
export type Dim = number | string;

/**
 * Name, element type and dimensions of a value in a graph. `type` is undefined for a value that is no tensor of a {@link DataType}
 * (a string tensor, a sequence); `shape` is undefined where even the rank is unknown. A dimension of unknown size without a name is `"?"`.
 */
export interface ValueInfo {
  readonly name: string;
  readonly type: DataType | undefined;
  readonly shape: readonly Dim[] | undefined;
  /** The message it was read from, which keeps fields that this type does not show. */
  readonly source?: ValueInfoProto;
}

/** An attribute of a node. `other` holds kinds that Headstart only carries through: subgraphs, sparse tensors, types, references. */
export type Attribute =
  | { readonly kind: "int"; readonly value: number }
  | { readonly kind: "float"; readonly value: number }
  | { readonly kind: "string"; readonly value: string }
  | { readonly kind: "ints"; readonly value: readonly number[] }
  | { readonly kind: "floats"; readonly value: readonly number[] }
  | { readonly kind: "tensor"; readonly value: Tensor }
  | { readonly kind: "other"; readonly value: AttributeProto };

/** One operator at work: it reads the named inputs and makes the named outputs. An absent optional input or output is `""`. */
export interface Node {
  /** The operator's name, such as `Conv`. */
  readonly op: string;
  /** The operator set that defines it; `""` is ONNX's own. */
  readonly domain: string;
  readonly name: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: ReadonlyMap<string, Attribute>;
  /** The message it was read from, which keeps fields that this type does not show. */
  readonly source?: NodeProto;
}

/**
 * An ONNX model as a plain value. Functions take graphs and return new ones; nothing changes one in place. Nodes stand in an order in
 * which every value is made before it is read.
 */
export interface Graph {
  readonly name: string;
  /** What is given at run time; initializers are not repeated here. */
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  readonly nodes: readonly Node[];
  /** Constants by name: weights, shapes, axes. */
  readonly initializers: ReadonlyMap<string, Tensor>;
  /** What is known of the values in between, by name: as the file says, or as `inferShapes` found. */
  readonly values: ReadonlyMap<string, ValueInfo>;
  /** Version of each operator set by domain; `""` is ONNX's own. */
  readonly opsets: ReadonlyMap<string, number>;
  /** The model's metadata properties. */
  readonly metadata: ReadonlyMap<string, string>;
  /** The messages it was read from, which keep fields that this type does not show (functions, documentation, unknown fields). */
  readonly source?: {
    readonly model: ModelProto;
    readonly graph: GraphProto;
    readonly tensors: ReadonlyMap<string, TensorProto>;
  };
}

/** An integer attribute of a node, or `fallback` where the node does not have it. */
export function intAttribute(node: Node, name: string, fallback: number): number {
  const attribute = node.attributes.get(name);
  return attribute?.kind === "int" ? attribute.value : fallback;
}

/** A floating-point attribute of a node, or `fallback` where the node does not have it. */
export function floatAttribute(node: Node, name: string, fallback: number): number {
  const attribute = node.attributes.get(name);
  return attribute?.kind === "float" ? attribute.value : fallback;
}

/** A list of integers, or `undefined` where the node does not have it. */
export function intsAttribute(node: Node, name: string): readonly number[] | undefined {
  const attribute = node.attributes.get(name);
  return attribute?.kind === "ints" ? attribute.value : undefined;
}

/** A string attribute of a node, or `fallback` where the node does not have it. */
export function stringAttribute(node: Node, name: string, fallback: string): string {
  const attribute = node.attributes.get(name);
  return attribute?.kind === "string" ? attribute.value : fallback;
}
