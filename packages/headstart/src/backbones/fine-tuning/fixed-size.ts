import { constantIntegers } from "../../onnx/constant-values.js";
import { evaluate } from "../../onnx/fold/constants.js";
import {
  type DataType,
  type Dim,
  type Graph,
  int64,
  type Node,
  prune,
  type Tensor,
  tensorOf,
  type ValueInfo,
} from "../../onnx/index.js";
import { Inference } from "../../onnx/shapes/infer.js";

/** Types of what is computed from sizes. */
const WHOLE: ReadonlySet<DataType | undefined> = new Set<DataType | undefined>(["int64", "int32", "bool"]);

/** Lists of more elements than this are computed when the network runs. */
const MOST_ELEMENTS = 2 ** 16;

/**
 * A backbone for photos of one size: its input is [N, 3, S, S], and what it computes from sizes is constant as far as it does not depend
 * on the number of photos. A `Reshape` whose list has that number once gets -1 in its place. The shapes of all values stand in `values`.
 *
 * @param graph - a backbone's graph with one input
 * @param imageSize - S, in pixels; without effect where the network takes one size only
 * @throws HeadstartError `INVALID_MODEL` naming the node that cannot work at this size
 */
export function atImageSize(graph: Graph, imageSize: number): Graph {
  const inputs = graph.inputs.map(({ name, type, shape }): ValueInfo => {
    const [batch = "N", channels = 3, height, width] = shape ?? [];
    const side = (dim: Dim | undefined) => (typeof dim === "number" ? dim : imageSize);
    return { name, type, shape: [batch, channels, side(height), side(width)] };
  });
  const sized: Graph = { ...graph, inputs, values: new Map() };
  const inference = new Inference(sized);
  const constants = new Map<string, Tensor>(graph.initializers);
  const lists = new Map<string, string>();
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  const nodes: Node[] = [];
  for (const node of graph.nodes) {
    inference.add(node);
    const known = node.outputs.map((name) => constantOf(inference, name) ?? computed(node, name));
    if (known.every((tensor) => tensor !== undefined) && !node.outputs.some((name) => outputs.has(name))) {
      for (const [i, tensor] of known.entries()) {
        const name = node.outputs[i] ?? "";
        constants.set(name, tensor);
        inference.constant(name, tensor);
      }
      continue;
    }
    nodes.push(node.op === "Reshape" && node.domain === "" ? reshaping(node) : node);
  }

  /** What a node makes of whole numbers that are known. */
  function computed(node: Node, name: string): Tensor | undefined {
    const isWhole = WHOLE.has(inference.of(name).type);
    return isWhole && node.domain === "" && node.outputs.length === 1
      ? evaluate(node, constants, MOST_ELEMENTS)
      : undefined;
  }

  /** A `Reshape` that works out the number of photos by itself, where the rest is known. */
  function reshaping(node: Node): Node {
    const [x = "", wanted = ""] = node.inputs;
    const elements = inference.of(wanted).elements;
    if (constantIntegers(constants.get(wanted)) !== undefined || elements === undefined) return node;
    const open = elements.filter((element) => typeof element === "string");
    if (open.length !== 1 || elements.includes(-1) || elements.includes(0)) return node;
    const list = elements.map((element) => (typeof element === "number" ? element : -1));
    const key = list.join();
    let name = lists.get(key);
    if (name === undefined) {
      name = `${wanted}.open`;
      while (constants.has(name) || inference.of(name).type !== undefined) name += "_";
      lists.set(key, name);
      constants.set(name, int64([list.length], list));
      inference.constant(name, int64([list.length], list));
    }
    return { ...node, inputs: [x, name] };
  }

  const values = new Map<string, ValueInfo>();
  for (const name of inference.names) {
    const { type, shape } = inference.of(name);
    values.set(name, { name, type, shape });
  }
  return prune(
    {
      ...sized,
      nodes,
      initializers: constants,
      outputs: graph.outputs.map((one) => values.get(one.name) ?? one),
      values,
    },
    undefined,
    { keepInputs: true },
  );
}

/** A list of whole numbers, or of yes and no, that is known already. */
function constantOf(inference: Inference, name: string): Tensor | undefined {
  if (name === "") return undefined;
  const { type, shape, elements } = inference.of(name);
  if (type === undefined || !WHOLE.has(type)) return undefined;
  const isNumber = (dim: Dim): dim is number => typeof dim === "number";
  if (!shape?.every(isNumber) || !elements?.every(isNumber)) return undefined;
  return tensorOf(type, shape, elements);
}
