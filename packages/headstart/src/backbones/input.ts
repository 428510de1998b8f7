import { HeadstartError } from "../errors.js";
import {
  type Dim,
  type Graph,
  GraphBuilder,
  intsAttribute,
  openBatch,
  prune,
  renameValues,
  type ValueInfo,
} from "../onnx/index.js";
import { disagreement } from "./independence.js";
import { imageLayout, type Layout } from "./layout.js";

/** What is known of a network beside its graph. */
export interface ImageInputOptions {
  /** What the network is called in errors, such as its file. */
  readonly file: string;
  /** Order of the input's dimensions, for a network that leaves it open. */
  readonly layout?: Layout | undefined;
  /** Height and width of the photos that a fixed batch is tried out with, where the network leaves them open. Default: 224. */
  readonly imageSize?: number | undefined;
}

/**
 * The same network with one input called `image`, float32 [N, 3, H, W], and its one output `features`, float32 [N, D]. H and W are numbers
 * where the network takes one size only.
 *
 * - Photos with the channels last, [N, H, W, 3], are transposed on their way in, or a transposition at the entry is left out.
 * - Bytes become floating-point numbers: where the network begins by turning bytes into floating-point numbers, that is left out; otherwise
 *   values are rounded and kept between 0 and 255.
 * - A fixed number of photos becomes any number (`openBatch`), and ONNX Runtime is asked whether every photo still gets the same features.
 *
 * @param graph - a network that ends in its features, as `cut` makes it, computing in float32
 * @throws HeadstartError `INVALID_MODEL` if it takes no photos or has no fixed number of features; `INVALID_OPTION` as `imageLayout`;
 *   `UNSUPPORTED` if it cannot take more than a fixed number of photos
 */
export async function withImageInput(graph: Graph, options: ImageInputOptions): Promise<Graph> {
  const { file } = options;
  const input = imageInputOf(graph, file);
  const layout = imageLayout(graph, input, options.layout, file);
  const open = await anyNumber(graph, input, options);
  const builder = new GraphBuilder(graph.name);
  const [, second, third, fourth] = input.shape ?? [];
  const [height, width] = layout === "NCHW" ? [third, fourth] : [second, third];
  const image = builder.input("image", "float32", ["N", 3, sized(height, "H"), sized(width, "W")]);
  const placed = layout === "NCHW" ? image : builder.node("Transpose", [image], { perm: [0, 2, 3, 1] });
  const reads = input.type === "uint8" && !turnsToFloats(open, input.name) ? bytes(builder, placed) : placed;
  // What the file says of sizes may hold for its own number of photos only.
  const made = builder.include({ ...open, values: new Map() }, { [input.name]: reads });
  const count = open.outputs[0]?.shape?.[1];
  if (typeof count !== "number")
    throw new HeadstartError(
      "INVALID_MODEL",
      `The number of features of ${file} is not fixed.`,
      "Name another tensor: --features TENSOR.",
    );
  builder.output("features", "float32", ["N", count], made.get("features"));
  const built = builder.build();
  return layout === "NCHW" ? built : withoutDetour(built, placed);
}

/** The one input that takes photos. */
function imageInputOf(graph: Graph, file: string): ValueInfo {
  const [input, ...others] = graph.inputs;
  const isImage =
    (input?.type === "float32" || input?.type === "uint8") &&
    (input.shape === undefined || input.shape.length === 4);
  if (input !== undefined && others.length === 0 && isImage) return input;
  const found = graph.inputs.map(({ name, type, shape }) => `${name} ${type} [${shape?.join(", ") ?? "?"}]`);
  throw new HeadstartError(
    "INVALID_MODEL",
    `${file} does not take one float image [N, 3, H, W]: its inputs are ${found.join(" and ") || "none"}.`,
  );
}

/** The same network for any number of photos. */
async function anyNumber(graph: Graph, input: ValueInfo, options: ImageInputOptions): Promise<Graph> {
  const batch = input.shape?.[0];
  if (typeof batch !== "number") return graph;
  const open = openBatch(graph);
  const wrong = await disagreement(graph, open, batch, options.imageSize ?? 224);
  if (wrong === undefined) return open;
  throw new HeadstartError(
    "UNSUPPORTED",
    `${options.file} takes batches of ${batch} photo${batch === 1 ? "" : "s"} only: ${wrong}.`,
    "Export it with a batch of any size (dynamic axes).",
  );
}

/** A size that is given, or a name for one that is not. */
function sized(size: Dim | undefined, name: string): Dim {
  return typeof size === "number" ? size : name;
}

/** Floating-point numbers as bytes. */
function bytes(builder: GraphBuilder, value: string): string {
  const whole = builder.node("Round", [value]);
  return builder.node("Cast", [builder.node("Clip", [whole, builder.scalar(0), builder.scalar(255)])], {
    to: 2,
  });
}

/** Whether all that reads a value turns it into float32, perhaps after moving elements about, so that it may be float32 already. */
function turnsToFloats(graph: Graph, name: string): boolean {
  const open = [name];
  const seen = new Set(open);
  for (const value of open) {
    if (graph.outputs.some((output) => output.name === value)) return false;
    for (const node of graph.nodes) {
      if (!node.inputs.includes(value)) continue;
      if (node.domain !== "") return false;
      const to = node.attributes.get("to");
      if (node.op === "Cast" && to?.kind === "int" && to.value === 1) continue;
      if (node.op !== "Transpose" && node.op !== "Identity" && node.op !== "Shape") return false;
      const [output = ""] = node.outputs;
      if (node.op !== "Shape" && !seen.has(output)) {
        seen.add(output);
        open.push(output);
      }
    }
  }
  return true;
}

/** The graph without transpositions that put the transposed photos back to where they were. */
function withoutDetour(graph: Graph, transposed: string): Graph {
  const detours = graph.nodes.filter(
    (node) =>
      node.op === "Transpose" &&
      node.domain === "" &&
      node.inputs[0] === transposed &&
      intsAttribute(node, "perm")?.join() === "0,3,1,2",
  );
  const nodes = graph.nodes.filter((node) => !detours.includes(node));
  const names = new Map(detours.map(({ outputs }) => [outputs[0] ?? "", "image"]));
  return prune(renameValues({ ...graph, nodes }, names), undefined, { keepInputs: true });
}
