import { isFieldSet } from "@bufbuild/protobuf";
import {
  type AttributeProto,
  AttributeProtoSchema,
  AttributeProto_AttributeType as AttributeType,
  type GraphProto,
  type ModelProto,
  type NodeProto,
  type TensorProto,
  type ValueInfoProto,
} from "onnx-buf";
import { HeadstartError } from "../errors.js";
import { hasExternalData } from "./captures.js";
import { constantOf } from "./constant.js";
import { decodeModel } from "./decode.js";
import { normalDomain } from "./domain.js";
import { elementTypeOf } from "./element-types.js";
import type { Attribute, Dim, Graph, Node, ValueInfo } from "./graph.js";
import { type ExternalData, readTensor } from "./read-tensor.js";
import { sortNodes } from "./sort.js";
import type { Tensor } from "./tensor.js";

/**
 * Reads an ONNX file. `Constant` nodes become initializers, nodes are put in order, and an input that an initializer gives a value is
 * no input any more. What {@link Graph} does not show is kept for {@link writeModel}.
 *
 * @param bytes - the file; weights are views into it, so it must not be changed afterwards
 * @param options - `external`: gives the bytes of tensors that are kept in other files
 * @throws HeadstartError `INVALID_MODEL` if the file is broken, or is no ONNX model at all; `UNSUPPORTED` for the few ways of storing
 *   a tensor that are not read
 */
export function readModel(bytes: Uint8Array, options: { readonly external?: ExternalData } = {}): Graph {
  const model = decodeModel(ownBytes(bytes));
  const { graph } = model;
  if (graph === undefined)
    throw new HeadstartError(
      "INVALID_MODEL",
      "The file is not an ONNX model: it has no graph.",
      "Check that it is the .onnx file itself and that its download was complete.",
    );
  return new Reader(model, graph, options.external).graph();
}

/** A plain view of the bytes: neither a `Buffer`, whose parts would be Buffers too, nor shared memory. */
function ownBytes(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const { buffer } = bytes;
  return buffer instanceof ArrayBuffer
    ? new Uint8Array(buffer, bytes.byteOffset, bytes.byteLength)
    : new Uint8Array(bytes);
}

class Reader {
  readonly #model: ModelProto;
  readonly #graph: GraphProto;
  readonly #external: ExternalData | undefined;
  readonly #initializers = new Map<string, Tensor>();
  readonly #sources = new Map<string, TensorProto>();
  readonly #given = new Set<string>();

  constructor(model: ModelProto, graph: GraphProto, external: ExternalData | undefined) {
    this.#model = model;
    this.#graph = graph;
    this.#external = external;
  }

