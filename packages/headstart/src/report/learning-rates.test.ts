import { describe, expect, test } from "vitest";
import { openPicture } from "../../test/support/picture.js";
import { type LearningRatePoint, learningRatesFor, suggestLearningRate } from "../training/index.js";
import { COLOURS } from "./colours.js";
import { drawLearningRates, type LearningRatesOptions } from "./learning-rates.js";

function sweep(steps = 100): LearningRatePoint[] {
  return learningRatesFor({ steps }).map((learningRate, index) => ({
    learningRate,
    loss: 2 - 1.5 / (1 + 1e-3 / learningRate) + learningRate ** 2 * 50 + 0.2 * Math.sin(index * 12.9),
  }));
}

async function draw(points: readonly LearningRatePoint[], options: LearningRatesOptions = {}) {
  const picture = await openPicture(await drawLearningRates(points, options));
  const columns = (colour: string) => {
    const found: number[] = [];
    for (let x = 0; x < picture.width; x++) {
      for (let y = 60; y < picture.height; y++) {
        if (picture.colourAt(x, y) !== colour) continue;
        found.push(x);
        break;
      }
    }
    return found;
  };
  return { picture, columns };
}

describe("drawLearningRates", () => {
  test("draws the smoothed loss over the whole width", async () => {
    const titled = await openPicture(await drawLearningRates(sweep(), { title: "Sweep" }));
    expect(titled.height).toBe(544);
    const { picture, columns } = await draw(sweep());
    expect([picture.width, picture.height]).toEqual([1240, 504]);
    const found = columns(COLOURS.blue);
    expect(found.length).toBeGreaterThan(1000);
    expect(found.at(-1)).toBeGreaterThan(1200);
  });

  test("marks the suggestion and the steepest point where they are", async () => {
    const points = sweep();
    const { suggestion, steepest } = suggestLearningRate(points);
    const plain = await draw(points);
    expect([plain.columns(COLOURS.green), plain.columns(COLOURS.orange)]).toEqual([[], []]);
    const { columns } = await draw(points, { suggestion, steepest });
    const ring = columns(COLOURS.orange);
    expect(ring.length).toBeGreaterThan(10);
    expect((ring.at(-1) ?? 0) - (ring[0] ?? 0)).toBeLessThan(20);
    expect(columns(COLOURS.green).length).toBeGreaterThan(30);
    expect((await draw(points, { suggestion: 0.123 })).columns(COLOURS.green)).toEqual([]);
  });

  test("ends where the loss has run away", async () => {
    const points = sweep();
    const fallen = points.filter(({ learningRate }) => learningRate < 0.1);
    const place = async (of: readonly LearningRatePoint[]) => {
      const { columns } = await draw(of, { steepest: suggestLearningRate(fallen).steepest });
      return columns(COLOURS.orange)[5] ?? 0;
    };
    const [short, long] = [await place(fallen), await place(points)];
    expect(long).toBeGreaterThan(short * 0.8);
  });

  test.each<[string, LearningRatePoint[]]>([
    ["one step", [{ learningRate: 1e-3, loss: 1e-6 }]],
    ["no finite loss", sweep(20).map((point) => ({ ...point, loss: Number.NaN }))],
    [
      "gaps",
      sweep().map((point, index) => (index % 3 ? point : { ...point, loss: Number.POSITIVE_INFINITY })),
    ],
    ["a loss that only rises", sweep().map((point, index) => ({ ...point, loss: index }))],
    ["a loss of zero", sweep().map((point) => ({ ...point, loss: 0 }))],
    ["thousands of steps", sweep(5000)],
  ])("draws %s", async (_, points) => {
    const { picture } = await draw(points, suggestLearningRate(points));
    expect(picture.width).toBe(1240);
  });

  test("the same sweep gives the same bytes", async () => {
    const bytes = () => drawLearningRates(sweep(), suggestLearningRate(sweep()));
    expect((await bytes()).equals(await bytes())).toBe(true);
  });

  test("refuses an empty sweep", async () => {
    await expect(drawLearningRates([])).rejects.toMatchObject({ code: "INVALID_OPTION" });
  });
});
