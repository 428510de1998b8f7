import {
  type Attribute,
  type Graph,
  integers,
  intsAttribute,
  type Node,
  scalar,
  stringAttribute,
} from "../../../onnx/index.js";

/** Pads of a picture: front and end of height, front and end of width, in ONNX's order. */
type Pads = readonly number[];

/**
 * Gives the zeros of a `Pad` to the convolutions that read it, which pad by themselves. So does a maximum over
 * numbers that are never negative: what it pads with is smaller than any number, and zero is no larger than those. A
 * `Pad` that nothing reads any more is left to be pruned.
 */
export function fusePadding(graph: Graph): Graph {
  const makers = new Map(graph.nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
  const nodes = graph.nodes.map((node) => {
    const pad = makers.get(node.inputs[0] ?? "");
    const pads = pad && zerosOf(graph, pad);
    if (pad === undefined || pads === undefined || !takes(graph, makers, node, pad, pads)) return node;
    const own = intsAttribute(node, "pads") ?? [0, 0, 0, 0];
    const sum: Attribute = { kind: "ints", value: own.map((n, i) => n + (pads[i] ?? 0)) };
    return {
      ...node,
      inputs: [pad.inputs[0] ?? "", ...node.inputs.slice(1)],
      attributes: new Map([...node.attributes, ["pads", sum]]),
    };
  });
  return { ...graph, nodes };
}

/** The pads of a node that puts zeros around height and width, and does nothing else. */
function zerosOf(graph: Graph, { op, inputs }: Node): Pads | undefined {
  const [, pads = "", value = "", axes = ""] = inputs;
  if (op !== "Pad" || value !== "") return undefined;
  const [sizes, along] = [graph.initializers.get(pads), graph.initializers.get(axes)];
  if (sizes === undefined || along === undefined || integers(along).join() !== "0,1,2,3") return undefined;
  const [n, c, top = 0, left = 0, nEnd, cEnd, bottom = 0, right = 0] = integers(sizes);
  return [n, c, nEnd, cEnd].every((size) => size === 0) ? [top, left, bottom, right] : undefined;
}

function takes(graph: Graph, makers: ReadonlyMap<string, Node>, node: Node, pad: Node, pads: Pads): boolean {
  if (stringAttribute(node, "auto_pad", "NOTSET") !== "NOTSET") return false;
  if (node.op === "Conv") return true;
  const kernel = intsAttribute(node, "kernel_shape") ?? [];
  const own = intsAttribute(node, "pads") ?? [0, 0, 0, 0];
  return (
    node.op === "MaxPool" &&
    // A window must not lie in the padding as a whole.
    pads.every((n, i) => n + (own[i] ?? 0) < (kernel[i % 2] ?? 0)) &&
    neverNegative(graph, makers.get(pad.inputs[0] ?? ""))
  );
}

function neverNegative(graph: Graph, node: Node | undefined): boolean {
  if (node?.op === "Relu" || node?.op === "Sigmoid") return true;
  const least = node?.op === "Clip" ? graph.initializers.get(node.inputs[1] ?? "") : undefined;
  return least !== undefined && scalar(least) >= 0;
}
