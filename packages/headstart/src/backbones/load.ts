import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { HeadstartError } from "../errors.js";
import { storageError } from "../files.js";
import { type Graph, OPSET, readModel, toFloat32, toQdq, upgrade } from "../onnx/index.js";
import type { DownloadOptions } from "./download/index.js";
import { externalReader } from "./external.js";
import { isKerasFile } from "./keras/signature.js";
import { chosenPreprocessing, type NetworkChoices } from "./options.js";
import { ownMetadata } from "./own-metadata.js";
import { ownScaling } from "./own-scaling.js";
import { countParameters } from "./parameters.js";
import type { Preprocessing } from "./preprocessing.js";
import { type Located, locate } from "./sources/index.js";

/** The network that is used where none is named. */
export const DEFAULT_BACKBONE = "efficientnet-lite0";

/** Image size of a network that takes any, and about which nothing is written. */
const USUAL_IMAGE_SIZE = 224;

/** Pixels from 0 to 255. */
const AS_THEY_ARE: Preprocessing = { channels: "RGB", mean: [0, 0, 0], std: [1, 1, 1] };

/** What may be said of a pretrained network, and how to fetch it. */
export interface LoadOptions
  extends NetworkChoices,
    Pick<DownloadOptions, "offline" | "signal" | "onProgress"> {}

/** A pretrained network, whole. */
export interface Network {
  /** The choice that leads to the same network again; of a file, its absolute path. */
  readonly choice: string;
  readonly name: string;
  /** Path of its file. */
  readonly file: string;
  /** SHA-256 of its file, and of what else makes its graph, in hexadecimal. */
  readonly digest: string;
  /** Input and outputs as its file has them, in today's operators and in float32. */
  readonly whole: Graph;
  /** The output that holds its features, of a network that ends there; undefined where they have to be found. */
  readonly ending: string | undefined;
  /** Number of weights; see `countParameters`. */
  readonly parameters: number;
  /** How photos have to be prepared; undefined where that is neither written nor given. */
  readonly preprocessing: Preprocessing | undefined;
  /** Where the preprocessing comes from, as half a sentence. */
  readonly preparation: string;
  /** Side of the square photos it was trained on, in pixels; 224 where that is not known. */
  readonly imageSize: number;
  readonly minimumImageSize: number;
  readonly licence: string;
  readonly source: string;
  /** ImageNet top-1 accuracy in percent, as published. */
  readonly top1: number | undefined;
  /** Names of its classes, in the order of its outputs, where they are written. */
  readonly classes: readonly string[] | undefined;
}

/**
 * Reads a pretrained network.
 *
 * @param choice - a name that `headstart backbones` lists, `keras:NAME[:top]`, `hf:OWNER/NAME[@REVISION][:PATH]`, an address `https://…`, or
 *   the path of an `.onnx`, `.h5` or `.keras` file. Default: `efficientnet-lite0`
 * @param options - what the files do not say, and how to fetch them
 * @throws HeadstartError `INVALID_OPTION` for a choice that does not exist, `NOT_FOUND` for a file that does not, `NETWORK` and `CHECKSUM`
 *   where it cannot be fetched, `STORAGE` for a file that may not be read, `INVALID_MODEL` for one that is no image network,
 *   `UNSUPPORTED` for one that has parts that are not supported
 */
export async function loadNetwork(
  choice: string = DEFAULT_BACKBONE,
  options: LoadOptions = {},
): Promise<Network> {
  const { offline, signal, onProgress } = options;
  const found = await locate(choice, { ...(offline !== undefined && { offline }), signal, onProgress });
  const { graph, digest, prepared } = await readNetwork(found);
  const located: Located = { ...found, ...ownMetadata(graph.metadata) };
  const whole = toFloat32(toQdq(upgrade(graph, OPSET)));
  const { name, file, minimumImageSize = 32, licence, source, top1, classes } = located;
  return {
    choice: located.choice,
    name,
    file,
    digest,
    whole,
    ending: located.application?.top === false ? whole.outputs[0]?.name : undefined,
    parameters: countParameters(whole),
    ...preparationOf(options, located, prepared, whole),
    imageSize: located.imageSize ?? USUAL_IMAGE_SIZE,
    minimumImageSize,
    licence: licence ?? "not stated",
    source: source ?? "not stated",
    top1,
    classes,
  };
}

/** How photos are prepared: as the user says, as it is written, as the network's name says, or by the network itself. */
function preparationOf(
  options: LoadOptions,
  located: Located,
  named: Read["prepared"],
  whole: Graph,
): Pick<Network, "preprocessing" | "preparation"> {
  const own = ownScaling(whole);
  const written =
    located.preprocessing !== undefined
      ? { preprocessing: located.preprocessing, preparation: located.preparation }
      : own !== undefined
        ? { preprocessing: AS_THEY_ARE, preparation: `not at all, because ${own}` }
        : (named ?? { preprocessing: undefined, preparation: located.preparation });
  return {
    preprocessing: chosenPreprocessing(options, written.preprocessing),
    preparation:
      options.mean === undefined && options.std === undefined ? written.preparation : "as the options say",
  };
}

/** A digest of a digest and of something else that makes a difference. */
export function combined(digest: string, ...parts: readonly string[]): string {
  return createHash("sha256")
    .update([digest, ...parts].join("\n"))
    .digest("hex");
}

/** A network's graph as its file has it, and how photos are prepared where the network itself shows that. */
interface Read {
  readonly graph: Graph;
  readonly digest: string;
  readonly prepared?: { readonly preprocessing: Preprocessing; readonly preparation: string };
}

async function readNetwork(located: Located): Promise<Read> {
  const { file, sha256, application } = located;
  if (application !== undefined || (await isKerasFile(file))) {
    const { readKeras } = await import("./keras/read.js");
    return await readKeras(file, application);
  }
  const bytes = await readFile(file).catch((error: unknown) => {
    throw storageError(error, file);
  });
  const hash = createHash("sha256").update(bytes);
  if (sha256 !== undefined && sha256 !== hash.copy().digest("hex"))
    throw new HeadstartError(
      "INVALID_MODEL",
      `${file} is not the file that its description vouches for: its SHA-256 differs.`,
      "Install or copy it again.",
    );
  const beside = externalReader(file);
  const read = readModel(bytes, {
    external: (...place) => {
      const weights = beside(...place);
      hash.update(weights);
      return weights;
    },
  });
  return { graph: read, digest: hash.digest("hex") };
}
