import { Option } from "commander";
import type { TrainingOptions } from "../run/index.js";
import { positiveNumber, shareBelowOne, shares, wholeNumber, zeroOrMore } from "./numbers.js";

/** What the options of {@link recipeOptions} are parsed to. */
export interface RecipeArguments {
  readonly recipe?: string;
  readonly fineTune?: string;
  readonly stages?: string;
  readonly batchSize?: number;
  readonly learningRate?: number;
  readonly augment?: string;
  readonly mixup?: number;
  readonly cutmix?: number;
  readonly views?: number;
  readonly ema?: number;
  readonly clipNorm?: number;
  readonly accumulate?: number;
  readonly batchNorm?: "frozen" | "train";
  readonly checkpointActivations?: boolean;
}

/** Options of a function that takes a recipe, as the command line has them. */
export type WithRecipeArguments<T extends TrainingOptions> = Omit<T, keyof RecipeArguments | "augmentation"> &
  RecipeArguments;

/** What `--fine-tune` means, for the help of commands that take it. */
export const FINE_TUNE_HELP = `
What trains (--fine-tune):
  head          a new last layer; the network stays as it is
  last-stage    also the network's layers behind its last reduction of size
  all           every layer
  NAME          the first layer whose name begins so, and all behind it; \`headstart summary\` lists the names`;

/** Options for what is trained, and how: the recipe, and what takes the place of its choices. */
export function recipeOptions(): Option[] {
  return [
    new Option(
      "--recipe <recipe>",
      "how to train: a name that `headstart recipes` lists, or a YAML file (default: default; with --fine-tune, last-stage or fine-tune)",
    ),
    new Option("--fine-tune <what>", "what trains, see below (default: the recipe's)"),
    new Option("--stages <stages>", "epochs and image sizes, such as 5@224,15@299 (default: the recipe's)"),
    new Option("--batch-size <n>", "photos in a step (default: the recipe's)").argParser(
      wholeNumber(1, 65_536),
    ),
    new Option("--learning-rate <x>", "size of the steps (default: the recipe's)").argParser(positiveNumber),
    new Option("--augment <much>", "how photos are changed at random (default: the recipe's)").choices([
      "none",
      "light",
      "standard",
      "strong",
      "keras",
    ]),
    new Option("--mixup <alpha>", "mix photos in pairs, such as 0.2; 0 for never").argParser(zeroOrMore),
    new Option("--cutmix <alpha>", "paste parts of photos into others, such as 1; 0 for never").argParser(
      zeroOrMore,
    ),
    new Option("--views <k>", "augmented views of a photo that are computed once and take turns").argParser(
      wholeNumber(1, 1000),
    ),
    new Option("--ema <decay>", "keep a running mean of the weights, such as 0.999").argParser(shareBelowOne),
    new Option("--clip-norm <x>", "the longest that all gradients together may be, such as 1").argParser(
      positiveNumber,
    ),
    new Option("--accumulate <n>", "batches in a step").argParser(wholeNumber(1, 65_536)),
    new Option(
      "--batch-norm <mode>",
      "what batch normalisation in layers that train uses: its running statistics, or the batch's",
    ).choices(["frozen", "train"]),
    new Option("--checkpoint-activations", "less memory for more time: compute activations twice"),
  ];
}

/** `--split 70/15/15`. */
export function splitOption(): Option {
  return new Option(
    "--split <shares>",
    "shares of photos to train on, to validate with and to test with, where no folders say so (default: 70/15/15)",
  ).argParser(shares);
}

/** What was typed, as the library has it. */
export function withRecipe<T extends RecipeArguments>({ augment, ...choices }: T) {
  return { ...choices, ...(augment !== undefined && { augmentation: augment }) };
}
