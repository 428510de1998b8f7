import { HeadstartError } from "../../../errors.js";
import type { Hdf5Group } from "./hdf5/tree.js";
import { type Layout, resolveName, type StoredArray } from "./stored.js";

/**
 * The layout of `.h5` files before Keras 3's own: a group for each layer of the outermost model, with an attribute `weight_names` that
 * lists the layer's arrays in order, and an attribute `layer_names` that lists the layers in the model's order. A nested model is one layer, and
 * its arrays have the inner layers' names in theirs: `conv1/kernel:0` (Keras 2) or `base/conv1/kernel` (Keras 3).
 *
 * @param group - the group with `layer_names`
 * @param source - what errors call the file
 * @throws HeadstartError `INVALID_MODEL` if a layer or an array that the attributes name is not there
 */
export function legacyLayout(
  group: Hdf5Group,
  source: string,
): Layout & { readonly layers: readonly string[] } {
  const layers = new Map(texts(group, "layer_names").map((name) => [name, arraysOf(group, name, source)]));
  return {
    arrays: [...layers.values()].flat(),
    layers: [...layers].filter(([, arrays]) => arrays.some(isFloat)).map(([name]) => name),
    find: ([layer = "", ...inner]) => {
      const arrays = layers.get(layer);
      return arrays && inner.length > 0 ? innerArrays(arrays, [layer, ...inner]) : arrays;
    },
  };
}

/**
 * The same layout, read by order: the first of `layers` is given the arrays of the file's first layer that has any, and so on. This is how
 * Keras loads weights into a model of its own library, and the only way where the file's layers have the numbers of another session,
 * such as `conv2d_1` to `conv2d_94` for what is `conv2d` to `conv2d_93` now.
 *
 * @param layout - the layout by name
 * @param layers - the outermost model's layers that have weights, in the model's order
 * @param source - what errors call the file
 * @throws HeadstartError `INVALID_MODEL` if the file has another number of layers with weights
 */
export function inOrder(
  layout: ReturnType<typeof legacyLayout>,
  layers: readonly string[],
  source: string,
): Layout {
  if (layers.length !== layout.layers.length)
    throw new HeadstartError(
      "INVALID_MODEL",
      `The file ${source} has weights for ${layout.layers.length} layers, where the network has ${layers.length} layers with weights.`,
      "Check that the weights were saved from the same network, with or without its top.",
    );
  const stored = new Map(layers.map((layer, index) => [layer, layout.layers[index] ?? layer]));
  return {
    arrays: layout.arrays,
    find: ([layer = "", ...inner]) => {
      const name = stored.get(layer);
      return name === undefined ? undefined : layout.find([name, ...inner]);
    },
  };
}

/** Whether a group is of this layout. */
export function isLegacy(group: Hdf5Group): boolean {
  return group.attributes.has("layer_names") || group.attributes.has("layer_names0");
}

function arraysOf(group: Hdf5Group, layer: string, source: string): StoredArray[] {
  const here = resolveName(group, layer);
  if (here?.kind !== "group")
    throw damaged(`The file ${source} lists the layer ${layer}, which it does not have as a group.`);
  return texts(here, "weight_names").map((name) => {
    const content = resolveName(here, name);
    if (content === undefined || content.kind === "group")
      throw damaged(
        `The file ${source} lists the array ${name} of the layer ${layer}, which it does not have.`,
      );
    return { name, layer: layerOf(layer, name), content };
  });
}

/** The arrays whose names hold the longest end of a path that any name holds. Keras 2 writes the inner layer only, Keras 3 all of the path. */
function innerArrays(arrays: readonly StoredArray[], path: readonly string[]): readonly StoredArray[] {
  for (let start = 0; start < path.length; start++) {
    const end = path.slice(start).join("/");
    const found = arrays.filter(({ name }) => `/${folderOf(name)}`.endsWith(`/${end}`));
    if (found.length > 0) return found;
  }
  return [];
}

/** How a user would name the layer that an array belongs to: `conv1` for `conv1/kernel:0` in the group `conv1`, `base/conv1` in `base`. */
function layerOf(layer: string, name: string): string {
  const folder = folderOf(name);
  if (folder === "" || `/${folder}`.endsWith(`/${layer}`)) return layer;
  return folder.startsWith(`${layer}/`) ? folder : `${layer}/${folder}`;
}

function folderOf(name: string): string {
  return name.slice(0, Math.max(0, name.lastIndexOf("/")));
}

function isFloat({ content }: StoredArray): boolean {
  return content.kind === "refused" || content.values !== undefined;
}

/** A list of texts, which Keras splits into `layer_names0`, `layer_names1`, ... where it does not fit into one attribute. */
function texts(group: Hdf5Group, name: string): string[] {
  const whole = group.attributes.get(name);
  if (whole !== undefined) return [whole].flat();
  const parts: string[] = [];
  for (let index = 0; ; index++) {
    const part = group.attributes.get(`${name}${index}`);
    if (part === undefined) return parts;
    parts.push(...[part].flat());
  }
}

function damaged(sentence: string): HeadstartError {
  return new HeadstartError("INVALID_MODEL", sentence, "The file is damaged. Save or download it again.");
}