  graph(): Graph {
    const foreign = this.#graph.initializer.filter((message) => !this.#initializer(message));
    for (const { values } of this.#graph.sparseInitializer) this.#give(values?.name ?? "", "initializer");
    const inputs = this.#graph.input.filter(({ name }) => !this.#given.has(name)).map(readValueInfo);
    for (const { name } of inputs) this.#give(name, "input");
    const nodes = this.#graph.node.flatMap((message, i) => this.#node(message, i));
    const sorted = sortNodes(nodes, this.#given);
    const outputs = this.#graph.output.map(readValueInfo);
    this.#checkOutputs(outputs, nodes);
    const graph: Graph = {
      name: this.#graph.name,
      inputs,
      outputs,
      nodes: sorted,
      initializers: this.#initializers,
      values: new Map(this.#graph.valueInfo.map((message) => [message.name, readValueInfo(message)])),
      opsets: this.#opsets(),
      metadata: new Map(this.#model.metadataProps.map(({ key, value }) => [key, value])),
      source: { model: this.#model, graph: this.#graph, tensors: this.#sources },
    };
    // What the graph shows now is not kept twice.
    delete this.#model.graph;
    this.#graph.node = [];
    this.#graph.input = [];
    this.#graph.output = [];
    this.#graph.valueInfo = [];
    this.#graph.initializer = foreign;
    return graph;
  }

  /** Takes an initializer in; false if it has an element type that a {@link Tensor} cannot have. */
  #initializer(message: TensorProto): boolean {
    this.#give(message.name, "initializer");
    const tensor = readTensor(message, message.name, this.#external);
    if (tensor === undefined) return false;
    this.#addConstant(message.name, tensor, message);
    return true;
  }

  #addConstant(name: string, tensor: Tensor, source?: TensorProto): void {
    this.#initializers.set(name, tensor);
    if (source?.docString || source?.$unknown || source?.metadataProps.length)
      this.#sources.set(name, source);
  }

  #give(name: string, what: string): void {
    if (name === "") throw invalid(`An ${what} of the graph has no name.`);
    if (this.#given.has(name))
      throw invalid(`The graph has two values called ${name}, one of them an ${what}.`);
    this.#given.add(name);
  }

  /** One node, or none if it is a constant. */
  #node(message: NodeProto, index: number): Node[] {
    const name =
      message.name || message.output.find((output) => output !== "") || `${message.opType}_${index}`;
    if (message.opType === "") throw invalid(`The node ${name} does not say which operator it is.`);
    const attributes = new Map<string, Attribute>();
    for (const attribute of message.attribute) {
      if (attributes.has(attribute.name))
        throw invalid(`The node ${name} (${message.opType}) has the attribute ${attribute.name} twice.`);
      attributes.set(attribute.name, this.#attribute(attribute, name));
    }
    const node: Node = {
      op: message.opType,
      domain: normalDomain(message.domain),
      name,
      inputs: message.input,
      outputs: message.output,
      attributes,
      source: message,
    };
    const constant = constantOf(node);
    const [output] = node.outputs;
    if (constant === undefined || output === undefined) return [node];
    this.#give(output, "constant");
    this.#addConstant(output, constant);
    return [];
  }

  #attribute(message: AttributeProto, node: string): Attribute {
    const other: Attribute = { kind: "other", value: message };
    if (message.refAttrName !== "") return other;
    switch (kindOf(message)) {
      case AttributeType.FLOAT:
        return { kind: "float", value: message.f };
      case AttributeType.INT: {
        const value = safeInteger(message.i);
        return value === undefined ? other : { kind: "int", value };
      }
      case AttributeType.STRING: {
        const value = text(message.s);
        return value === undefined ? other : { kind: "string", value };
      }
      case AttributeType.TENSOR: {
        const tensor = message.t && readTensor(message.t, `${node}.${message.name}`, this.#external);
        return tensor === undefined ? other : { kind: "tensor", value: tensor };
      }
      case AttributeType.FLOATS:
        return { kind: "floats", value: message.floats };
      case AttributeType.INTS: {
        const value = message.ints.map(safeInteger);
        return value.every((item) => item !== undefined) ? { kind: "ints", value } : other;
      }
      default:
        if (hasExternalData(message))
          throw new HeadstartError(
            "UNSUPPORTED",
            `The node ${node} has a subgraph whose constants are kept in another file, which is not read.`,
            "Save the model as a single file.",
          );
        return other;
    }
  }

  #checkOutputs(outputs: readonly ValueInfo[], nodes: readonly Node[]): void {
    const made = new Set(this.#given);
    for (const node of nodes) for (const name of node.outputs) made.add(name);
    const seen = new Set<string>();
    for (const { name } of outputs) {
      if (name === "" || !made.has(name)) throw invalid(`The graph's output "${name}" is made by no node.`);
      if (seen.has(name)) throw invalid(`The graph has the output ${name} twice.`);
      seen.add(name);
    }
  }

  #opsets(): Map<string, number> {
    const opsets = new Map<string, number>();
    for (const { domain, version } of this.#model.opsetImport) {
      if (version < 1n || version > 2n ** 31n)
        throw invalid(`The model asks for version ${version} of the operators ${domain || "ai.onnx"}.`);
      opsets.set(normalDomain(domain), Number(version));
    }
    // Files from before operator sets had versions are of the first.
    if (!opsets.has("")) opsets.set("", 1);
    return opsets;
  }
}

function readValueInfo(message: ValueInfoProto): ValueInfo {
  const { name, type } = message;
  const tensor = type?.value.case === "tensorType" ? type.value.value : undefined;
  const elementType = tensor && elementTypeOf(tensor.elemType);
  const shape = elementType === undefined ? undefined : tensor?.shape?.dim;
  return {
    name,
    type: elementType,
    shape: shape?.map(({ value }): Dim => {
      if (value.case === "dimParam") return value.value || "?";
      if (value.case === undefined || value.value === -1n) return "?";
      if (value.value < 0n || value.value > Number.MAX_SAFE_INTEGER)
        throw invalid(`The value ${name} has the impossible dimension ${value.value}.`);
      return Number(value.value);
    }),
    source: message,
  };
}

/** An attribute's kind; old files do not say it, and it follows from what is set. */
function kindOf(message: AttributeProto): AttributeType {
  if (message.type !== AttributeType.UNDEFINED) return message.type;
  if (message.g !== undefined || message.graphs.length > 0) return AttributeType.GRAPH;
  if (message.t !== undefined) return AttributeType.TENSOR;
  if (message.floats.length > 0) return AttributeType.FLOATS;
  if (message.ints.length > 0) return AttributeType.INTS;
  if (isFieldSet(message, AttributeProtoSchema.field.f)) return AttributeType.FLOAT;
  if (isFieldSet(message, AttributeProtoSchema.field.i)) return AttributeType.INT;
  if (isFieldSet(message, AttributeProtoSchema.field.s)) return AttributeType.STRING;
  return AttributeType.UNDEFINED;
}

/** An int64 as a number: exact, or one of the two ends, which mean "to the end" and become +-2^63. */
function safeInteger(value: bigint): number | undefined {
  if (value === 2n ** 63n - 1n || value === -(2n ** 63n)) return Number(value);
  return value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : undefined;
}

/** Text from UTF-8, or `undefined` where the bytes are none and would not come back as they were. */
function text(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function invalid(sentence: string): HeadstartError {
  return new HeadstartError("INVALID_MODEL", sentence);
}
