import { create, toBinary } from "@bufbuild/protobuf";
import {
  type AttributeProto,
  AttributeProtoSchema,
  AttributeProto_AttributeType as AttributeType,
  GraphProtoSchema,
  ModelProtoSchema,
  type NodeProto,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
  StringStringEntryProtoSchema,
  type TensorProto,
  TensorProtoSchema,
  type TensorShapeProto_Dimension,
  TensorShapeProto_DimensionSchema,
  type TypeProto,
  TypeProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from "onnx-buf";
import { HeadstartError } from "../errors.js";
import { normalDomain } from "./domain.js";
import { elementTypeCode } from "./element-types.js";
import type { Attribute, Dim, Graph, Node, ValueInfo } from "./graph.js";
import { elementBytes, elementCount, type Tensor, toInt64 } from "./tensor.js";

/** The version of the file format that is written; 10 goes with opset 20. */
const IR_VERSION = 10n;

/** A protobuf message cannot be longer. */
const LONGEST = 2 ** 31 - 1;

/**
 * Writes a graph as an ONNX file. The same graph gives the same bytes. What the file it was read from held beyond what {@link Graph} shows
 * (documentation, functions, annotations, sparse initializers, unknown fields) is written back.
 *
 * @returns the file, with all weights inside
 * @throws HeadstartError `INVALID_MODEL` if a tensor's bytes do not fit its dimensions; `UNSUPPORTED` if the file would be larger than 2 GB
 */
export function writeModel(graph: Graph): Uint8Array<ArrayBuffer> {
  let size = 0;
  for (const tensor of graph.initializers.values()) size += tensor.data.byteLength;
  if (size > LONGEST) throw tooLarge(graph.name);
  const source = graph.source?.model;
  const model = create(ModelProtoSchema, {
    ...optional("domain", source?.domain),
    ...optional("docString", source?.docString),
    ...(source?.modelVersion ? { modelVersion: source.modelVersion } : {}),
    irVersion: source !== undefined && source.irVersion > IR_VERSION ? source.irVersion : IR_VERSION,
    producerName: "headstart",
    opsetImport: [...graph.opsets].map(([domain, version]) => {
      const import_ = create(OperatorSetIdProtoSchema, { domain, version: BigInt(version) });
      return keep(
        import_,
        source?.opsetImport.find((known) => normalDomain(known.domain) === domain),
      );
    }),
    graph: toGraph(graph),
    metadataProps: [...graph.metadata].map(([key, value]) =>
      keep(
        create(StringStringEntryProtoSchema, { key, value }),
        source?.metadataProps.find((known) => known.key === key),
      ),
    ),
    trainingInfo: source?.trainingInfo ?? [],
    functions: source?.functions ?? [],
    configuration: source?.configuration ?? [],
  });
  const bytes = toBinary(ModelProtoSchema, keep(model, source));
  if (bytes.byteLength > LONGEST) throw tooLarge(graph.name);
  return bytes;
}

function tooLarge(name: string): HeadstartError {
  return new HeadstartError(
    "UNSUPPORTED",
    `The graph ${name} is larger than 2 GB, which is the most that an ONNX file can hold.`,
    "Store its weights as float16, or use a smaller network.",
  );
}

function toGraph(graph: Graph) {
  const source = graph.source?.graph;
  const message = create(GraphProtoSchema, {
    ...optional("docString", source?.docString),
    name: graph.name,
    node: graph.nodes.map(toNode),
    initializer: [
      ...[...graph.initializers].map(([name, tensor]) =>
        toTensor(tensor, name, graph.source?.tensors.get(name)),
      ),
      // Those of types that a Graph cannot show stand here still.
      ...(source?.initializer.filter(({ name }) => !graph.initializers.has(name)) ?? []),
    ],
    sparseInitializer: source?.sparseInitializer ?? [],
    input: graph.inputs.map(toValueInfo),
    output: graph.outputs.map(toValueInfo),
    valueInfo: inner(graph).map(toValueInfo),
    quantizationAnnotation: source?.quantizationAnnotation ?? [],
    metadataProps: source?.metadataProps ?? [],
  });
  return keep(message, source);
}

/**
 * What is known of values that are neither inputs nor outputs, which a file describes elsewhere. Constants describe themselves, so only
 * what the source file said of them is repeated.
 */
function inner(graph: Graph): ValueInfo[] {
  const outer = new Set([...graph.inputs, ...graph.outputs].map(({ name }) => name));
  return [...graph.values.values()].filter(
    ({ name, source }) => !outer.has(name) && (source !== undefined || !graph.initializers.has(name)),
  );
}

function toNode(node: Node): NodeProto {
  const message = create(NodeProtoSchema, {
    ...optional("domain", node.domain),
    ...optional("overload", node.source?.overload),
    ...optional("docString", node.source?.docString),
    input: [...node.inputs],
    output: [...node.outputs],
    name: node.name,
    opType: node.op,
    attribute: [...node.attributes].map(([name, attribute]) =>
      toAttribute(
        name,
        attribute,
        node.source?.attribute.find((known) => known.name === name),
      ),
    ),
    metadataProps: node.source?.metadataProps ?? [],
    deviceConfigurations: node.source?.deviceConfigurations ?? [],
  });
  return keep(message, node.source);
}

function toAttribute(name: string, attribute: Attribute, source: AttributeProto | undefined): AttributeProto {
  if (attribute.kind === "other") return attribute.value;
  const message = create(AttributeProtoSchema, { ...optional("docString", source?.docString), name });
  switch (attribute.kind) {
    case "int":
      message.type = AttributeType.INT;
      message.i = wholeNumber(attribute.value, name);
      break;
    case "float":
      message.type = AttributeType.FLOAT;
      message.f = Math.fround(attribute.value);
      break;
    case "string":
      message.type = AttributeType.STRING;
      message.s = new TextEncoder().encode(attribute.value);
      break;
    case "ints":
      message.type = AttributeType.INTS;
      message.ints = attribute.value.map((value) => wholeNumber(value, name));
      break;
    case "floats":
      message.type = AttributeType.FLOATS;
      message.floats = attribute.value.map(Math.fround);
      break;
    case "tensor":
      message.type = AttributeType.TENSOR;
      message.t = toTensor(attribute.value, source?.t?.name ?? "", source?.t);
      break;
  }
  return keep(message, source);
}

function wholeNumber(value: number, name: string): bigint {
  if (!Number.isInteger(value))
    throw new HeadstartError("INVALID_MODEL", `The attribute ${name} is an integer and cannot be ${value}.`);
  return toInt64(value);
}

function toTensor(tensor: Tensor, name: string, source: TensorProto | undefined): TensorProto {
  const expected = elementCount(tensor.dims) * elementBytes(tensor.type);
  if (tensor.data.byteLength !== expected)
    throw new HeadstartError(
      "INVALID_MODEL",
      `The tensor ${name} of ${tensor.type} [${tensor.dims.join(", ")}] has ${tensor.data.byteLength} bytes, not ${expected}.`,
    );
  const message = create(TensorProtoSchema, {
    ...optional("name", name),
    ...optional("docString", source?.docString),
    dims: tensor.dims.map(BigInt),
    dataType: elementTypeCode(tensor.type),
    rawData: tensor.data,
    metadataProps: source?.metadataProps ?? [],
  });
  return keep(message, source);
}

function toValueInfo(value: ValueInfo): ValueInfoProto {
  const { source } = value;
  const message = create(ValueInfoProtoSchema, {
    ...optional("docString", source?.docString),
    name: value.name,
    metadataProps: source?.metadataProps ?? [],
  });
  const type = toType(value);
  if (type !== undefined) message.type = type;
  return keep(message, source);
}

function toType({ type, shape, source }: ValueInfo): TypeProto | undefined {
  if (type === undefined) return source?.type;
  const known = source?.type?.value.case === "tensorType" ? source.type.value.value : undefined;
  const dims = known?.shape?.dim;
  const tensorType = {
    elemType: elementTypeCode(type),
    ...(shape === undefined ? {} : { shape: { dim: shape.map((dim, axis) => toDim(dim, dims?.[axis])) } }),
  };
  const message = create(TypeProtoSchema, {
    ...optional("denotation", source?.type?.denotation),
    value: { case: "tensorType", value: tensorType },
  });
  if (message.value.case === "tensorType") keep(message.value.value, known);
  return keep(message, source?.type);
}

function toDim(dim: Dim, source: TensorShapeProto_Dimension | undefined): TensorShapeProto_Dimension {
  const message = create(TensorShapeProto_DimensionSchema, optional("denotation", source?.denotation));
  if (typeof dim === "number") message.value = { case: "dimValue", value: BigInt(dim) };
  else if (dim !== "?") message.value = { case: "dimParam", value: dim };
  return keep(message, source);
}

/** A field to set only if it says something, since an ONNX file tells an empty string from none. */
function optional<K extends string>(key: K, value: string | undefined): { [P in K]?: string } {
  return value ? ({ [key]: value } as { [P in K]?: string }) : {};
}

/** Carries over the fields of a message that this version of the format does not know. */
function keep<M extends { $unknown?: unknown }>(message: M, source: M | undefined): M {
  if (source?.$unknown !== undefined) message.$unknown = source.$unknown;
  return message;
}
