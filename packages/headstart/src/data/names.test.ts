import { expect, test } from "vitest";
import { compareNames, displayName, displayNames, nearName, someNames } from "./names.js";

test("names are sorted by code point, as Python sorts them", () => {
  const sorted = ["10", "2", "B", "Z", "_", "a", "a b", "ab", "z", "é", "\u{e000}", "\u{ffee}", "😀"];
  expect([...sorted].reverse().sort(compareNames)).toEqual(sorted);
  expect(compareNames("a", "a")).toBe(0);
});

test.each([
  ["001.Affenpinscher", "Affenpinscher"],
  ["01_dog", "dog"],
  ["3-toed sloth", "toed sloth"],
  ["7 up", "up"],
  ["12", "12"],
  ["12.", "12."],
  ["3--", "3--"],
  ["2cats", "2cats"],
  ["n01", "n01"],
  ["001._x", "x"],
  ["1. Ö", "Ö"],
])("%s is shown as %s", (name, shown) => {
  expect(displayName(name)).toBe(shown);
});

test("full names are shown where the short ones are equal", () => {
  expect(displayNames(["1.cat", "2.dog"])).toEqual(["cat", "dog"]);
  expect(displayNames(["1.cat", "2.cat"])).toEqual(["1.cat", "2.cat"]);
});

test("a name that is nearly equal is found", () => {
  expect(nearName("golden_retriever", ["poodle", "Golden Retriever"])).toBe("Golden Retriever");
  expect(nearName("caf\u0065\u0301", ["caf\u00e9"])).toBe("caf\u00e9");
  expect(nearName("dog", ["dog", "cat"])).toBeUndefined();
});

test("long lists of names are cut", () => {
  expect(someNames(["a", "b"])).toBe("a, b");
  expect(someNames(["a", "b", "c", "d", "e"])).toBe("a, b, c and 2 more");
});
