import { HeadstartError } from "../errors.js";
import { type Attribute, floatAttribute, type Graph, intAttribute, type Node } from "./graph.js";
import { numbersOf } from "./scalars.js";
import { float32 } from "./tensor.js";
import { Emitter, withoutAttributes } from "./upgrade/emitter.js";

/** A quantised value: its name, scale and zero point; `""` where there is no zero point. */
type Quantised = readonly [value: string, scale: string, zero: string];

/** How an operator on quantised values is written with one on floating-point numbers. */
interface Form {
  /** The operator on floating-point numbers. */
  readonly op: string;
  /** Which inputs are quantised values, each with its scale and zero point behind it. */
  readonly values: (node: Node) => readonly number[];
  /** Where scale and zero point of the output stand. */
  readonly output: number;
  /** Along which axis the second value may have several scales. */
  readonly axis?: (node: Node) => number;
  /** Where the bias stands: whole numbers whose scale is the product of the others. */
  readonly bias?: number;
  /** Attributes that the operator on floating-point numbers does not have. */
  readonly drop?: readonly string[];
}

const single = (op: string, ...drop: string[]): Form => ({ op, values: () => [0], output: 3, drop });
const pair = (op: string): Form => ({ op, values: () => [0, 3], output: 6 });

/** Operators of ONNX and of ONNX Runtime's own set. */
const FORMS: ReadonlyMap<string, Form> = new Map<string, Form>([
  ["QLinearConv", { ...pair("Conv"), axis: () => 0, bias: 8 }],
  ["QLinearMatMul", { ...pair("MatMul"), axis: () => 1 }],
  [
    "QGemm",
    {
      op: "Gemm",
      values: () => [0, 3],
      output: 7,
      axis: (node) => (intAttribute(node, "transB", 0) === 1 ? 0 : 1),
      bias: 6,
    },
  ],
  ["QLinearAdd", pair("Add")],
  ["QLinearMul", pair("Mul")],
  ["QLinearSigmoid", single("Sigmoid")],
  ["QLinearLeakyRelu", single("LeakyRelu")],
  ["QLinearSoftmax", single("Softmax", "opset")],
  ["QLinearAveragePool", single("AveragePool", "channels_last")],
  ["QLinearGlobalAveragePool", single("GlobalAveragePool", "channels_last")],
  [
    "QLinearConcat",
    {
      op: "Concat",
      values: ({ inputs }) =>
        Array.from({ length: Math.floor((inputs.length - 2) / 3) }, (_, i) => 2 + 3 * i),
      output: 0,
    },
  ],
]);

/**
 * A quantised network whose nodes compute on whole numbers (`QLinearConv`, `QGemm` and their like), written with `DequantizeLinear`,
 * operators on floating-point numbers and `QuantizeLinear`. ONNX Runtime puts them together again where it runs them. A graph without such
 * nodes is returned as it is.
 *
 * @param graph - a graph in version 13 of ONNX's operators or newer
 * @throws HeadstartError `UNSUPPORTED` naming the node, if a bias has a scale that is known at run time only, or channels stand last
 */
export function toQdq(graph: Graph): Graph {
  if (!graph.nodes.some((node) => formOf(node) !== undefined)) return graph;
  const emit = new Emitter(graph);
  for (const node of graph.nodes) {
    const form = formOf(node);
    if (form === undefined) emit.nodes.push(node);
    else convert(node, form, emit);
  }
  return { ...graph, nodes: emit.nodes, initializers: emit.initializers };
}

function formOf(node: Node): Form | undefined {
  return node.domain === "" || node.domain === "com.microsoft" ? FORMS.get(node.op) : undefined;
}

function convert(node: Node, form: Form, emit: Emitter): void {
  if (intAttribute(node, "channels_last", 0) !== 0) throw refused(node, "its channels stand last");
  const at = (input: number): string => node.inputs[input] ?? "";
  const values = form.values(node).map((input): Quantised => [at(input), at(input + 1), at(input + 2)]);
  const inputs = values.map((value, i) =>
    dequantize(node, emit, value, i === 1 ? (form.axis?.(node) ?? 1) : 1),
  );
  const bias = form.bias === undefined ? "" : at(form.bias);
  if (bias !== "") {
    const scale = emit.constant(`${node.name}.bias.scale`, biasScale(node, values, emit));
    inputs.push(dequantize(node, emit, [bias, scale, ""], 0));
  }
  const [made = ""] = node.outputs;
  const [scale, zero] = [at(form.output), at(form.output + 1)];
  // Without a scale for its output, QGemm makes floating-point numbers.
  const result = scale === "" ? made : emit.name(`${made}.float`);
  emit.nodes.push({
    op: form.op,
    domain: "",
    name: node.name,
    inputs,
    outputs: [result],
    attributes: withoutAttributes(node, ...(form.drop ?? [])),
  });
  if (scale === "") return;
  emit.nodes.push({
    op: "QuantizeLinear",
    domain: "",
    name: emit.name(`${node.name}.quantize`),
    inputs: zero === "" ? [result, scale] : [result, scale, zero],
    outputs: [made],
    attributes: new Map(),
  });
}

function dequantize(node: Node, emit: Emitter, [value, scale, zero]: Quantised, axis: number): string {
  const name = emit.name(`${value}.float`);
  const attributes = new Map<string, Attribute>();
  const dims = emit.initializers.get(scale)?.dims;
  if (dims?.length === 1 && dims[0] !== 1) attributes.set("axis", { kind: "int", value: axis });
  emit.nodes.push({
    op: "DequantizeLinear",
    domain: "",
    name: emit.name(`${node.name}.dequantize`),
    inputs: zero === "" ? [value, scale] : [value, scale, zero],
    outputs: [name],
    attributes,
  });
  return name;
}

/** The product of the scales of what is multiplied: one number, or one for each output. */
function biasScale(node: Node, values: readonly Quantised[], emit: Emitter) {
  let product = [floatAttribute(node, "alpha", 1)];
  for (const [, name] of values) {
    const tensor = emit.initializers.get(name);
    if (tensor === undefined) throw refused(node, `its scale ${name} is known at run time only`);
    const scales = Array.from(numbersOf(tensor));
    const [longer, shorter] = scales.length > product.length ? [scales, product] : [product, scales];
    product = longer.map((scale, i) => scale * (shorter[i] ?? shorter[0] ?? 1));
  }
  return float32(product.length === 1 ? [] : [product.length], product);
}

function refused(node: Node, why: string): HeadstartError {
  return new HeadstartError(
    "UNSUPPORTED",
    `The quantised node ${node.name} (${node.op}) cannot be followed: ${why}.`,
    "Quantise the model in QDQ form, or use the one that is not quantised: Headstart quantises it itself.",
  );
}
