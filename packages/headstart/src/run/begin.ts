import { resolve } from "node:path";
import {
  type Backbone,
  checkImageSize,
  fixedImageSize,
  loadBackbone,
  type NetworkChoices,
} from "../backbones/index.js";
import { type Dataset, scanPhotos } from "../data/index.js";
import { HeadstartError } from "../errors.js";
import { type Device, resolveRuntimeOptions } from "../runtime/index.js";
import { type Recipe, type RecipeOverrides, recipeOf } from "../training/index.js";
import { VERSION } from "../version.js";
import { hasSeveralSizes, networkOf, type RunNetwork } from "./context.js";
import { countSplits } from "./dataset.js";
import type { Precision, RunChoices } from "./folder.js";
import { downloading, type OnProgress } from "./progress.js";

/** Choices of what is trained, on what, and how. Everything has a default. */
export interface TrainingOptions extends NetworkChoices, RecipeOverrides {
  /**
   * A recipe's name, the path of a YAML or JSON file that holds one, or a recipe of one's own. Default: `default`; where `fineTune` says that
   * layers train, `last-stage` or `fine-tune`.
   */
  readonly recipe?: string | Recipe;
  /**
   * The pretrained network: a name that `headstart backbones` lists, `keras:resnet50`, `hf:OWNER/NAME[@REVISION]`, an address `https://…`, or
   * the path of an `.onnx`, `.keras` or `.h5` file. Default: `efficientnet-lite0`.
   */
  readonly backbone?: string;
  /** Fetch nothing: a network that has to be downloaded must have been downloaded before. Default: false. */
  readonly offline?: boolean;
  /** What everything random is drawn from: the split, the order, augmentation, dropout. Default: 0. */
  readonly seed?: number;
  /** Fractions of photos to train on, to validate with and to test with, where no folders say so. Default: 0.7, 0.15, 0.15. */
  readonly split?: readonly [number, number, number];
  /** Threads that ONNX Runtime uses. Default: as many as the machine runs at once. */
  readonly threads?: number;
  /** Where the network runs. Default: `cpu`. */
  readonly device?: Device;
  /** Ends early; a run leaves what is needed to go on. */
  readonly signal?: AbortSignal;
  /** Called with what is going on. */
  readonly onProgress?: OnProgress;
}

/** What is settled before any photo is read. */
export interface Begun {
  readonly choices: RunChoices;
  readonly network: RunNetwork;
}

/**
 * Settles what is trained and how: the recipe, and the network with where it divides.
 *
 * @throws HeadstartError as `recipeOf`, `loadBackbone` and `divide`; `INVALID_OPTION` for choices that do not go together
 */
export async function begin(
  photos: string,
  options: TrainingOptions & { readonly precision?: Precision },
): Promise<Begun> {
  const { stages, seed = 0, split = [0.7, 0.15, 0.15], precision = "auto" } = options;
  const asked = await recipeOf(options.recipe, options);
  if (!Number.isSafeInteger(seed))
    throw new HeadstartError("INVALID_OPTION", `The seed must be a whole number, not ${seed}.`);
  const given = networkChoices(options);
  const backbone = await loadBackbone(options.backbone, { ...given, ...fetching(options) });
  const isOwn = typeof options.recipe === "object";
  const recipe = stages === undefined && !isOwn ? fitted(asked, backbone) : asked;
  for (const { imageSize } of recipe.stages) checkImageSize(backbone, imageSize);
  const network = networkOf(backbone, recipe);
  if (network.frozen === undefined && precision === "int8")
    throw new HeadstartError(
      "INVALID_OPTION",
      `With --fine-tune ${recipe.fineTune} every layer trains, and only what is frozen can compute in int8.`,
      "Leave --precision out, or train less: --fine-tune last-stage.",
    );
  if (hasSeveralSizes(recipe) && precision === "int8")
    throw new HeadstartError(
      "INVALID_OPTION",
      "A frozen part that ends in the middle of the network computes in int8 at one image size only.",
      "Leave --precision out, or take one size, such as --stages 8@224.",
    );
  const { device, threads } = resolveRuntimeOptions(options);
  return {
    choices: {
      version: VERSION,
      photos: resolve(photos),
      recipe,
      backbone: backbone.choice,
      network: given,
      backboneSha256: backbone.digest,
      precision,
      seed,
      split,
      device,
      threads,
    },
    network,
  };
}

/** Finds the photos, and checks that there are those that the recipe needs. */
export async function readPhotos(
  { photos, split, seed, recipe }: RunChoices,
  { signal, onProgress }: Pick<TrainingOptions, "signal" | "onProgress">,
): Promise<Dataset> {
  const dataset = await scanPhotos(photos, {
    split,
    seed,
    ...(signal && { signal }),
    onProgress: (done, total) =>
      onProgress?.({ kind: "progress", phase: "reading photos", done, total, detail: "" }),
  }).catch((error: unknown) => {
    if (signal?.aborted) throw new HeadstartError("INTERRUPTED", "Reading the photos was interrupted.");
    throw error;
  });
  if (recipe.optimiser.kind !== "lbfgs" && countSplits(dataset.photos).validation === 0)
    throw new HeadstartError(
      "INVALID_DATA",
      `There are no validation photos, and the recipe ${recipe.name} keeps the epoch that is best on them.`,
      "Add a validation folder, or give one folder a class and let Headstart split.",
    );
  return dataset;
}

/** How the network is fetched. */
export function fetching({
  offline,
  signal,
  onProgress,
}: Pick<TrainingOptions, "offline" | "signal" | "onProgress">) {
  return {
    ...(offline !== undefined && { offline }),
    ...(signal && { signal }),
    onProgress: downloading(onProgress),
  };
}

/** What the options say of the network. */
function networkChoices({ features, mean, std, channels, layout }: NetworkChoices): NetworkChoices {
  return {
    ...(features !== undefined && { features }),
    ...(mean !== undefined && { mean }),
    ...(std !== undefined && { std }),
    ...(channels !== undefined && { channels }),
    ...(layout !== undefined && { layout }),
  };
}

/** A recipe at the one image size that a network takes, where it takes only one. */
function fitted(recipe: Recipe, backbone: Backbone): Recipe {
  const imageSize = fixedImageSize(backbone);
  if (imageSize === undefined) return recipe;
  return { ...recipe, stages: recipe.stages.map(({ epochs }) => ({ epochs, imageSize })) };
}
