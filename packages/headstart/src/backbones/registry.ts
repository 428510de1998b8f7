import { readDescription } from "./description.js";
import { KERAS, PACKAGES } from "./sources/kinds.js";

/** A network that has a name. */
export interface NamedNetwork {
  /** What `--backbone` takes. */
  readonly name: string;
  /** Side of the square photos it was trained on, in pixels. */
  readonly imageSize: number;
  /** Number of weights of the whole network. */
  readonly parameters: number;
  /** Number of features of a photo. */
  readonly features: number;
  /** Share of ImageNet's validation photos that the whole network gets right, in percent, as published; `null` where nothing is. */
  readonly top1: number | null;
  readonly licence: string;
  readonly source: string;
  /** Whether its weights are on this machine. */
  readonly isHere: boolean;
}

/**
 * The networks that have names: those of packages, and Keras's.
 *
 * @throws HeadstartError `NOT_FOUND` if a package is not installed
 *
 * @example
 * import { listNetworks } from "headstart";
 * const names = (await listNetworks()).map(({ name }) => name);
 * names.includes("keras:resnet50") // => true
 */
export async function listNetworks(): Promise<NamedNetwork[]> {
  const [{ listDownloads }, { KERAS_APPLICATIONS }, { packageDescription }] = await Promise.all([
    import("./download/cache.js"),
    import("./keras/applications/registry.js"),
    import("./sources/package.js"),
  ]);
  const packages = Object.keys(PACKAGES).map(async (name): Promise<NamedNetwork> => {
    const {
      imageSize,
      parameters = 0,
      features = 0,
      top1 = null,
      licence = "not stated",
      source = "not stated",
    } = await readDescription(packageDescription(name));
    return { name, imageSize, parameters, features, top1, licence, source, isHere: true };
  });
  const downloads = (await listDownloads()).filter(({ sha256 }) => sha256 !== undefined);
  const here = new Set(downloads.map(({ path }) => path));
  const keras = Object.entries(KERAS_APPLICATIONS).map(([name, facts]): NamedNetwork => {
    const { imageSize, parameters, features, top1, licence, source, weights } = facts;
    return {
      name: `${KERAS}${name}`,
      imageSize,
      parameters: parameters.top,
      features,
      top1,
      licence,
      source,
      isHere: here.has(weights.noTop.path),
    };
  });
  return [...(await Promise.all(packages)), ...keras];
}
