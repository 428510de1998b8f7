import { basename } from "node:path";
import { HeadstartError } from "../../../errors.js";
import { errorCode, storageError, withHandle } from "../../../files.js";
import { withArchive } from "./archive.js";
import { configuredLayers } from "./configuration.js";
import { readHdf5 } from "./hdf5/read.js";
import type { Hdf5Group } from "./hdf5/tree.js";
import { inOrder, isLegacy, legacyLayout } from "./legacy.js";
import { isNumbered, numberedLayout } from "./numbered.js";
import { type FileWeights, fileWeights } from "./stored.js";

/** What a Keras file holds. */
export interface KerasFile {
  /** The model's configuration as JSON, not validated; undefined in a file that holds weights only. */
  readonly config: unknown;
  /** Version of Keras that wrote it, as the file says; undefined where it does not. */
  readonly kerasVersion: string | undefined;
  /** The layers' arrays, found by the layers' names (or, in `.weights.h5` files, by class and number). */
  readonly weights: FileWeights;
  /**
   * The layers' arrays, found by the order of the layers instead of their names: the way in which Keras loads the weights that it
   * publishes, and the only one that suits files whose layers have automatic names, such as those of InceptionV3.
   *
   * @param layers - names of the outermost model's layers that have weights, in the model's order
   * @throws HeadstartError `INVALID_MODEL` if the file has another number of layers with weights; `UNSUPPORTED` for a `.keras` or
   *   `.weights.h5` file, which keeps no order
   */
  weightsInOrder(layers: readonly string[]): FileWeights;
}

/** Groups of the root with the state of an optimiser, which may be twice as large as the weights. */
const OPTIMIZER = ["optimizer_weights", "optimizer"];

/**
 * Reads a file that Keras wrote: `.h5` (the whole model or its weights; Keras 1 to 3), `.keras`, or `.weights.h5`. The kind is told by the file's content.
 * Nothing in it is executed, and what it says of its sizes is checked before memory is taken.
 *
 * The arrays are in memory when the promise resolves: as much as the file's weights take.
 *
 * @param path - the file
 * @param options - `config`: the model's configuration for a file that holds weights only; `.weights.h5` files need it, because they
 *   name a layer by its class and its number. `name`: what errors call the file, by default its own name
 * @throws HeadstartError `NOT_FOUND` if there is no such file; `INVALID_MODEL` if it is damaged or not a Keras file; `UNSUPPORTED` if
 *   its weights are spread over several files or stored in another form; `STORAGE` if it may not be read
 */
export async function openKerasFile(
  path: string,
  options: { readonly config?: unknown; readonly name?: string } = {},
): Promise<KerasFile> {
  const name = options.name ?? basename(path);
  const kind = await kindOf(path, name);
  if (kind === "hdf5")
    return kerasFileOf(await readHdf5(path, { name, skip: OPTIMIZER }), name, options.config);
  return await withArchive(path, name, async (archive, file) => {
    const config = parse(archive.config, "config.json", name);
    const metadata = archive.metadata === undefined ? {} : parse(archive.metadata, "metadata.json", name);
    const root = await readHdf5(file, { name, skip: OPTIMIZER });
    return numbered(root, { config, own: true, version: textField(metadata, "keras_version"), name });
  });
}

async function kindOf(path: string, name: string): Promise<"hdf5" | "zip"> {
  const start = Buffer.alloc(8);
  await withHandle(path, "r", (handle) => handle.read(start, 0, 8, 0)).catch((error) => {
    if (errorCode(error) === "EISDIR")
      throw new HeadstartError(
        "INVALID_MODEL",
        `The file ${name} is a folder, not a file of Keras.`,
        "Give a .h5 or .keras file.",
      );
    throw storageError(error, path);
  });
  if (start.equals(Buffer.from("\x89HDF\r\n\x1a\n", "latin1"))) return "hdf5";
  if (start.subarray(0, 4).equals(Buffer.from("PK\x03\x04", "latin1"))) return "zip";
  throw new HeadstartError(
    "INVALID_MODEL",
    `The file ${name} is not a file that Keras writes: it is neither HDF5 (.h5) nor a zip archive (.keras).`,
    "Give a file that model.save() or model.save_weights() of Keras wrote.",
  );
}

/**
 * What an `.h5` file holds that has been read.
 *
 * @param root - its root group
 * @param name - what errors call the file
 * @param given - the model's configuration, for a file that holds weights only
 */
export function kerasFileOf(root: Hdf5Group, name: string, given: unknown): KerasFile {
  const inner = root.children.get("model_weights");
  const group = inner?.kind === "group" ? inner : root;
  if (isLegacy(group)) {
    const layout = legacyLayout(group, name);
    const config = root.attributes.get("model_config");
    return {
      config: typeof config === "string" ? parse(config, "model_config", name) : undefined,
      kerasVersion: textAttribute(group, "keras_version") ?? textAttribute(root, "keras_version"),
      weights: fileWeights(layout, name),
      weightsInOrder: (layers) => fileWeights(inOrder(layout, layers, name), name),
    };
  }
  if (/_\d{5}\.weights\.h5$/.test(name))
    throw new HeadstartError(
      "UNSUPPORTED",
      `The file ${name} is one of several files over which Keras has spread the weights.`,
      "Save them to one file: model.save_weights(path) without max_shard_size.",
    );
  if (isNumbered(root)) return numbered(root, { config: given, own: false, version: undefined, name });
  throw new HeadstartError(
    "INVALID_MODEL",
    `The file ${name} is an HDF5 file, but it holds no weights of Keras.`,
    "Give a file that model.save() or model.save_weights() of Keras wrote.",
  );
}

function numbered(
  root: Hdf5Group,
  about: {
    readonly config: unknown;
    readonly own: boolean;
    readonly version: string | undefined;
    readonly name: string;
  },
): KerasFile {
  const layout = numberedLayout(root, configuredLayers(about.config), about.own);
  return {
    config: about.own ? about.config : undefined,
    kerasVersion: about.version,
    weights: fileWeights(layout, about.name),
    weightsInOrder: () => {
      throw new HeadstartError(
        "UNSUPPORTED",
        `The file ${about.name} keeps no order of its layers, so its weights cannot be taken by order.`,
        "Save the weights with Keras 2, or with model.save(path.h5) of Keras 3.",
      );
    },
  };
}

function parse(json: string, what: string, name: string): unknown {
  try {
    return JSON.parse(json) as unknown;
  } catch (cause) {
    throw new HeadstartError(
      "INVALID_MODEL",
      `The ${what} of ${name} is not JSON.`,
      "The file is damaged. Save or download it again.",
      {
        cause,
      },
    );
  }
}

function textAttribute(group: Hdf5Group, name: string): string | undefined {
  const value = group.attributes.get(name);
  return typeof value === "string" ? value : undefined;
}

function textField(value: unknown, name: string): string | undefined {
  const found =
    typeof value === "object" && value !== null ? (value as Record<string, unknown>)[name] : undefined;
  return typeof found === "string" ? found : undefined;
}
