import { floats, type Graph, type Node } from "../onnx/index.js";

/** Operators that keep a photo's values as they are. */
const KEEPS = new Set(["Cast", "Identity", "Transpose"]);

/** Arithmetic that a network may begin with, and whether a constant is one that only pixels from 0 to 255 need. */
const SCALES: Readonly<
  Record<string, { readonly what: string; readonly isForPixels: (value: number) => boolean }>
> = {
  Mul: { what: "multiplies by", isForPixels: (value) => Math.abs(value) <= 1 / 32 },
  Div: { what: "divides by", isForPixels: (value) => Math.abs(value) >= 32 },
  Sub: { what: "subtracts", isForPixels: (value) => Math.abs(value) >= 32 },
  Add: { what: "adds", isForPixels: (value) => Math.abs(value) >= 32 },
};

/**
 * Whether a network scales pixels from 0 to 255 itself, as Keras's layers `Rescaling` and `Normalization` do: its first arithmetic is with
 * constants that make no sense for other values.
 *
 * @param graph - a network with one input
 * @returns what it does, as half a sentence; undefined where it does not
 */
export function ownScaling(graph: Graph): string | undefined {
  let value = graph.inputs[0]?.name ?? "";
  for (;;) {
    const readers = graph.nodes.filter(({ inputs }) => inputs.includes(value));
    const [node] = readers;
    if (node === undefined || readers.length > 1) return undefined;
    if (!KEEPS.has(node.op)) return scaling(graph, node, value);
    value = node.outputs[0] ?? "";
  }
}

function scaling(graph: Graph, node: Node, value: string): string | undefined {
  const kind = SCALES[node.op];
  const other = node.inputs.find((name) => name !== value);
  const tensor = graph.initializers.get(other ?? "");
  if (kind === undefined || tensor?.type !== "float32" || tensor.data.byteLength > 64) return undefined;
  const values = [...floats(tensor)];
  if (!values.every(kind.isForPixels)) return undefined;
  const numbers = [...new Set(values)].map((number) => Number(number.toPrecision(4)));
  return `the network itself ${kind.what} ${numbers.join(", ")}`;
}
