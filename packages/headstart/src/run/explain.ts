import { mkdir } from "node:fs/promises";
import { basename, extname, join } from "node:path";
import { isNamed, loadNetwork } from "../backbones/index.js";
import { displayNames, type ListedPhoto, listPhotos, nearName, type Skipped } from "../data/index.js";
import { HeadstartError } from "../errors.js";
import type { HeatMap, MapMethod, MapOptions, PhotoMap } from "../explain/index.js";
import { storageError, writeAtomically } from "../files.js";
import { type ClassifierOptions, readClassifier, readProvenance } from "../model/index.js";
import { composePretrained } from "../model/pretrained.js";
import type { Graph } from "../onnx/index.js";
import { nearNames } from "../onnx/near-names.js";
import { drawHeatSheet, type HeatCell } from "../report/index.js";
import { Runtime } from "../runtime/index.js";
import { PhotoExplainer } from "./explain-photos.js";
import { downloading, type OnProgress } from "./progress.js";

/** The most photos that a sheet of maps shows. */
export const MAP_SHEET_LIMIT = 40;

/** Longest side of a photo in a file of its own, and in a sheet, in pixels. */
const SIZES = { file: 448, sheet: 224 };

/** Name of the sheet in the folder of the pictures. */
const SHEET = "maps.png";

/** How each method is called in print. */
const METHODS: Readonly<Record<MapMethod, string>> = {
  cam: "class activation map",
  "grad-cam": "Grad-CAM",
  occlusion: "occlusion",
};

/** How {@link explain} works. */
export interface ExplainOptions extends MapOptions, Omit<ClassifierOptions, "onProgress"> {
  /** Name of the class to explain. Default: of each photo the most probable one. */
  readonly class?: string;
  /** A folder for a picture of each photo and its map, made where it is missing. Default: none is written. */
  readonly out?: string;
  /** The picture of all photos and their maps. Default: `maps.png` in the folder `out`; without one, none is written. */
  readonly sheet?: string;
  /** Ends it early. */
  readonly signal?: AbortSignal;
  /** Called with how far it has got. */
  readonly onProgress?: OnProgress;
}

/** Where a classifier looks on one photo. */
export interface Explanation {
  /** The photo, as it was given. */
  readonly photo: string;
  /** Name of the class that is explained. */
  readonly className: string;
  /** How probable the classifier takes it to be, from 0 to 1. */
  readonly probability: number;
  /** How much each part of the photo speaks for the class. */
  readonly map: HeatMap;
  /** Of occlusion, its rank correlation with the class activation map or Grad-CAM of the photo; undefined for other methods. */
  readonly agreement: number | undefined;
  /** The picture of the photo and its map; undefined where none was written. */
  readonly overlay: string | undefined;
}

/** What {@link explain} found. */
export interface Explanations {
  readonly method: MapMethod;
  /** The layer that the maps are taken at; undefined of occlusion. */
  readonly layer: string | undefined;
  readonly photos: readonly Explanation[];
  /** The picture of all photos, of the first 40 where there are more; undefined where none was written. */
  readonly sheet: string | undefined;
  /** Files that were not used, and why. */
  readonly skipped: readonly Skipped[];
}

/**
 * Shows where a classifier looks: for each photo a map of how much its parts speak for a class.
 *
 * @param model - an `.onnx` file that `train` wrote, the folder of a run, or another classifier as `Classifier.load` takes it
 * @param photos - photos, and folders that are searched for photos
 * @param options - class, method, layer, what to write; as for `Classifier.load`
 * @throws HeadstartError `INVALID_OPTION` for a class that the model does not have (names like it are shown), or a layer that there is not or that
 *   has no map; `UNSUPPORTED` for a method that the network does not allow, such as Grad-CAM through int8 layers; `INVALID_PHOTO` if no photo
 *   can be decoded; `NOT_FOUND`, `STORAGE`, `INVALID_MODEL`; `INTERRUPTED` when the signal asks for it
 *
 * @example
 * import { explain } from "headstart";
 * const { photos } = await explain("runs/1", ["dog.jpg"], { class: "dog", out: "maps" });
 * photos[0]?.overlay // => "maps/dog-map.png"
 * console.log(photos[0]?.probability, photos[0]?.map.values);
 */
export async function explain(
  model: string,
  photos: readonly string[],
  options: ExplainOptions = {},
): Promise<Explanations> {
  const { signal, onProgress, method, layer } = options;
  const graph = await classifierGraph(model, options);
  const { classes } = readProvenance(graph);
  const names = displayNames(classes);
  const classIndex = indexOf(classes, names, options.class);
  const listed = await listPhotos(photos, { ...(signal && { signal }) });
  const skipped = [...listed.skipped];
  const found: Explanation[] = [];
  const runtime = Runtime.start(options);
  try {
    const explainer = await PhotoExplainer.load(runtime, graph, { method, layer });
    const pictures = await Pictures.open(explainer, listed.photos, options);
    const wanted = listed.photos.map(({ path }) => ({ path, classIndex }));
    for await (const answer of explainer.explain(wanted, { signal })) {
      const { name = "" } = listed.photos[answer.index] ?? {};
      if ("reason" in answer) skipped.push({ name, reason: answer.reason });
      else {
        const { chosen, probability, map, agreement } = answer;
        const overlay = await pictures.add(answer, names[chosen] ?? "");
        found.push({ photo: name, className: classes[chosen] ?? "", probability, map, agreement, overlay });
      }
      const done = answer.index + 1;
      onProgress?.({ kind: "progress", phase: "explaining", done, total: wanted.length, detail: "" });
    }
    if (found.length === 0) throw nothingToExplain(skipped);
    const sheet = await pictures.close();
    return { method: explainer.mapper.method, layer: explainer.mapper.layer, photos: found, sheet, skipped };
  } finally {
    await runtime.close();
  }
}

