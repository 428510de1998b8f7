import { describe, expect, test } from "vitest";
import { openPicture, type Picture } from "../../test/support/picture.js";
import { COLOURS } from "./colours.js";
import { type CurvePoint, drawCurves } from "./curves.js";
import type { StepPoint } from "./steps.js";

function history(epochs: number): CurvePoint[] {
  return Array.from({ length: epochs }, (_, index) => ({
    epoch: index + 1,
    loss: 1.5 / (index + 1),
    accuracy: 1 - 0.5 / (index + 1),
    validationLoss: 0.3 + 1.2 / (index + 1),
    validationAccuracy: 0.9 - 0.4 / (index + 1),
  }));
}

/** Steps of as many epochs, a hundred each. */
function stepsOf(epochs: number): StepPoint[] {
  return Array.from({ length: epochs * 100 }, (_, index) => ({
    step: index + 1,
    epoch: (index + 1) / 100,
    loss: 1.5 / (index / 100 + 1) + 0.3 * Math.sin(index * 12.9),
    accuracy: 0.5 + 0.3 * Math.sin(index * 12.9),
    learningRate: 0.001 * (1 - index / (epochs * 100)),
  }));
}

/** Pixels of exactly this colour in the left (loss) or right (accuracy) half. */
function count(picture: Picture, colour: string, half: "left" | "right"): number {
  let found = 0;
  const from = half === "left" ? 0 : picture.width / 2;
  for (let y = 0; y < picture.height; y++) {
    for (let x = from; x < from + picture.width / 2; x++) if (picture.colourAt(x, y) === colour) found++;
  }
  return found;
}

describe("drawCurves", () => {
  test("draws training and validation in both panels", async () => {
    const picture = await openPicture(await drawCurves(history(12)));
    expect([picture.width, picture.height]).toEqual([1240, 468]);
    for (const half of ["left", "right"] as const) {
      expect(count(picture, COLOURS.blue, half)).toBeGreaterThan(300);
      expect(count(picture, COLOURS.orange, half)).toBeGreaterThan(300);
      expect(count(picture, COLOURS.green, half)).toBe(0);
    }
  });

  test("marks the epoch that was kept", async () => {
    const picture = await openPicture(await drawCurves(history(12), { best: 7 }));
    expect(count(picture, COLOURS.green, "left")).toBeGreaterThan(30);
    expect(count(picture, COLOURS.green, "right")).toBeGreaterThan(30);
    const absent = await openPicture(await drawCurves(history(12), { best: 70 }));
    expect(count(absent, COLOURS.green, "left")).toBe(0);
  });

  test("shows where stages begin, and only when there are several", async () => {
    const staged = (second: number) =>
      history(10).map((point, index) => ({
        ...point,
        stage: index < 4 ? 1 : second,
        imageSize: index < 4 || second === 1 ? 224 : 299,
      }));
    const plain = await openPicture(await drawCurves(history(10)));
    const one = await openPicture(await drawCurves(staged(1)));
    const two = await openPicture(await drawCurves(staged(2)));
    const top = 70;
    expect(one.ink(84, top, 516, 10)).toBe(plain.ink(84, top, 516, 10));
    expect(two.ink(84, top, 516, 10)).toBeGreaterThan(one.ink(84, top, 516, 10) + 50);
  });

  test("one epoch without validation or accuracy is enough", async () => {
    const only: CurvePoint = {
      epoch: 1,
      loss: 0.2,
      accuracy: null,
      validationLoss: null,
      validationAccuracy: null,
    };
    const picture = await openPicture(await drawCurves([only], { best: 1, title: 'Run <1> & "more"' }));
    expect(picture.height).toBe(508);
    expect(count(picture, COLOURS.blue, "left")).toBeGreaterThan(20);
    expect(count(picture, COLOURS.orange, "left")).toBe(0);
    expect(count(picture, COLOURS.blue, "right")).toBe(0);
    expect(picture.ink(24, 24, 300, 30)).toBeGreaterThan(200);
  });

  test("a loss that is no number leaves a gap", async () => {
    const points = history(5).map((point, index) => (index === 2 ? { ...point, loss: Number.NaN } : point));
    const picture = await openPicture(await drawCurves(points));
    expect(count(picture, COLOURS.blue, "left")).toBeGreaterThan(100);
    const none = history(3).map((point) => ({
      ...point,
      loss: Number.POSITIVE_INFINITY,
      validationLoss: Number.NaN,
    }));
    expect((await openPicture(await drawCurves(none))).width).toBe(1240);
  });

  test("zero loss, perfect accuracy and a thousand epochs can be drawn", async () => {
    const perfect = history(1000).map((point) => ({
      ...point,
      loss: 0,
      validationLoss: 0,
      accuracy: 1,
      validationAccuracy: 1,
    }));
    expect((await openPicture(await drawCurves(perfect))).width).toBe(1240);
  });

  test("draws the steps behind the epochs, and their learning rate below", async () => {
    const plain = await openPicture(await drawCurves(history(5)));
    const picture = await openPicture(await drawCurves(history(5), { steps: stepsOf(5), best: 3 }));
    expect(picture.height - plain.height).toBe(248);
    for (const half of ["left", "right"] as const) {
      expect(count(plain, COLOURS.paleBlue, half)).toBe(0);
      expect(count(picture, COLOURS.paleBlue, half)).toBeGreaterThan(10);
      expect(count(picture, COLOURS.lightBlue, half)).toBeGreaterThan(10);
    }
    expect(picture.ink(90, 500, 1100, 140)).toBeGreaterThan(plain.ink(90, 40, 100, 10) + 1000);
  });

  test("no steps, or an empty list of them, change nothing", async () => {
    const plain = await drawCurves(history(5), { best: 3 });
    expect((await drawCurves(history(5), { best: 3, steps: [] })).equals(plain)).toBe(true);
  });

  test("steps without a learning rate or accuracy need no panel of their own", async () => {
    const steps = stepsOf(2).map((point) => ({ ...point, accuracy: null, learningRate: null }));
    const picture = await openPicture(await drawCurves(history(2), { steps }));
    expect(picture.height).toBe(468);
    expect(count(picture, COLOURS.paleBlue, "right")).toBe(0);
  });

  test("steps alone are enough where epochs have no figures", async () => {
    const bare = history(1).map((point) => ({
      ...point,
      loss: Number.NaN,
      accuracy: null,
      validationLoss: null,
      validationAccuracy: null,
    }));
    const picture = await openPicture(await drawCurves(bare, { steps: stepsOf(1) }));
    expect(count(picture, COLOURS.paleBlue, "left")).toBeGreaterThan(10);
  });

  test("one step, and steps that are no numbers, can be drawn", async () => {
    for (const loss of [1e-6, Number.NaN, Number.POSITIVE_INFINITY]) {
      const steps = [{ step: 1, epoch: 1, loss, accuracy: null, learningRate: 0.1 }];
      expect((await openPicture(await drawCurves(history(1), { steps }))).width).toBe(1240);
    }
  });

  test("the same history gives the same bytes", async () => {
    const draw = () => drawCurves(history(9), { best: 3, title: "Run 1" });
    expect((await draw()).equals(await draw())).toBe(true);
  });

  test("refuses an empty history", async () => {
    await expect(drawCurves([])).rejects.toMatchObject({ code: "INVALID_OPTION" });
  });
});
