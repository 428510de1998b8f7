import { HeadstartError } from "../errors.js";
import { channelAxis, type Dim, type Graph, type ValueInfo } from "../onnx/index.js";

/** Order of the dimensions of a batch of photos: channels first or channels last. */
export type Layout = "NCHW" | "NHWC";

/**
 * The layout in which a network takes its photos: told from the dimension that is 3, or from the operators that read the input.
 *
 * @param graph - the network
 * @param input - its input, of four dimensions
 * @param asked - what the user says
 * @param file - what the network is called in errors
 * @throws HeadstartError `INVALID_OPTION` if the user asks for one that the file rules out, or has to be asked; `INVALID_MODEL` if photos
 *   with three channels fit in neither
 */
export function imageLayout(
  graph: Graph,
  { name, type, shape }: ValueInfo,
  asked: Layout | undefined,
  file: string,
): Layout {
  const [, second, , last] = shape ?? [];
  const possible = (["NCHW", "NHWC"] as const).filter((layout) => {
    const channels = layout === "NCHW" ? second : last;
    return typeof channels !== "number" || channels === 3;
  });
  // A number where one layout has its channels is not the height in the other if it is as small as channels are.
  const few = (dim: Dim | undefined) => typeof dim === "number" && dim !== 3 && dim <= 4;
  if (possible.length === 1 && (few(second) || few(last)) && second !== 3 && last !== 3) possible.length = 0;
  const takes = `${file} takes ${name} ${type} [${shape?.join(", ") ?? "?"}]`;
  if (asked !== undefined) {
    if (possible.includes(asked)) return asked;
    throw new HeadstartError("INVALID_OPTION", `${takes}, which is not ${asked} with three channels.`);
  }
  const [only, other] = possible;
  if (only === undefined)
    throw new HeadstartError(
      "INVALID_MODEL",
      `${takes}, which are no photos with three channels.`,
      "Headstart needs a network for colour photos.",
    );
  if (other === undefined) return only;
  const exact = possible.filter((layout) => (layout === "NCHW" ? second : last) === 3);
  if (exact.length === 1 && exact[0] !== undefined) return exact[0];
  const axis = channelAxis(graph, name, 4);
  if (axis === 1) return "NCHW";
  if (axis === 3) return "NHWC";
  throw new HeadstartError(
    "INVALID_OPTION",
    `${takes}, which does not tell where the colours are.`,
    "Say so: --layout NCHW (colours before height and width) or --layout NHWC (colours last).",
  );
}
