import type { z } from "zod";
import { nearNames } from "../onnx/near-names.js";
import { fieldAt, keysAt } from "./recipe-fields.js";

/** Longer values are cut in sentences. */
const LONGEST = 60;

/**
 * What is wrong in a recipe, as sentences without an end: where, what is wrong, and what is allowed.
 *
 * @param issue - what zod found, with `reportInput`
 *
 * @example
 * // "batchSize must be at least 1, not 0"
 */
export function issueSentences(issue: z.core.$ZodIssue): string[] {
  const { path, input } = issue;
  if (issue.code === "unrecognized_keys") return issue.keys.map((key) => unknownKey(path, key, input));
  const where = placeName(path);
  if (issue.code === "custom") return [`${where}: ${issue.message}`];
  // The value that tells the kinds apart is reported with the whole mapping.
  const value = issue.code === "invalid_union" && isMapping(input) ? input.kind : input;
  const allowed = fieldAt(path)?.allowed;
  if (value === undefined)
    return [`${where} is missing${allowed === undefined ? "" : `: it must be ${allowed}`}`];
  if (issue.code === "too_small" && typeof value === "number")
    return [`${where} must be ${issue.inclusive ? "at least" : "more than"} ${issue.minimum}, not ${value}`];
  if (issue.code === "too_big" && typeof value === "number")
    return [`${where} must be ${issue.inclusive ? "at most" : "less than"} ${issue.maximum}, not ${value}`];
  return [`${where} must be ${allowed ?? "something else"}, not ${shownValue(value)}`];
}

/**
 * A key that a mapping may not hold, and which may have been meant.
 *
 * @param path - where the mapping stands
 * @param mapping - what it holds: an optimiser's kind says what it takes
 */
function unknownKey(path: readonly PropertyKey[], key: string, mapping: unknown): string {
  const kind = path[0] === "optimiser" && isMapping(mapping) ? mapping.kind : undefined;
  const known = keysAt(path, kind);
  const [near] = nearNames(key, known);
  const owner = path.length === 0 ? "a recipe" : [placeName(path), kind].filter((word) => word).join(" ");
  const wrong = `${owner} has no ${shownKey(key)}`;
  if (near !== undefined) return `${wrong}; did you mean ${near}?`;
  return path.length === 0 ? wrong : `${wrong}, only ${known.join(", ")}`;
}

/** A place in a recipe, such as `optimiser.learningRate`. */
function placeName(path: readonly PropertyKey[]): string {
  return path.length === 0 ? "the recipe" : path.map(String).join(".");
}

/** A value as a sentence shows it. */
export function shownValue(value: unknown): string {
  if (value === null) return "empty";
  if (Array.isArray(value)) return value.every(isScalar) ? cut(`[${value.join(", ")}]`) : "a list";
  if (typeof value === "object") return "a mapping";
  return cut(typeof value === "string" ? JSON.stringify(value) : String(value));
}

function shownKey(key: string): string {
  return /^[\w-]{1,40}$/.test(key) ? key : cut(JSON.stringify(key));
}

function cut(text: string): string {
  return text.length <= LONGEST ? text : `${text.slice(0, LONGEST - 1)}…`;
}

function isScalar(value: unknown): boolean {
  return value === null || typeof value !== "object";
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
