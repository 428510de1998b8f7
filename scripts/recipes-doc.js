// Writes the tables of recipes and of their fields into docs/recipes.md. Usage: npm run docs:recipes
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const page = fileURLToPath(new URL("../docs/recipes.md", import.meta.url));

/** @typedef {typeof import("../packages/headstart/src/training/index.js")} Training */

/**
 * The page with its tables brought up to date.
 *
 * @param {string} text - the page
 * @param {Pick<Training, "RECIPES" | "RECIPE_FIELDS" | "RECIPE_PARTS" | "RECIPE_DEFAULTS" | "OPTIMISER_DEFAULTS" | "augmentationName" | "recipeAsWritten">} training
 */
export function withTables(text, training) {
  const { RECIPES, RECIPE_FIELDS, RECIPE_PARTS, RECIPE_DEFAULTS, OPTIMISER_DEFAULTS } = training;
  const recipes = Object.values(RECIPES);
  const written = recipes.map((recipe) => {
    const name = training.augmentationName(recipe.augmentation);
    return { ...training.recipeAsWritten(recipe), ...(name !== undefined && { augmentation: name }) };
  });
  /** @type {Readonly<Record<string, unknown>>} */
  const defaults = RECIPE_DEFAULTS;
  /** @param {string} key */
  const leftOut = (key) =>
    key in defaults ? shown(defaults[key]) : key === "name" ? "the file's name" : "must be there";
  /** @param {string} path */
  const partLeftOut = (path) => {
    const [, part = ""] = path.split("optimiser.");
    const values = Object.entries(OPTIMISER_DEFAULTS).flatMap(([kind, own]) =>
      Object.entries(own).flatMap(([name, value]) => (name === part ? [`${shown(value)} (${kind})`] : [])),
    );
    return values.join(", ");
  };
  const tables = {
    recipes: table(
      ["field", ...recipes.map(({ name }) => `\`${name}\``)],
      [
        ...Object.keys(RECIPE_FIELDS)
          .filter((key) => key !== "name")
          .map((key) => [`\`${key}\``, ...written.map((recipe) => shown(/** @type {any} */ (recipe)[key]))]),
      ],
    ),
    fields: table(
      ["field", "what it may be", "left out", "what it does"],
      Object.entries(RECIPE_FIELDS).map(([key, { about, allowed }]) => [
        `\`${key}\``,
        allowed,
        leftOut(key),
        about,
      ]),
    ),
    parts: table(
      ["part", "what it may be", "left out", "what it does"],
      Object.entries(RECIPE_PARTS).map(([path, { about, allowed }]) => [
        `\`${path}\``,
        allowed,
        partLeftOut(path),
        about,
      ]),
    ),
  };
  return Object.entries(tables).reduce((whole, [name, lines]) => {
    const [start, end] = [`<!-- ${name} -->\n`, `<!-- /${name} -->`];
    return `${whole.slice(0, whole.indexOf(start) + start.length)}\n${lines}\n\n${whole.slice(whole.indexOf(end))}`;
  }, text);
}

/**
 * A value as the page shows it.
 *
 * @param {unknown} value
 * @returns {string}
 */
function shown(value) {
  if (value === null) return "none";
  if (typeof value !== "object") return String(value);
  const { kind, ...parts } = /** @type {Record<string, unknown>} */ (value);
  return [kind, ...Object.entries(parts).map(([name, part]) => `${name} ${shown(part)}`)].join(", ");
}

/**
 * @param {readonly string[]} head
 * @param {readonly (readonly string[])[]} rows
 */
function table(head, rows) {
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => row[column]?.length ?? 0)));
  /** @param {readonly string[]} row */
  const line = (row) => `| ${row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(" | ")} |`;
  return [line(head), `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`, ...rows.map(line)].join(
    "\n",
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const training = await import("../packages/headstart/dist/training/index.js");
  writeFileSync(page, withTables(readFileSync(page, "utf8"), training));
}
