import { describe, expect, test } from "vitest";
import { openPicture, type Picture } from "../../test/support/picture.js";
import { COLOURS } from "./colours.js";
import { type CurvePoint, drawCurves } from "./curves.js";

function history(epochs: number): CurvePoint[] {
  return Array.from({ length: epochs }, (_, index) => ({
    epoch: index + 1,
    loss: 1.5 / (index + 1),
    accuracy: 1 - 0.5 / (index + 1),
    validationLoss: 0.3 + 1.2 / (index + 1),
    validationAccuracy: 0.9 - 0.4 / (index + 1),
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

  test("the same history gives the same bytes", async () => {
    const draw = () => drawCurves(history(9), { best: 3, title: "Run 1" });
    expect((await draw()).equals(await draw())).toBe(true);
  });

  test("refuses an empty history", async () => {
    await expect(drawCurves([])).rejects.toMatchObject({ code: "INVALID_OPTION" });
  });
});
