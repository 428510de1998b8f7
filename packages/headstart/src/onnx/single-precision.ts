import { HeadstartError } from "../errors.js";
import { reads } from "./captures.js";
import { elementTypeCode, elementTypeOf } from "./element-types.js";
import type { Attribute, Graph, Node, ValueInfo } from "./graph.js";
import { Names } from "./names.js";
import { numbersOf, tensorOf } from "./scalars.js";
import { inferShapes } from "./shapes/infer.js";
import type { DataType, Tensor } from "./tensor.js";

/** Attributes that name an element type. */
const TYPE_ATTRIBUTES = new Set(["to", "dtype", "output_dtype"]);

/**
 * A network that computes in half or double precision, written in single precision: its inputs, outputs and everything in between are float32,
 * so that nothing else needs to know of other types. Weights in half precision are stored as they were, behind a `Cast`, so that the file
 * does not grow. A network that computes in float32 already, whatever its weights are stored as, is returned as it is.
 *
 * @throws HeadstartError `UNSUPPORTED` naming the node, if a branch or loop lies within the network
 */
export function toFloat32(graph: Graph): Graph {
  const { values } = inferShapes(graph);
  const stored = storedOnly(graph);
  const computes = [...values.values()].some(({ name, type }) => isOtherFloat(type) && !stored.has(name));
  if (!computes) return graph;
  const taken = [...values.keys(), ...graph.nodes.flatMap(({ name }) => name)];
  const names = new Names(taken);
  const initializers = new Map<string, Tensor>();
  const casts: Node[] = [];
  for (const [name, tensor] of graph.initializers) {
    if (!isOtherFloat(tensor.type) || stored.has(name)) {
      initializers.set(name, tensor);
      continue;
    }
    if (tensor.type === "float64") {
      initializers.set(name, tensorOf("float32", tensor.dims, numbersOf(tensor)));
      continue;
    }
    const kept = names.unique(`${name}.stored`);
    initializers.set(kept, tensor);
    casts.push({
      op: "Cast",
      domain: "",
      name: names.unique(`${name}.cast`),
      inputs: [kept],
      outputs: [name],
      attributes: new Map([["to", { kind: "int", value: elementTypeCode("float32") }]]),
    });
  }
  return {
    ...graph,
    inputs: graph.inputs.map(single),
    outputs: graph.outputs.map(single),
    values: new Map(
      [...graph.values].map(([name, value]) => [name, stored.has(name) ? value : single(value)]),
    ),
    nodes: [...casts, ...graph.nodes.map(singleNode)],
    initializers,
  };
}

/** Constants that nothing but a `Cast` reads. */
function storedOnly(graph: Graph): Set<string> {
  const stored = new Set(graph.initializers.keys());
  for (const { name } of graph.outputs) stored.delete(name);
  for (const node of graph.nodes)
    if (node.op !== "Cast" || node.domain !== "") for (const name of reads(node)) stored.delete(name);
  return stored;
}

function isOtherFloat(type: DataType | undefined): boolean {
  return type === "float16" || type === "bfloat16" || type === "float64";
}

function single(value: ValueInfo): ValueInfo {
  if (!isOtherFloat(value.type)) return value;
  const { source: _, ...rest } = value;
  return { ...rest, type: "float32" };
}

function singleNode(node: Node): Node {
  const changed = new Map<string, Attribute>();
  for (const [name, attribute] of node.attributes) {
    if (attribute.kind === "int" && TYPE_ATTRIBUTES.has(name) && isOtherFloat(elementTypeOf(attribute.value)))
      changed.set(name, { kind: "int", value: elementTypeCode("float32") });
    else if (attribute.kind === "tensor" && isOtherFloat(attribute.value.type)) {
      const { dims } = attribute.value;
      changed.set(name, { kind: "tensor", value: tensorOf("float32", dims, numbersOf(attribute.value)) });
    } else if (attribute.kind === "other" && (attribute.value.g || attribute.value.graphs.length > 0))
      throw new HeadstartError(
        "UNSUPPORTED",
        `The network computes in half or double precision around the node ${node.name} (${node.op}), which cannot be brought to float32.`,
        "Export the model in float32.",
      );
  }
  if (changed.size === 0) return node;
  const { source: _, ...rest } = node;
  return { ...rest, attributes: new Map([...node.attributes, ...changed]) };
}
