import { HeadstartError } from "../errors.js";
import { errorCode, storageError, withHandle } from "../files.js";
import type { Recipe } from "./recipe.js";
import { namedRecipe, type RecipeOverrides, resolveRecipe } from "./recipe-choice.js";
import { parseRecipe } from "./recipe-parse.js";
import { LONGEST_RECIPE } from "./recipe-source.js";

/**
 * The recipe that a user chose, with what they changed in it, checked whole.
 *
 * @param choice - a name or a file as for {@link loadRecipe}, a recipe of one's own, or nothing, as for {@link resolveRecipe}
 * @param overrides - choices that take the place of the recipe's; other properties are passed over
 * @throws HeadstartError as {@link loadRecipe} and {@link resolveRecipe}
 */
export async function recipeOf(
  choice: string | Recipe | undefined,
  overrides: RecipeOverrides = {},
): Promise<Recipe> {
  return resolveRecipe(typeof choice === "string" ? await loadRecipe(choice) : choice, overrides);
}

/**
 * A recipe by its name or from a file.
 *
 * @param choice - the name of one of {@link RECIPES}; or the path of a file of YAML or JSON: what ends in `.yaml`, `.yml` or `.json` or
 *   has a slash in it. A run's `recipe.json` gives the recipe that the run was made with
 * @throws HeadstartError `INVALID_OPTION` for an unknown name, and as {@link parseRecipe}; `NOT_FOUND` if there is no such file;
 *   `STORAGE` if it may not be read
 *
 * @example
 * import { loadRecipe } from "headstart";
 * const recipe = await loadRecipe("fine-tune");
 * recipe.optimiser.kind // => "adamw"
 */
export async function loadRecipe(choice: string): Promise<Recipe> {
  const isFile = /[/\\]|\.(ya?ml|json)$/i.test(choice);
  return isFile ? parseRecipe(await readRecipeFile(choice), choice) : namedRecipe(choice);
}

async function readRecipeFile(path: string): Promise<string> {
  // One byte more than a recipe may have, so that what is too long is known for it without reading all of it.
  const content = Buffer.alloc(LONGEST_RECIPE + 1);
  let length = 0;
  try {
    await withHandle(path, "r", async (handle) => {
      for (let read = -1; read !== 0 && length < content.length; length += read)
        read = (await handle.read(content, length, content.length - length)).bytesRead;
    });
  } catch (error) {
    throw readingError(error, path);
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(content.subarray(0, length));
  } catch (error) {
    throw new HeadstartError(
      "INVALID_OPTION",
      `${path} is not text in UTF-8.`,
      "A recipe is a file of YAML or JSON.",
      { cause: error },
    );
  }
}

function readingError(error: unknown, path: string): unknown {
  if (errorCode(error) === "EISDIR")
    return new HeadstartError(
      "INVALID_OPTION",
      `${path} is a folder, not a recipe.`,
      "A recipe is a file, such as my.yaml or a run's recipe.json.",
      { cause: error },
    );
  if (errorCode(error) !== "ENOENT") return storageError(error, path);
  return new HeadstartError(
    "NOT_FOUND",
    `There is no recipe ${path}.`,
    "Check the path. headstart recipes lists the recipes that have names.",
    { cause: error },
  );
}
