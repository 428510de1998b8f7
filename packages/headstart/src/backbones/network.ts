import { chosenFeatures, cut, findFeatures, type Graph, inferShapes } from "../onnx/index.js";
import { type ImageInputOptions, withImageInput } from "./input.js";

/** What may be said of a classifier to make a backbone of it. */
export interface NetworkOptions extends ImageInputOptions {
  /** The tensor to take for the features. Default: what feeds the last fully connected layer. */
  readonly features?: string | undefined;
}

/** A classifier as a backbone. */
export interface CutNetwork {
  /** From `image`, float32 [N, 3, H, W], to `features`, float32 [N, D]. */
  readonly graph: Graph;
  /** D. */
  readonly features: number;
  /** The network's own value that was taken for the features. */
  readonly tensor: string;
  /** Why the features were taken where they were, in a sentence or more. */
  readonly reason: string;
  /** The one size that the network takes, where there is only one and it is square. */
  readonly fixedImageSize: number | undefined;
}

/**
 * Makes a backbone of any classifier of photos: cut at its features, with one input for any number of photos.
 *
 * @param whole - the classifier in today's operators and in float32, as `upgrade`, `toQdq` and `toFloat32` leave it
 * @param options - its name, and what the user says of it
 * @throws HeadstartError as `findFeatures` or `chosenFeatures`, `cut` and {@link withImageInput}
 */
export async function cutNetwork(whole: Graph, options: NetworkOptions): Promise<CutNetwork> {
  const { features, reason } =
    options.features === undefined ? findFeatures(whole) : chosenFeatures(whole, options.features);
  const graph = inferShapes(await withImageInput(cut(whole, features), options));
  const [, count] = graph.outputs[0]?.shape ?? [];
  const [, , height, width] = graph.inputs[0]?.shape ?? [];
  return {
    graph,
    features: Number(count),
    tensor: features,
    reason,
    fixedImageSize: typeof height === "number" && height === width ? height : undefined,
  };
}
