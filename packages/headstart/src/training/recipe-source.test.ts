import { expect, test } from "vitest";
import { readSource } from "./recipe-source.js";

const text = `# comment
optimiser:
  kind: adam
stages:
  - epochs: 1
empty:
{a}: `;

test("values stand where they begin, mappings and lists at their key, and what is missing where it would be", () => {
  const source = readSource(text.slice(0, text.indexOf("{a}")));
  expect(source.problems).toEqual([]);
  expect(source.value).toEqual({ optimiser: { kind: "adam" }, stages: [{ epochs: 1 }], empty: null });
  expect(source.placeOf(["optimiser", "kind"])).toEqual({ line: 3, column: 9 });
  expect(source.placeOfKey(["optimiser", "kind"])).toEqual({ line: 3, column: 3 });
  expect(source.placeOf(["optimiser"])).toEqual({ line: 2, column: 1 });
  expect(source.placeOf(["optimiser", "learningRate"])).toEqual({ line: 2, column: 1 });
  expect(source.placeOf(["stages", 0, "epochs"])).toEqual({ line: 5, column: 13 });
  expect(source.placeOf(["empty"])).toEqual({ line: 6, column: 1 });
  expect(source.placeOf(["dropout"])).toBeUndefined();
});

test("a key that is no word is a problem", () => {
  expect(readSource(text).problems).toEqual([
    { place: { line: 7, column: 1 }, sentence: "a key must be a word" },
  ]);
});
