import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { HeadstartError } from "../errors.js";
import { checkAnswers, decide, meanOf } from "./answers.js";

function codeOf(action: () => unknown): string | undefined {
  try {
    action();
  } catch (error) {
    if (error instanceof HeadstartError) return error.code;
  }
  return undefined;
}

describe("checkAnswers", () => {
  test("refuses wrong sizes, labels that are no classes, and what is not a number", () => {
    const check = (probabilities: number[], labels: number[], classes = 2) =>
      codeOf(() => checkAnswers({ probabilities, labels, classes }));
    expect(check([0.5, 0.5, 0], [0])).toBe("INVALID_DATA");
    expect(check([0.5, 0.5], [2])).toBe("INVALID_DATA");
    expect(check([0.5, 0.5], [-1])).toBe("INVALID_DATA");
    expect(check([0.5, 0.5], [0.5])).toBe("INVALID_DATA");
    expect(check([], [], 0)).toBe("INVALID_DATA");
    expect(check([0.5, Number.NaN], [0])).toBe("INVALID_MODEL");
    expect(check([0.5, Number.POSITIVE_INFINITY], [0])).toBe("INVALID_MODEL");
    expect(check([0.5, 0.5], [1])).toBeUndefined();
    expect(check([], [])).toBeUndefined();
  });
});

describe("decide", () => {
  test("takes the first of equal ones", () => {
    const { predicted, correct } = decide({
      probabilities: [0.5, 0.5, 0.2, 0.8],
      labels: [1, 1],
      classes: 2,
    });
    expect([...predicted]).toEqual([0, 1]);
    expect([...correct]).toEqual([0, 1]);
  });

  test("the confidence is the largest probability", () => {
    const row = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 3, maxLength: 3 });
    fc.assert(
      fc.property(row, (probabilities) => {
        const { confidence, predicted } = decide({ probabilities, labels: [0], classes: 3 });
        expect(confidence[0]).toBe(Math.max(...probabilities));
        expect(predicted[0]).toBe(probabilities.indexOf(Math.max(...probabilities)));
      }),
    );
  });
});

test("the mean of what there is", () => {
  expect(meanOf([1, null, 2])).toBe(1.5);
  expect(meanOf([null])).toBeNull();
});
