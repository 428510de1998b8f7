import { isDeepStrictEqual } from "node:util";
import { stringify } from "yaml";
import { AUGMENTATIONS } from "../data/augmentation.js";
import type { Recipe } from "./recipe.js";
import { RECIPE_FIELDS, RECIPE_PARTS, type RecipeField } from "./recipe-fields.js";
import { formatStages } from "./recipe-stages.js";

/** Comments are broken to lines of this length. */
const COMMENT_WIDTH = 100;

/**
 * A recipe as YAML, every field with a comment that says what it does and what it may be. `parseRecipe` reads it back as it was.
 *
 * @example
 * import { formatRecipe, parseRecipe, RECIPES } from "headstart";
 * const text = formatRecipe(RECIPES["fine-tune"]);
 * parseRecipe(text, "my.yaml").fineTune // => "all"
 */
export function formatRecipe(recipe: Recipe): string {
  const shown = recipeAsWritten(recipe);
  const lines = Object.entries(RECIPE_FIELDS).flatMap(([key, field]) => [
    "",
    ...comment(`${field.about} It may be ${field.allowed}.`),
    ...(key === "augmentation" ? presetComment(recipe) : []),
    ...entryLines(key, shown[key], ""),
  ]);
  return `# A recipe. To train by it: headstart train photos --recipe FILE\n${lines.join("\n")}\n`;
}

/** A recipe's fields as its YAML writes them: stages as text, `null` as `none`. */
export function recipeAsWritten(recipe: Recipe): Readonly<Record<string, unknown>> {
  const entries = Object.entries({ ...recipe, stages: formatStages(recipe.stages) });
  return Object.fromEntries(entries.map(([key, value]) => [key, value ?? "none"]));
}

/** The name of an augmentation that has one. */
export function augmentationName(augmentation: Recipe["augmentation"]): string | undefined {
  return Object.entries(AUGMENTATIONS).find(([, known]) => isDeepStrictEqual(known, augmentation))?.[0];
}

function presetComment({ augmentation }: Recipe): string[] {
  const name = augmentation === null ? undefined : augmentationName(augmentation);
  return name === undefined ? [] : [`# This is ${name}.`];
}

/** A key with its value; a mapping's parts stand below it, each with what it does behind it. */
function entryLines(path: string, value: unknown, indent: string): string[] {
  const key = path.slice(path.lastIndexOf(".") + 1);
  const about: RecipeField | undefined = RECIPE_PARTS[path];
  const note = about === undefined ? "" : ` # ${about.about}`;
  if (typeof value !== "object" || value === null || Array.isArray(value))
    return [`${indent}${key}: ${valueText(value)}${note}`];
  const parts = Object.entries(value).flatMap(([part, own]) =>
    entryLines(`${path}.${part}`, own, `${indent}  `),
  );
  return [`${indent}${key}:${note}`, ...parts];
}

/** A value on one line. Texts that could be taken for something else, or would steer a terminal, are quoted and escaped. */
function valueText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(valueText).join(", ")}]`;
  if (typeof value !== "string") return stringify(value).trimEnd();
  if (/^[\w@,./ -]*$/.test(value)) return stringify(value, { lineWidth: 0 }).trimEnd();
  return JSON.stringify(value).replace(
    /[^ -~]/g,
    (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** Words as lines of comment. */
function comment(text: string): string[] {
  const lines: string[] = [];
  let line = "#";
  for (const word of text.split(" ")) {
    if (line.length + 1 + word.length > COMMENT_WIDTH) {
      lines.push(line);
      line = "#";
    }
    line += ` ${word}`;
  }
  return [...lines, line];
}
