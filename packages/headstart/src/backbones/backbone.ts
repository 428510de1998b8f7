import { HeadstartError } from "../errors.js";
import type { Graph } from "../onnx/index.js";
import { combined, type LoadOptions, loadNetwork, type Network } from "./load.js";
import { cutNetwork } from "./network.js";
import type { NetworkChoices } from "./options.js";
import type { Preprocessing } from "./preprocessing.js";

/** A pretrained network, cut at its features. */
export interface Backbone extends Omit<Network, "whole" | "ending" | "preprocessing"> {
  /** From `image`, float [N, 3, H, W] as preprocessing makes it, to `features`, float [N, D]. */
  readonly graph: Graph;
  /** D, the number of features. */
  readonly features: number;
  /** The network's own value that was taken for the features. */
  readonly tensor: string;
  /** Why the features were found where they were, in a sentence. */
  readonly reason: string;
  readonly preprocessing: Preprocessing;
  /** What it computes in. */
  readonly precision: "float32" | "int8";
}

/** The part of a network that makes its features. */
export type Trunk = Pick<Backbone, "graph" | "features" | "tensor" | "reason" | "digest" | "imageSize">;

/**
 * Reads a pretrained network and cuts it at its features.
 *
 * @param choice - as for {@link loadNetwork}
 * @param options - as for {@link loadNetwork}
 * @throws HeadstartError `INVALID_OPTION` if it is not written how photos have to be prepared, and not given either; otherwise as
 *   {@link loadNetwork}, {@link trunkOf}
 */
export async function loadBackbone(choice?: string, options: LoadOptions = {}): Promise<Backbone> {
  const { whole, ...network } = await loadNetwork(choice, options);
  const preprocessing = preprocessingOf(network);
  return {
    ...network,
    ...(await trunkOf({ ...network, whole }, options)),
    preprocessing,
    precision: "float32",
  };
}

/**
 * The part of a network that makes its features.
 *
 * @param network - the whole network
 * @param choices - what the user says of it
 * @throws HeadstartError as `cutNetwork`
 */
export async function trunkOf(
  { file, imageSize, whole, digest, ending }: Network,
  { features, layout }: NetworkChoices,
): Promise<Trunk> {
  const made = await cutNetwork(whole, { file, imageSize, features: features ?? ending, layout });
  return {
    graph: made.graph,
    features: made.features,
    tensor: made.tensor,
    reason:
      features === undefined && ending !== undefined ? `${ending} is what the network ends in.` : made.reason,
    digest:
      features === undefined && layout === undefined
        ? digest
        : combined(digest, features ?? "", layout ?? ""),
    imageSize: made.fixedImageSize ?? imageSize,
  };
}

/**
 * How photos have to be prepared for a network.
 *
 * @throws HeadstartError `INVALID_OPTION` where that is not known: it is not guessed
 */
export function preprocessingOf({
  name,
  preprocessing,
  preparation,
}: Pick<Network, "name" | "preprocessing" | "preparation">): Preprocessing {
  if (preprocessing !== undefined) return preprocessing;
  throw new HeadstartError(
    "INVALID_OPTION",
    `How photos have to be prepared for ${name} is not known: ${preparation}.`,
    "Say it by --mean and --std (one number or three, for pixels from 0 to 255), and --channels BGR where they are not RGB. Many networks trained with PyTorch take --mean 123.675,116.28,103.53 --std 58.395,57.12,57.375.",
  );
}

/**
 * Refuses an image size that a backbone does not take.
 *
 * @throws HeadstartError `INVALID_OPTION` with the sizes that it does take
 */
export function checkImageSize(backbone: Backbone, imageSize: number): void {
  const fixed = fixedImageSize(backbone);
  if (fixed === imageSize) return;
  if (fixed !== undefined)
    throw new HeadstartError(
      "INVALID_OPTION",
      `The backbone ${backbone.name} takes photos of ${fixed} pixels only, not ${imageSize}.`,
      `Use --stages EPOCHS@${fixed}.`,
    );
  if (imageSize < backbone.minimumImageSize || imageSize > 2048)
    throw new HeadstartError(
      "INVALID_OPTION",
      `The backbone ${backbone.name} takes image sizes from ${backbone.minimumImageSize} to 2048, not ${imageSize}.`,
      `It was trained at ${backbone.imageSize}.`,
    );
}

/** The one image size that a backbone takes, in pixels; undefined where it takes others. */
export function fixedImageSize({ graph }: Pick<Backbone, "graph">): number | undefined {
  const height = graph.inputs[0]?.shape?.[2];
  return typeof height === "number" ? height : undefined;
}
