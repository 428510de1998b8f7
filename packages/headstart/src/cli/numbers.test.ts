import { InvalidArgumentError } from "commander";
import { describe, expect, test } from "vitest";
import { channelNumbers, positiveNumber, shares, wholeNumber } from "./numbers.js";

describe("whole numbers", () => {
  test.each(["1", "32", "65536"])("%s is one", (text) =>
    expect(wholeNumber(1, 65_536)(text)).toBe(Number(text)),
  );
  test.each(["12abc", "", " ", "1.5", "0", "-1", "65537", "1e3", "0x10", "NaN"])('"%s" is none', (text) =>
    expect(() => wholeNumber(1, 65_536)(text)).toThrow("It must be a whole number from 1 to 65536."),
  );
  test("a range that is open says so", () => {
    expect(() => wholeNumber(1)("0")).toThrow("It must be a whole number of at least 1.");
    expect(() => wholeNumber(-Number.MAX_SAFE_INTEGER)("x")).toThrow("It must be a whole number.");
    expect(wholeNumber(-Number.MAX_SAFE_INTEGER)("-7")).toBe(-7);
  });
});

describe("numbers above 0", () => {
  test.each(["0.001", "1", ".5", "1e-3", "2E+2"])("%s is one", (text) =>
    expect(positiveNumber(text)).toBe(Number(text)),
  );
  test.each(["0", "-1", "", "x", "1,5", "0.1x", "Infinity", "1e999", "."])('"%s" is none', (text) =>
    expect(() => positiveNumber(text)).toThrow(InvalidArgumentError),
  );
});

describe("shares", () => {
  test.each([
    ["70/15/15", [70, 15, 15]],
    ["0.8/0.2/0", [0.8, 0.2, 0]],
  ])("%s", (text, expected) => expect(shares(text)).toEqual(expected));
  test.each(["70", "70/30", "0/50/50", "a/b/c", "70/15/15/0", "70/-15/15"])('"%s" is none', (text) =>
    expect(() => shares(text)).toThrow(InvalidArgumentError),
  );
});

describe("numbers of channels", () => {
  test.each([
    ["127.5", [127.5]],
    ["0.485,0.456,0.406", [0.485, 0.456, 0.406]],
    [" .5 , 0, -1 ", [0.5, 0, -1]],
  ])("%s", (text, expected) => expect(channelNumbers(text)).toEqual(expected));
  test.each(["", ",", "1,2", "1,2,3,4", "1,,3", "a", "1;2;3", "NaN", "1,2,x"])('"%s" is none', (text) =>
    expect(() => channelNumbers(text)).toThrow("It must be one number, or three with commas"),
  );
});