/** Draws maps over their photos, into a file for each and into one for all. */
class Pictures {
  readonly #explainer: PhotoExplainer;
  readonly #photos: readonly ListedPhoto[];
  readonly #files: readonly string[];
  readonly #out: string | undefined;
  readonly #sheet: string | undefined;
  readonly #cells: HeatCell[] = [];

  private constructor(
    explainer: PhotoExplainer,
    photos: readonly ListedPhoto[],
    { out, sheet }: ExplainOptions,
  ) {
    this.#explainer = explainer;
    this.#photos = photos;
    this.#files = fileNames(photos);
    this.#out = out;
    this.#sheet = sheet ?? (out === undefined ? undefined : join(out, SHEET));
  }

  static async open(
    explainer: PhotoExplainer,
    photos: readonly ListedPhoto[],
    options: ExplainOptions,
  ): Promise<Pictures> {
    const { out } = options;
    if (out !== undefined)
      await mkdir(out, { recursive: true }).catch((error: unknown) => {
        throw storageError(error, out);
      });
    return new Pictures(explainer, photos, options);
  }

  /** Draws one photo's; returns the file, if one is written. */
  async add(answer: PhotoMap & { readonly index: number }, className: string): Promise<string | undefined> {
    const { path = "", name = "" } = this.#photos[answer.index] ?? {};
    const { probability } = answer;
    if (this.#sheet !== undefined && this.#cells.length < MAP_SHEET_LIMIT) {
      const pictures = await this.#explainer.paint(path, answer, SIZES.sheet);
      this.#cells.push({ ...pictures, className, probability, detail: basename(name) });
    }
    if (this.#out === undefined) return undefined;
    const file = join(this.#out, this.#files[answer.index] ?? "");
    const pictures = await this.#explainer.paint(path, answer, SIZES.file);
    const cell = { ...pictures, className, probability, detail: this.#title };
    await writeAtomically(file, await drawHeatSheet([cell], { cellSize: SIZES.file }));
    return file;
  }

  /** Draws the sheet; returns its file, if one is written. */
  async close(): Promise<string | undefined> {
    if (this.#sheet !== undefined)
      await writeAtomically(this.#sheet, await drawHeatSheet(this.#cells, { title: this.#title }));
    return this.#sheet;
  }

  get #title(): string {
    const { method, layer } = this.#explainer.mapper;
    return method === "grad-cam" ? `${METHODS[method]} at ${layer}` : METHODS[method];
  }
}

/** The graph of a classifier: one that `train` wrote, or a pretrained network. */
async function classifierGraph(model: string, options: ExplainOptions): Promise<Graph> {
  const read = isNamed(model) ? undefined : await readClassifier(model);
  if (read !== undefined) return read.graph;
  const load = { ...options, onProgress: downloading(options.onProgress) };
  return await composePretrained(await loadNetwork(model, load), load);
}

/**
 * Index of a class; undefined where none was named.
 *
 * @param names - what the classes are called in print, which may be given too
 */
function indexOf(
  classes: readonly string[],
  names: readonly string[],
  wanted: string | undefined,
): number | undefined {
  if (wanted === undefined) return undefined;
  const index = [classes, names].map((some) => some.indexOf(wanted)).find((found) => found >= 0);
  if (index !== undefined) return index;
  const same = nearName(wanted, classes);
  const near = same === undefined ? nearNames(wanted, new Set([...classes, ...names])) : [same];
  const [list, more] = [classes.slice(0, 5).join(", "), classes.length - 5];
  throw new HeadstartError(
    "INVALID_OPTION",
    `The model does not know the class ${wanted || "without a name"}.`,
    near.length > 0
      ? `Classes with names like it: ${near.join(", ")}.`
      : `Its classes are ${list}${more > 0 ? ` and ${more} more` : ""}.`,
  );
}

/** A name for each photo's picture: the photo's with `-map` behind it, and a number where several are called so. */
function fileNames(photos: readonly ListedPhoto[]): string[] {
  const taken = new Set<string>();
  return photos.map(({ name }) => {
    const stem = basename(name, extname(name));
    let file = `${stem}-map.png`;
    for (let number = 2; taken.has(file.toLowerCase()); number++) file = `${stem}-map-${number}.png`;
    taken.add(file.toLowerCase());
    return file;
  });
}

function nothingToExplain(skipped: readonly Skipped[]): HeadstartError {
  const [first] = skipped;
  return first === undefined
    ? new HeadstartError("NOT_FOUND", "There are no photos.", "Give photos, or folders that hold some.")
    : new HeadstartError(
        "INVALID_PHOTO",
        skipped.length === 1
          ? "The photo could not be used."
          : `None of the ${skipped.length} files could be used.`,
        `${first.name}: ${first.reason}`,
      );
}
