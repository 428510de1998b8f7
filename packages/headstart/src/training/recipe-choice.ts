import { type Augmentation, namedAugmentation } from "../data/augmentation.js";
import { HeadstartError } from "../errors.js";
import { type Recipe, recipeSchema, type Stage } from "./recipe.js";
import { conflictsOf } from "./recipe-conflicts.js";
import { issueSentences } from "./recipe-sentences.js";
import { parseStages } from "./recipe-stages.js";
import { RECIPES } from "./recipes.js";

/** Choices of a recipe that are taken over as they are. */
const PLAIN = [
  "batchSize",
  "fineTune",
  "batchNorm",
  "mixup",
  "cutmix",
  "ema",
  "clipNorm",
  "accumulate",
  "views",
  "checkpointActivations",
] as const satisfies readonly (keyof Recipe)[];

/** Choices that take the place of a recipe's own. */
export interface RecipeOverrides extends Partial<Pick<Recipe, (typeof PLAIN)[number]>> {
  /** Epochs and image sizes, such as `"5@224,15@299"`. */
  readonly stages?: string | readonly Stage[];
  /** The optimiser's. */
  readonly learningRate?: number;
  /** One of {@link AUGMENTATIONS} by its name, one of one's own, or `null` for none. */
  readonly augmentation?: string | Augmentation | null;
}

/**
 * A recipe with what the user changed in it, checked whole.
 *
 * @param choice - the name of one of {@link RECIPES}, or a recipe of one's own. Without it, what is fine-tuned says which: `last-stage` for
 *   the last stage, `fine-tune` for more, `default` for the head alone
 * @param overrides - choices that take the place of the recipe's; other properties are passed over
 * @throws HeadstartError `INVALID_OPTION` for an unknown name, a number out of range, and choices that do not go together
 *
 * @example
 * resolveRecipe("keras-classic", { stages: "5@224", learningRate: 0.01 })
 */
export function resolveRecipe(choice: string | Recipe | undefined, overrides: RecipeOverrides = {}): Recipe {
  const named = choice ?? recipeFor(overrides.fineTune);
  const base = typeof named === "string" ? namedRecipe(named) : validate(named);
  const { stages, learningRate, augmentation } = overrides;
  const plain = PLAIN.filter((key) => overrides[key] !== undefined).map((key) => [key, overrides[key]]);
  const recipe = validate({
    ...base,
    ...Object.fromEntries(plain),
    ...(stages !== undefined && { stages: typeof stages === "string" ? parseStages(stages) : stages }),
    ...(learningRate !== undefined && { optimiser: withLearningRate(base.optimiser, learningRate) }),
    ...(augmentation !== undefined && {
      augmentation: typeof augmentation === "string" ? namedAugmentation(augmentation) : augmentation,
    }),
  });
  const [conflict] = conflictsOf(recipe);
  if (conflict === undefined) return recipe;
  throw new HeadstartError("INVALID_OPTION", conflict.sentence, conflict.hint);
}

/**
 * One of {@link RECIPES}.
 *
 * @throws HeadstartError `INVALID_OPTION` for any other name
 */
export function namedRecipe(name: string): Recipe {
  const entry = Object.entries(RECIPES).find(([known]) => known === name);
  if (entry !== undefined) return entry[1];
  throw new HeadstartError(
    "INVALID_OPTION",
    `There is no recipe called "${name}".`,
    `The recipes are: ${Object.keys(RECIPES).join(", ")}. A file of one's own ends in .yaml.`,
  );
}

/** The recipe that is meant where only what trains is said. */
function recipeFor(fineTune: string | undefined): keyof typeof RECIPES {
  if (fineTune === undefined || fineTune === "head") return "default";
  return fineTune === "last-stage" ? "last-stage" : "fine-tune";
}

function withLearningRate(optimiser: Recipe["optimiser"], learningRate: number): Recipe["optimiser"] {
  if (optimiser.kind !== "lbfgs") return { ...optimiser, learningRate };
  throw new HeadstartError(
    "INVALID_OPTION",
    "L-BFGS takes no learning rate.",
    "Leave the learning rate out, or choose a recipe of gradient steps: fine-tune, last-stage or keras-classic.",
  );
}

function validate(recipe: Recipe): Recipe {
  const result = recipeSchema.safeParse(recipe, { reportInput: true });
  if (result.success) return result.data;
  const [wrong = ""] = result.error.issues.flatMap((issue) => issueSentences(issue));
  throw new HeadstartError(
    "INVALID_OPTION",
    `The recipe cannot be used: ${wrong}${wrong.endsWith("?") ? "" : "."}`,
    "Correct that value.",
    { cause: result.error },
  );
}
