import { basename, extname } from "node:path";
import { AUGMENTATIONS, type Augmentation, type AugmentationName } from "../data/augmentation.js";
import { HeadstartError } from "../errors.js";
import { type Recipe, recipeSchema } from "./recipe.js";
import { conflictsOf } from "./recipe-conflicts.js";
import { NULLABLE, orList } from "./recipe-fields.js";
import { issueSentences, shownValue } from "./recipe-sentences.js";
import { type RecipeSource, readSource, type SourceProblem } from "./recipe-source.js";
import { parseStages } from "./recipe-stages.js";
import { RECIPE_DEFAULTS, RECIPES } from "./recipes.js";

/** What an optimiser of each kind takes where it leaves a part out. */
export const OPTIMISER_DEFAULTS: Readonly<Record<Recipe["optimiser"]["kind"], object>> = {
  sgd: {},
  rmsprop: { rho: 0.9, epsilon: 1e-7 },
  adam: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 },
  adamw: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01 },
  lbfgs: { l2: "cross-validated" },
};

/** An augmentation that changes nothing. */
const UNCHANGED: Augmentation = { rotation: 0, shear: 0, zoom: [1, 1], horizontalFlip: false };

/** So many problems are told at once. */
const MOST_TOLD = 20;

type Mapping = Readonly<Record<string, unknown>>;

interface Problem extends SourceProblem {
  /** What to do, where it is more than to correct the file. */
  readonly hint?: string;
}

/**
 * Reads a recipe from YAML, or from JSON, which is YAML too; a run's `recipe.json` is read for the recipe in it.
 *
 * Fields may be left out, all but `stages` and `optimiser`: `RECIPE_DEFAULTS` says what they are then, and the name is that of the
 * file. `base` names one of {@link RECIPES} to start from: what is left out is then as it has it. That goes for the parts of `optimiser`,
 * `schedule` and `augmentation` too; only an optimiser of another kind starts anew. Stages may be written as `5@224,15@299`, an
 * augmentation or a schedule as its name, and `null` as `none`.
 *
 * @param text - the file's content
 * @param file - what it is called, for errors and for the recipe's name
 * @throws HeadstartError `INVALID_OPTION` with a line for each thing that is wrong: file, line, column, what is wrong, what is allowed
 *
 * @example
 * import { parseRecipe } from "headstart";
 * const recipe = parseRecipe("base: keras-classic\nstages: 3@160,5@224\ndropout: 0.2", "short.yaml");
 * recipe.name // => "short"
 * recipe.stages // => [{ epochs: 3, imageSize: 160 }, { epochs: 5, imageSize: 224 }]
 */
export function parseRecipe(text: string, file: string): Recipe {
  const source = readSource(text);
  const problems: Problem[] = [...source.problems];
  if (problems.length === 0) {
    const recipe = validate(complete(source, file, problems), source, problems);
    if (recipe !== undefined && problems.length === 0) return recipe;
  }
  throw told(file, problems);
}

/** What the file says with what it leaves out, in the form that a {@link Recipe} has. */
function complete(source: RecipeSource, file: string, problems: Problem[]): Mapping {
  const { base: baseName, ...given } = source.value;
  const base: Mapping = { ...RECIPE_DEFAULTS, ...baseOf(baseName, source, problems), name: nameOf(file) };
  const { stages, augmentation, schedule, optimiser } = given;
  const none = NULLABLE.filter((key) => given[key] === "none").map((key) => [key, null]);
  return {
    ...base,
    ...given,
    ...Object.fromEntries(none),
    ...(typeof stages === "string" && { stages: stagesOf(stages, source, problems) }),
    ...(isAugmentationName(augmentation) && { augmentation: AUGMENTATIONS[augmentation] }),
    ...(isMapping(augmentation) && { augmentation: mergedAugmentation(base.augmentation, augmentation) }),
    ...(typeof schedule === "string" && { schedule: { kind: schedule } }),
    ...(isMapping(schedule) && { schedule: merged(base.schedule, schedule) }),
    ...(isMapping(optimiser) && { optimiser: mergedOptimiser(base.optimiser, optimiser) }),
  };
}

