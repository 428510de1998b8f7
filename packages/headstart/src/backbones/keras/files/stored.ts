import { HeadstartError } from "../../../errors.js";
import type { Tensor } from "../../../onnx/index.js";
import type { KerasWeights, WantedWeight } from "../weights.js";
import type { Hdf5Dataset, Hdf5Group, Hdf5Refused } from "./hdf5/tree.js";
import { toFloat32 } from "./to-float32.js";

/** An array of a Keras file. */
export interface StoredArray {
  /** Its name in the file, such as `conv1/kernel:0` or `layers/conv2d/vars/0`. */
  readonly name: string;
  /** The layer that it belongs to, as a user would say it: `conv1`, or `base/conv1` in a nested model. */
  readonly layer: string;
  readonly content: Hdf5Dataset | Hdf5Refused;
}

/** Where a file keeps the arrays of its layers. */
export interface Layout {
  /** All arrays of layers. */
  readonly arrays: readonly StoredArray[];
  /** The arrays of the layer that a path leads to, in the file's order; undefined where it has none. */
  find(path: readonly string[]): readonly StoredArray[] | undefined;
}

/** The arrays of a Keras file, with a list of those that nobody has asked for. */
export interface FileWeights extends KerasWeights {
  /** The layers that have arrays in the file of which none has been read so far, such as `conv1` or `base/conv1`. */
  unread(): string[];
}

/**
 * Reads layers of a layout. What is no floating-point number (counters, seeds) is passed over.
 *
 * A layer must have as many arrays as are wanted. They are told apart by their names; where the names are others (files of Keras 1,
 * numbered arrays of Keras 3), by their order, which is how Keras itself does it. Shapes must agree in either case.
 *
 * @param layout - where the arrays are
 * @param source - what errors call the file
 */
export function fileWeights(layout: Layout, source: string): FileWeights {
  const read = new Set<string>();
  return {
    read(path, wanted) {
      const layer = path.join("/");
      const found = layout.find(path)?.filter((array) => isWeight(array, wanted)) ?? [];
      if (wanted.length > 0 && found.length === 0)
        throw invalid(
          `The file ${source} has no weights for the layer ${layer}, which needs ${names(wanted)}.`,
        );
      if (found.length !== wanted.length)
        throw invalid(
          `The file ${source} has ${found.length} arrays for the layer ${layer} (${names(found)}), which needs ${wanted.length} (${names(wanted)}).`,
        );
      for (const array of found) read.add(array.layer);
      return pair(found, wanted).map(([array, weight]) => tensorOf(array, weight, layer, source));
    },
    unread() {
      const layers = layout.arrays.filter((array) => isWeight(array, [])).map(({ layer }) => layer);
      return [...new Set(layers)].filter((layer) => !read.has(layer));
    },
  };
}

/** Finds what a name such as `conv1/kernel:0` leads to, from a group inwards. */
export function resolveName(
  group: Hdf5Group,
  name: string,
): Hdf5Group | Hdf5Dataset | Hdf5Refused | undefined {
  let here: Hdf5Group | Hdf5Dataset | Hdf5Refused | undefined = group;
  for (const part of name.split("/")) {
    if (here?.kind !== "group") return here?.kind === "refused" ? here : undefined;
    if (part !== "") here = here.children.get(part);
  }
  return here;
}

/** Whether an array is one of a layer's weights, and not the count of photos that a Normalization layer has seen or the state of a random generator. */
function isWeight({ name, content }: StoredArray, wanted: readonly WantedWeight[]): boolean {
  if (content.kind === "refused") return true;
  const counts = plainName(name) === "count" && content.shape.length === 0;
  return content.values !== undefined && (!counts || wanted.some((weight) => weight.name === "count"));
}

function pair(
  found: readonly StoredArray[],
  wanted: readonly WantedWeight[],
): (readonly [StoredArray, WantedWeight])[] {
  const byName = wanted.map((weight) => found.filter(({ name }) => plainName(name) === weight.name));
  const named = byName.every((arrays) => arrays.length === 1);
  return wanted.flatMap((weight, index) => {
    const array = named ? byName[index]?.[0] : found[index];
    return array === undefined ? [] : [[array, weight] as const];
  });
}

/** The last part of a name without what TensorFlow adds to it: `kernel` for `scope/conv1/kernel_1:0`. */
function plainName(name: string): string {
  return name
    .slice(name.lastIndexOf("/") + 1)
    .replace(/:\d+$/, "")
    .replace(/_\d+$/, "");
}

function tensorOf(
  { name, content }: StoredArray,
  weight: WantedWeight,
  layer: string,
  source: string,
): Tensor {
  const what = `The array ${name} of the layer ${layer} in ${source}`;
  if (content.kind === "refused") throw invalid(`${what} ${content.reason}.`);
  const { values, shape } = content;
  if (values === undefined) throw invalid(`${what} does not hold floating-point numbers.`);
  if (shape.length !== weight.shape.length || shape.some((dim, axis) => dim !== weight.shape[axis]))
    throw invalid(
      `${what} has shape [${shape.join(", ")}], where ${weight.name} needs [${weight.shape.join(", ")}].`,
    );
  return toFloat32(shape, values.type, values.data);
}

function names(arrays: readonly { readonly name: string }[]): string {
  return arrays.length === 0 ? "none" : arrays.map(({ name }) => name).join(", ");
}

function invalid(sentence: string): HeadstartError {
  return new HeadstartError(
    "INVALID_MODEL",
    sentence,
    "Check that the weights were saved from the same network.",
  );
}
