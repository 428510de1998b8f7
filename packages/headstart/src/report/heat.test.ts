import sharp from "sharp";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openPicture, plainPhoto } from "../../test/support/picture.js";
import { Runtime } from "../runtime/index.js";
import { drawHeatSheet, type HeatCell, HeatPainter, shownPhoto, tilePng } from "./heat.js";
import { heatColours } from "./heat-colours.js";

let runtime: Runtime;
let painter: HeatPainter;
beforeAll(async () => {
  runtime = Runtime.start({ threads: 1 });
  painter = await HeatPainter.load(runtime);
});
afterAll(() => runtime.close());

const map = (width: number, ...values: number[]) => ({
  values: Float32Array.from(values),
  height: values.length / width,
  width,
});

test("the strongest place has the last colour over grey, and the photo is grey where nothing speaks for the class", async () => {
  const photo = await shownPhoto(await plainPhoto(80, 40, "#3c7814"), 400);
  expect([photo.width, photo.height]).toEqual([80, 40]);
  const overlay = await painter.paint(photo, map(2, 4, -9, 4, -9));
  const pixel = (x: number, y: number) => [
    ...overlay.pixels.subarray(3 * (80 * y + x), 3 * (80 * y + x) + 3),
  ];
  // 0.299 * 60 + 0.587 * 120 + 0.114 * 20
  const grey = 90.66;
  expect(pixel(79, 20)).toEqual([91, 91, 91]);
  const last = [...heatColours().subarray(-3)].map((level) => Math.round(0.7 * level + 0.3 * grey));
  expect(pixel(0, 20)).toEqual(last);
  // Half way between the middles of the two places, half as strong: 0.35 of the colour.
  const half = [...heatColours().subarray(3 * 128, 3 * 129)];
  for (const [channel, level] of pixel(40, 20).entries())
    expect(Math.abs(level - (0.35 * (half[channel] ?? 0) + 0.65 * grey))).toBeLessThan(4);
});

test("a map without anything above 0 leaves the photo", async () => {
  const photo = await shownPhoto(await plainPhoto(8, 8, "#808080"), 8);
  const overlay = await painter.paint(photo, map(2, -1, -2, 0, -1));
  expect(new Set(overlay.pixels)).toEqual(new Set([128]));
});

test("large photos are shown smaller, in their own shape", async () => {
  const photo = await shownPhoto(await plainPhoto(300, 100, "#ff0000"), 60);
  expect([photo.width, photo.height]).toEqual([60, 20]);
  expect(await sharp(await tilePng(photo)).metadata()).toMatchObject({
    format: "png",
    width: 60,
    height: 20,
  });
});

async function cellOf(className: string): Promise<HeatCell> {
  const photo = await shownPhoto(await plainPhoto(64, 64, "#0000ff"), 64);
  const overlay = await shownPhoto(await plainPhoto(64, 64, "#00ff00"), 64);
  return { photo, overlay, className, probability: 0.974, detail: "photo.jpg" };
}

test("a sheet shows each photo beside its map, two in a row", async () => {
  const cells = await Promise.all(["bees", "ants <&>", "蜂"].map(cellOf));
  const sheet = await openPicture(await drawHeatSheet(cells, { cellSize: 64, title: "maps" }));
  expect([sheet.width, sheet.height]).toEqual([
    2 * 24 + 2 * (64 * 2 + 8) + 28,
    24 + 40 + 2 * (44 + 64 + 28) - 28 + 34 + 24,
  ]);
  expect([sheet.colourAt(24 + 30, 64 + 44 + 30), sheet.colourAt(24 + 72 + 30, 64 + 44 + 30)]).toEqual([
    "#0000ff",
    "#00ff00",
  ]);
  expect(sheet.ink(24, 64, 136, 20)).toBeGreaterThan(50);
  const one = await openPicture(await drawHeatSheet(cells.slice(0, 1), { cellSize: 64 }));
  expect(one.width).toBe(2 * 24 + 64 * 2 + 8);
});

test("sheets that cannot be drawn are refused", async () => {
  await expect(drawHeatSheet([])).rejects.toMatchObject({ code: "INVALID_OPTION" });
  await expect(drawHeatSheet([await cellOf("bees")], { cellSize: 10 })).rejects.toMatchObject({
    code: "INVALID_OPTION",
  });
});