function baseOf(name: unknown, source: RecipeSource, problems: Problem[]): Mapping {
  if (name === undefined) return {};
  const entry = Object.entries(RECIPES).find(([known]) => known === name);
  if (entry !== undefined) return { ...entry[1] };
  const sentence = `base must be ${orList(Object.keys(RECIPES))}, not ${shownValue(name)}`;
  problems.push({ place: source.placeOf(["base"]), sentence });
  // What a base would have given is not missing.
  return { stages: RECIPES.default.stages, optimiser: RECIPES.default.optimiser };
}

function stagesOf(text: string, source: RecipeSource, problems: Problem[]): Recipe["stages"] {
  try {
    return parseStages(text);
  } catch (error) {
    if (!(error instanceof HeadstartError)) throw error;
    problems.push({
      place: source.placeOf(["stages"]),
      sentence: `stages: ${error.message} ${error.hint}`,
    });
    return RECIPES.default.stages;
  }
}

/** A mapping in the place of another: parts that it leaves out stay, unless it is of another kind. */
function merged(base: unknown, given: Mapping): Mapping {
  const isOther = !isMapping(base) || (given.kind !== undefined && given.kind !== base.kind);
  return isOther ? given : { ...base, ...given };
}

function mergedOptimiser(base: unknown, given: Mapping): Mapping {
  const own = merged(base, given);
  const kind = Object.entries(OPTIMISER_DEFAULTS).find(([known]) => known === own.kind);
  return { ...kind?.[1], ...own };
}

function mergedAugmentation(base: unknown, given: Mapping): Mapping {
  const { crop, ...parts }: Mapping = { ...UNCHANGED, ...(isMapping(base) && base), ...given };
  if (crop === "none" || crop === null || crop === undefined) return parts;
  const isPart = isMapping(base) && isMapping(crop);
  return { ...parts, crop: isPart ? merged(base.crop, crop) : crop };
}

/** What is wrong in a recipe that is complete; undefined where nothing is. */
function validate(candidate: Mapping, source: RecipeSource, problems: Problem[]): Recipe | undefined {
  const result = recipeSchema.safeParse(candidate, { reportInput: true });
  if (!result.success) {
    for (const issue of result.error.issues) {
      const places =
        issue.code === "unrecognized_keys"
          ? issue.keys.map((key) => source.placeOfKey([...issue.path, key]))
          : [source.placeOf(issue.path)];
      for (const [i, sentence] of issueSentences(issue).entries())
        problems.push({ place: places[i], sentence });
    }
    return undefined;
  }
  for (const { fields, sentence, hint } of conflictsOf(result.data)) {
    const [place] = fields.flatMap((field) => source.placeOf([field]) ?? []);
    problems.push({ place, sentence, hint });
  }
  return result.data;
}

/** All that is wrong as one error, a line each, in the order of the file. */
function told(file: string, problems: readonly Problem[]): HeadstartError {
  const last = { line: Number.POSITIVE_INFINITY, column: 0 };
  const inOrder = problems
    .map((problem) => ({ ...problem, at: problem.place ?? last }))
    .sort((a, b) => (a.at.line === b.at.line ? a.at.column - b.at.column : a.at.line - b.at.line));
  const name = file.replace(/\p{Cc}/gu, "?");
  const lines = inOrder.slice(0, MOST_TOLD).map(({ place, sentence }) => {
    const where = place === undefined ? name : `${name}, line ${place.line}, column ${place.column}`;
    return `${where}: ${sentence}${/[.?]$/.test(sentence) ? "" : "."}`;
  });
  if (problems.length > MOST_TOLD) lines.push(`${name}: ${problems.length - MOST_TOLD} more.`);
  const [only] = problems;
  const hint = problems.length === 1 ? only?.hint : undefined;
  return new HeadstartError(
    "INVALID_OPTION",
    lines.join("\n"),
    hint ?? "Correct the file. headstart recipes show default prints all fields, and what they may be.",
  );
}

function nameOf(file: string): string {
  return basename(file, extname(file)) || "recipe";
}

function isAugmentationName(value: unknown): value is AugmentationName {
  return typeof value === "string" && Object.hasOwn(AUGMENTATIONS, value);
}

function isMapping(value: unknown): value is Mapping {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
