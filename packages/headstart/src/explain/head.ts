import { constantIntegers, constantTensors, constantValues } from "../onnx/constant-values.js";
import {
  elementCount,
  floatAttribute,
  type Graph,
  intAttribute,
  intsAttribute,
  type Node,
} from "../onnx/index.js";
import { describeLayer, type MapLayer } from "./layer.js";

/** The last layers of a network whose logits are linear in the average over all places of its last feature maps. */
export interface PooledHead {
  /** What is averaged. */
  readonly layer: MapLayer;
  /** The layer behind the average; undefined where the average of channel c is the logit of class c. */
  readonly weight:
    | {
        /** The value's name. */
        readonly name: string;
        /** Which of its dimensions the classes are. */
        readonly classAxis: 0 | 1;
      }
    | undefined;
  /** What is added behind the average and the layer: values of one number a class. */
  readonly biases: readonly string[];
}

/** Operators that leave one number a channel as it is. */
const KEEPS = new Set(["Cast", "Dropout", "Flatten", "Identity", "Reshape", "Squeeze", "Unsqueeze"]);

/**
 * Finds the average and the linear layer that logits are made by: global average pooling, perhaps a fully connected layer (`Gemm`, `MatMul` or a
 * 1x1 convolution), perhaps biases.
 *
 * @param graph - the network, every shape in its `values`
 * @param logits - the value of the logits, float [N, C]
 * @returns undefined where anything else stands between the last feature maps and the logits
 */
export function findPooledHead(graph: Graph, logits: string): PooledHead | undefined {
  const makers = new Map(
    graph.nodes.flatMap((node) => node.outputs.map((output) => [output, node] as const)),
  );
  const constants = constantValues(graph);
  const shapeOf = (value: string) => graph.values.get(value)?.shape ?? graph.initializers.get(value)?.dims;
  const classes = shapeOf(logits)?.[1];
  const isPerClass = (value: string) => {
    const shape = shapeOf(value);
    return constants.has(value) && typeof classes === "number" && countOf(shape) === classes;
  };
  let weight: PooledHead["weight"];
  const biases: string[] = [];
  for (let value = logits; ; ) {
    const node = makers.get(value);
    if (node === undefined || node.domain !== "") return undefined;
    const [first = "", second = "", third = ""] = node.inputs;
    if (KEEPS.has(node.op)) value = first;
    else if (node.op === "Add" && weight === undefined && isPerClass(second)) {
      biases.push(second);
      value = first;
    } else if (node.op === "Add" && weight === undefined && isPerClass(first)) {
      biases.push(first);
      value = second;
    } else if (weight === undefined && constants.has(second) && isLinear(node)) {
      if (third !== "" && !isPerClass(third)) return undefined;
      if (third !== "") biases.push(third);
      const isFirst = node.op === "Conv" || intAttribute(node, "transB", 0) === 1;
      if (node.op === "Conv" && countOf(shapeOf(second)?.slice(2)) !== 1) return undefined;
      weight = { name: second, classAxis: isFirst ? 0 : 1 };
      value = first;
    } else {
      const layer = describeLayer(graph, first);
      if (layer === undefined || layer.prefix > 0 || !averages(graph, node, layer)) return undefined;
      const width = weight === undefined ? classes : shapeOf(weight.name)?.[1 - weight.classAxis];
      return width === layer.channels ? { layer, weight, biases } : undefined;
    }
  }
}

/** Whether a node multiplies rows by a matrix and nothing more. */
function isLinear(node: Node): boolean {
  if (node.op === "Gemm")
    return (
      floatAttribute(node, "alpha", 1) === 1 &&
      floatAttribute(node, "beta", 1) === 1 &&
      intAttribute(node, "transA", 0) === 0
    );
  return node.op === "MatMul" || (node.op === "Conv" && intAttribute(node, "group", 1) === 1);
}

/** Whether a node takes the average over all places of a layer. */
function averages(graph: Graph, node: Node, { rank, channelAxis, height, width }: MapLayer): boolean {
  if (node.op === "GlobalAveragePool") return channelAxis === 1;
  if (node.op === "ReduceMean") {
    const given =
      constantIntegers(constantTensors(graph).get(node.inputs[1] ?? "")) ?? intsAttribute(node, "axes");
    const axes = new Set(given?.map((axis) => (axis < 0 ? axis + rank : axis)));
    return axes.size === rank - 2 && !axes.has(0) && !axes.has(channelAxis);
  }
  if (node.op !== "AveragePool" || channelAxis !== 1) return false;
  const kernel = intsAttribute(node, "kernel_shape") ?? [];
  const isWhole = kernel[0] === height && kernel[1] === width;
  return isWhole && (intsAttribute(node, "pads") ?? []).every((pad) => pad === 0);
}

function countOf(shape: readonly (number | string)[] | undefined): number | undefined {
  const sizes = shape?.filter((size) => typeof size === "number");
  return sizes === undefined || sizes.length !== shape?.length ? undefined : elementCount(sizes);
}
