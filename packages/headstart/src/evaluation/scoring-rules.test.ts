import fc from "fast-check";
import { expect, test } from "vitest";
import { brierScore, logLoss } from "./scoring-rules.js";

test("a sure and wrong answer has a finite loss, one that is rounded up none", () => {
  expect(logLoss({ probabilities: [1, 0], labels: [1], classes: 2 })).toBeCloseTo(-Math.log(1e-7), 12);
  expect(logLoss({ probabilities: [1.0000001, 0], labels: [0], classes: 2 })).toBeCloseTo(0, 12);
  expect(brierScore({ probabilities: [1, 0], labels: [1], classes: 2 })).toBe(2);
});

test("no photos have none", () => {
  expect(logLoss({ probabilities: [], labels: [], classes: 2 })).toBeNull();
  expect(brierScore({ probabilities: [], labels: [], classes: 2 })).toBeNull();
});

test("the true probabilities have the smallest expected score", () => {
  const share = fc.double({ min: 0.01, max: 0.99, noNaN: true });
  fc.assert(
    fc.property(share, share, (truth, said) => {
      const expected = (score: typeof logLoss, first: number) => {
        const answers = { probabilities: [first, 1 - first, first, 1 - first], labels: [0, 1], classes: 2 };
        return score(answers, [truth, 1 - truth]) ?? 0;
      };
      for (const score of [logLoss, brierScore])
        expect(expected(score, truth)).toBeLessThanOrEqual(expected(score, said) + 1e-12);
    }),
  );
});
