import { HeadstartError } from "../errors.js";
import { floats, type Graph, type Tensor, tensorOf } from "../onnx/index.js";
import { createRandom } from "../random.js";
import { Runtime } from "../runtime/index.js";

/** Photos of random numbers for a network's one input, as many as there are seeds; those of a seed are the same in any company. */
function noise(graph: Graph, seeds: readonly number[], size: number): Tensor {
  const [input] = graph.inputs;
  const dims = (input?.shape ?? []).slice(1).map((dim) => (typeof dim === "number" ? dim : size));
  const count = dims.reduce((all, dim) => all * dim, 1);
  const values = new Float32Array(seeds.length * count);
  for (const [i, seed] of seeds.entries()) {
    const random = createRandom("independence", seed);
    const [middle, range] = [random.between(-1, 1), random.between(0.5, 1.5)];
    random.fill(values.subarray(i * count, (i + 1) * count), (r) => middle + r.between(-range, range));
  }
  // Photos in bytes are brighter than numbers about 0.
  const bytes = input?.type === "uint8" ? values.map((value) => 128 + 50 * value) : values;
  return tensorOf(input?.type ?? "float32", [seeds.length, ...dims], bytes);
}

/**
 * What is wrong with a network that was made to take any number of photos: it is to make the same features of each as the one that it was
 * made from, which takes them by a fixed number. Both are run on random numbers.
 *
 * @param fixed - a graph with one input and one output `features` [batch, D]
 * @param open - the same for any number of photos
 * @param batch - how many photos `fixed` takes
 * @param size - height and width, where the input leaves them open
 * @returns undefined if nothing is wrong, otherwise why, to stand behind a colon
 * @throws HeadstartError `INVALID_MODEL` if ONNX Runtime cannot run the network as it was
 */
export async function disagreement(
  fixed: Graph,
  open: Graph,
  batch: number,
  size: number,
): Promise<string | undefined> {
  const runtime = Runtime.start();
  try {
    const rowsOf = async (graph: Graph, batches: readonly (readonly number[])[]) => {
      const session = await runtime.load(graph);
      const rows = new Map<number, Float32Array>();
      for (const seeds of batches) {
        const { features } = await session.run({ [graph.inputs[0]?.name ?? ""]: noise(graph, seeds, size) });
        if (features === undefined || features.dims[0] !== seeds.length) return undefined;
        const values = floats(features);
        const width = values.length / seeds.length;
        for (const [i, seed] of seeds.entries()) rows.set(seed, values.slice(i * width, (i + 1) * width));
      }
      await session.close();
      return rows;
    };
    const seeds = Array.from({ length: 2 * batch }, (_, i) => i);
    const expected = await rowsOf(fixed, [seeds.slice(0, batch), seeds.slice(batch)]);
    // One more photo stands before the others, so that none keeps its place.
    const found = await rowsOf(open, [[-1, ...seeds]]).catch((error: unknown) => {
      if (error instanceof HeadstartError && error.code === "INVALID_MODEL") return error;
      throw error;
    });
    if (found instanceof HeadstartError) return nodeIn(found.message);
    if (expected === undefined || found === undefined) return "its features are no row for each photo";
    const first = expected.get(0);
    const range = difference(first, expected.get(batch));
    const largest = difference(first, new Float32Array(first?.length ?? 0));
    const allowed = range / 20 + largest * 1e-5;
    return seeds.every((seed) => difference(expected.get(seed), found.get(seed)) <= allowed)
      ? undefined
      : "in larger ones, photos change the features of others";
  } finally {
    await runtime.close();
  }
}

/** What ONNX Runtime stumbled over. */
function nodeIn(message: string): string {
  const [, op, name] = /running (\w+) node\. Name:'([^']*)'/.exec(message) ?? [];
  return op === undefined
    ? "ONNX Runtime refuses larger ones"
    : `its node ${name} (${op}) is made for that number`;
}

function difference(a: Float32Array | undefined, b: Float32Array | undefined): number {
  if (a === undefined || b === undefined || a.length !== b.length) return Number.POSITIVE_INFINITY;
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - (b[i] ?? Number.NaN))), 0);
}
