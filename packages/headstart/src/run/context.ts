import { type Backbone, type Divided, divide, trained } from "../backbones/index.js";
import type { Tensor } from "../onnx/index.js";
import type { Runtime } from "../runtime/index.js";
import { mixes, type Recipe } from "../training/index.js";
import type { RunChoices } from "./folder.js";
import type { OnProgress } from "./progress.js";

/** The network of a run. */
export interface RunNetwork {
  /** The whole network up to its features, as it was before training. */
  readonly backbone: Backbone;
  /** Its frozen part, in the precision that was chosen: the whole backbone where the head alone trains; undefined where nothing is frozen. */
  readonly frozen: Backbone | undefined;
  /** The whole network in float, as it came. */
  readonly pretrained: Backbone;
}

/** What every part of a run works with. */
export interface RunContext extends RunNetwork {
  /** The run's folder, absolute. */
  readonly folder: string;
  readonly choices: RunChoices;
  readonly runtime: Runtime;
  readonly report: OnProgress;
  readonly signal?: AbortSignal;
}

/** A backbone as a run takes it: whole, and its frozen part. */
export function networkOf(backbone: Backbone, { fineTune, stages }: RunChoices["recipe"]): RunNetwork {
  const divided =
    fineTune === "head" ? undefined : divide(backbone, fineTune, stages[0]?.imageSize ?? backbone.imageSize);
  return { backbone, pretrained: backbone, frozen: divided === undefined ? backbone : divided.trunk };
}

/** The same run with another frozen part, such as one in int8. */
export function withFrozen(context: RunContext, frozen: Backbone): RunContext {
  const divided = dividedAt({ ...context, frozen });
  if (divided === undefined) return { ...context, backbone: frozen, frozen };
  return { ...context, backbone: trained(context.pretrained, divided, valuesOf(divided)), frozen };
}

/** Where the run's network divides, at an image size; undefined where the head alone trains. */
export function dividedAt(
  { choices, frozen, pretrained }: Pick<RunContext, "choices" | "frozen" | "pretrained">,
  imageSize = choices.recipe.stages[0]?.imageSize ?? pretrained.imageSize,
): Divided | undefined {
  const { fineTune } = choices.recipe;
  if (fineTune === "head") return undefined;
  const divided = divide(pretrained, fineTune, imageSize);
  if (divided.trunk === undefined || frozen?.precision !== "int8") return divided;
  return { ...divided, trunk: { ...frozen, features: divided.trunk.features } };
}

/** The weights that a network's layers come with. */
export function valuesOf({ parameters }: Divided): Map<string, Tensor> {
  return new Map(parameters.map(({ name, value }) => [name, value]));
}

/** The running statistics that a network's normalisations come with. */
export function statisticsOf({ tail, statistics }: Divided): Map<string, Tensor> {
  const names = statistics.flatMap(({ mean, variance }) => [mean, variance]);
  return new Map(
    names.flatMap((name): [string, Tensor][] => {
      const value = tail.initializers.get(name);
      return value ? [[name, value]] : [];
    }),
  );
}

/** Whether photos are changed at random when they are trained on. */
export function isDrawn(recipe: Recipe): boolean {
  return recipe.augmentation !== null || mixes(recipe);
}

/** Whether the frozen part ends in the middle of the network, and is asked for photos of several sizes. */
export function hasSeveralSizes({ fineTune, stages }: Recipe): boolean {
  return fineTune !== "head" && new Set(stages.map(({ imageSize }) => imageSize)).size > 1;
}
