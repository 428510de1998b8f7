import { elementBytes, elementCount, type Graph, type Tensor } from "../../onnx/index.js";
import { Names } from "../../onnx/names.js";
import { namesOf } from "./names.js";
import { isCopy, single } from "./single.js";

/**
 * A network in which no two layers share constants whose elements are all the same number. Exporters store such constants once, as the zeros and
 * ones that offsets and factors start from; the layers had them each for itself. Other constants that layers share stay shared.
 *
 * @returns the network, in which the first layer keeps the constant's name, and the names of others begin with the layer's
 */
export function unshared(graph: Graph): Graph {
  const uniform = new Map([...graph.initializers].filter(([, tensor]) => isUniform(tensor)));
  if (uniform.size === 0) return graph;
  /** The constants that values are copies of. */
  const originals = new Map(Array.from(uniform.keys(), (name) => [name, name]));
  const used = new Set<string>();
  const names = new Names(namesOf(graph));
  const initializers = new Map(graph.initializers);
  const nodes = graph.nodes.map((node) => {
    const [output = ""] = node.outputs;
    if (isCopy(node)) {
      const original = originals.get(node.inputs[0] ?? "");
      if (original !== undefined) originals.set(output, original);
      return node;
    }
    const inputs = node.inputs.map((input) => {
      const original = originals.get(input);
      const tensor = uniform.get(original ?? "");
      if (original === undefined || tensor === undefined) return input;
      if (!used.has(original)) {
        used.add(original);
        return input;
      }
      const own = names.unique(`${node.name || output}.${original}`);
      initializers.set(own, input === original ? tensor : single(tensor));
      return own;
    });
    return inputs.every((input, i) => input === node.inputs[i]) ? node : { ...node, inputs };
  });
  return { ...graph, nodes, initializers };
}

/** Whether a constant is several floating-point numbers that are all the same. */
export function isUniform({ type, dims, data }: Tensor): boolean {
  if (!type.includes("float") || elementCount(dims) < 2) return false;
  const bytes = elementBytes(type);
  for (let i = bytes; i < data.length; i++) if (data[i] !== data[i - bytes]) return false;
  return true;
}
