import { constantValues } from "../../onnx/constant-values.js";
import { type Graph, intAttribute, type Node, prune } from "../../onnx/index.js";

/**
 * A network whose normalisations by batch use their running statistics, even if it was exported in training mode: photos do not change the
 * features of others. A normalisation of constants, by which some networks standardise weights, stays as it is.
 */
export function inInferenceForm(graph: Graph): Graph {
  if (!graph.nodes.some(isInTraining)) return graph;
  const constants = constantValues(graph);
  const nodes = graph.nodes.map((node) => {
    if (!isInTraining(node) || constants.has(node.inputs[0] ?? "")) return node;
    const { source: _, ...rest } = node;
    const attributes = new Map([...node.attributes].filter(([name]) => name !== "training_mode"));
    return { ...rest, outputs: node.outputs.slice(0, 1), attributes };
  });
  return prune({ ...graph, nodes }, undefined, { keepInputs: true });
}

/** Whether a node normalises by the statistics of the batch itself. */
export function isInTraining(node: Node): boolean {
  return (
    node.op === "BatchNormalization" && node.domain === "" && intAttribute(node, "training_mode", 0) === 1
  );
}
