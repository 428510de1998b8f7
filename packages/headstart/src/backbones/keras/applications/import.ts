import { HeadstartError } from "../../../errors.js";
import type { Graph } from "../../../onnx/index.js";
import { type KerasFile, openKerasFile } from "../files/index.js";
import { importKeras, type LayerWithWeights, layersWithWeights } from "../import/index.js";
import type { KerasWeights } from "../weights.js";
import { type Architecture, readArchitecture, withoutTop } from "./architecture.js";
import { applicationNamed, type KerasApplication } from "./registry.js";

/** How a network of Keras's library is wanted. */
export interface ApplicationOptions {
  /**
   * Whether the classifier for ImageNet's classes stays, so that probabilities come out; without it, features
   * do.
   */
  readonly top: boolean;
  /**
   * Height and width of the photos, in pixels. By default they are free without the top, and the network's
   * own with it, which is the only size that Keras allows there.
   */
  readonly imageSize?: number;
}

/**
 * Builds a network of Keras's library from a weights file, such as the published one, with or without top.
 * The file is read as Keras itself reads it: by the order of the layers, not by their names, which differ
 * from one version of Keras to another. The shape of each array is checked.
 *
 * @param name - a name of `KERAS_APPLICATIONS`
 * @param weights - path of the `.h5` file
 * @param options - what is wanted of it
 * @returns a graph with one float input `[N, H, W, 3]`, a photo prepared as the registry says, and one
 * output: features `[N, D]`, or
 *   probabilities `[N, 1000]`
 * @throws HeadstartError `INVALID_OPTION` for an unknown name or an impossible size; `INVALID_MODEL` naming
 * the layer and the array if the
 *   file does not fit the network; and what `openKerasFile` throws
 */
export async function importApplication(
  name: string,
  weights: string,
  options: ApplicationOptions,
): Promise<Graph> {
  const application = applicationNamed(name);
  const size = inputSize(application, options);
  const whole = await readArchitecture(name);
  const architecture = options.top ? whole : withoutTop(whole);
  const file = await openKerasFile(weights);
  const arrays = weightsInOrder(layersOf(architecture, size), file);
  return importArchitecture(architecture, arrays, size);
}

/**
 * The graph of an architecture.
 *
 * @param architecture - the network, with or without its top
 * @param weights - where the layers' arrays are read from
 * @param size - height and width of the photos; `null` leaves them free
 */
export function importArchitecture(
  { config, paddingFollowsSize }: Architecture,
  weights: KerasWeights,
  size: readonly [number, number] | null,
): Graph {
  return importKeras(config, weights, { inputSize: size, paddingFollowsSize });
}

/**
 * The layers of an architecture that have weights, in the order in which files hold them; see {@link
 * importArchitecture}.
 */
export function layersOf(
  { config, paddingFollowsSize }: Architecture,
  size: readonly [number, number] | null,
): readonly LayerWithWeights[] {
  return layersWithWeights(config, { inputSize: size, paddingFollowsSize });
}

/**
 * The arrays of an architecture in a file, found by the order of the layers.
 *
 * @param layers - those of the architecture that have weights
 * @param file - the file
 * @throws HeadstartError `INVALID_MODEL` if the file has weights for another number of layers
 */
export function weightsInOrder(layers: readonly LayerWithWeights[], file: KerasFile): KerasWeights {
  const outermost = [...new Set(layers.map(({ path: [first = ""] }) => first))];
  return groupedWeights(layers, file.weightsInOrder(outermost));
}

function inputSize(
  { title, imageSize: own, minimumImageSize }: KerasApplication,
  { top, imageSize }: ApplicationOptions,
): readonly [number, number] | null {
  if (imageSize === undefined) return top ? [own, own] : null;
  if (!Number.isInteger(imageSize) || imageSize < minimumImageSize)
    throw new HeadstartError(
      "INVALID_OPTION",
      `${title} cannot take photos of ${imageSize} pixels.`,
      `Its image size must be a whole number of at least ${minimumImageSize}.`,
    );
  if (top && imageSize !== own)
    throw new HeadstartError(
      "INVALID_OPTION",
      `${title} with its ImageNet classes takes photos of ${own} pixels, not of ${imageSize}.`,
      "Use it without its top: then any size will do.",
    );
  return [imageSize, imageSize];
}

/**
 * Reads the layers of a nested model from the one group in which files keep it, again by order: Keras gives
 * the group's arrays to the inner layers one after another, whatever their names in the file are.
 */
function groupedWeights(layers: readonly LayerWithWeights[], weights: KerasWeights): KerasWeights {
  return {
    read(path, wanted) {
      const [outer = "", ...inner] = path;
      if (inner.length === 0) return weights.read(path, wanted);
      const members = layers.filter(({ path: [first] }) => first === outer);
      const index = members.findIndex((member) => member.path.join("/") === path.join("/"));
      const start = members.slice(0, index).reduce((sum, member) => sum + member.weights.length, 0);
      const all = members.flatMap((member) =>
        member.weights.map((weight) => ({ ...weight, name: `${member.path.join("/")}/${weight.name}` })),
      );
      return weights.read([outer], all).slice(start, start + wanted.length);
    },
  };
}
