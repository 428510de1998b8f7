import type { Preprocessing } from "../../src/backbones/preprocessing.js";
import { float32, floats, type Graph, type Tensor } from "../../src/onnx/index.js";
import { runGraph } from "./run-graph.js";

/**
 * What a network with one input and one output makes of photos of bytes `[N, S, S, 3]`, or one of `[S, S,
 * 3]`.
 */
export async function runOnPhotos(
  graph: Graph,
  photos: Tensor,
  preprocessing: Preprocessing,
): Promise<Tensor> {
  const [input, output] = [graph.inputs[0]?.name ?? "", graph.outputs[0]?.name ?? ""];
  const made = (await runGraph(graph, { [input]: prepared(photos, preprocessing) }))[output];
  if (made === undefined) throw new Error(`${graph.name} makes nothing`);
  return made;
}

/** Photos of bytes, prepared as a network wants them: `[N, S, S, 3]`. */
function prepared({ dims, data }: Tensor, { channels, mean, std }: Preprocessing): Tensor {
  const values = Float32Array.from(data, (_, index) => {
    const channel = index % 3;
    const from = channels === "RGB" ? index : index - channel + (2 - channel);
    return ((data[from] ?? 0) - (mean[channel] ?? 0)) / (std[channel] ?? 1);
  });
  return float32(dims.length === 3 ? [1, ...dims] : dims, values);
}

/** The largest difference from the wanted numbers, as a share of the largest of them. */
export function relativeError(made: Tensor, wanted: Tensor): number {
  const values = floats(made);
  const expected = floats(wanted);
  const differences = Array.from(expected, (value, index) => Math.abs((values[index] ?? Number.NaN) - value));
  return Math.max(...differences) / Math.max(...expected.map(Math.abs));
}
