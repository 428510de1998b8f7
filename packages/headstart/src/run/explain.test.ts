import { readdirSync, rmSync, writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { writeKerasClassifier } from "../../test/support/keras-model.js";
import { newFolder } from "../../test/support/temporary.js";
import {
  type HeatMap,
  lastWeights,
  type MapMethod,
  rankCorrelation,
  shareOnLeft,
  withShuffledWeights,
} from "../explain/index.js";
import { readClassifier, readProvenance } from "../model/index.js";
import type { Graph } from "../onnx/index.js";
import { createRandom } from "../random.js";
import { Runtime } from "../runtime/index.js";
import { explain } from "./explain.js";
import { PhotoExplainer } from "./explain-photos.js";
import { drawMapPictures } from "./map-pictures.js";
import { train } from "./train.js";

const folder = newFolder();
afterAll(async () => {
  await runtime.close();
  rmSync(folder, { recursive: true, force: true });
});

const run = join(folder, "run");
const pictures = join(folder, "pictures");

/** Shapes, each of a colour that says nothing about it. */
const SHAPES = {
  disc: '<circle cx="50" cy="50" r="34" fill="COLOUR"/>',
  stripes: Array.from(
    { length: 6 },
    (_, i) => `<rect x="14" y="${14 + 12 * i}" width="72" height="6" fill="COLOUR"/>`,
  ).join(""),
  cross: '<path d="M20 20L80 80M80 20L20 80" stroke="COLOUR" stroke-width="12"/>',
} as const;
type Shape = keyof typeof SHAPES;
const CLASSES = Object.keys(SHAPES) as Shape[];

/** A square with a shape in it: its colour, ground, size and place are drawn. */
function tile(shape: Shape, number: number, width = 112, height = 224): Promise<Buffer> {
  const random = createRandom("shape", shape, number);
  const grey = () => 60 + random.integer(120);
  const ground = `rgb(${grey()},${grey()},${grey()})`;
  const light = random.integer(2) === 0 ? () => random.integer(60) : () => 195 + random.integer(60);
  const drawn = SHAPES[shape].replaceAll("COLOUR", `rgb(${light()},${light()},${light()})`);
  const scale = random.between(0.7, 1.1);
  const [x, y] = [random.between(0, width - 100 * scale), random.between(0, height - 100 * scale)];
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}"><rect width="100%" height="100%" fill="${ground}"/><g transform="translate(${x} ${y}) scale(${scale})">${drawn}</g></svg>`;
  return sharp(Buffer.from(svg)).png().toBuffer();
}

/** Pictures of two shapes, the one on the left and the other on the right: their path, and both classes. */
async function drawPairs(count: number): Promise<{ path: string; left: Shape; right: Shape }[]> {
  await mkdir(pictures, { recursive: true });
  return await Promise.all(
    Array.from({ length: count }, async (_, i) => {
      const left = CLASSES[i % 3] ?? "disc";
      const right = CLASSES[(i + 1 + (i % 2)) % 3] ?? "cross";
      const path = join(pictures, `${String(i).padStart(2, "0")}.png`);
      const [input, other] = await Promise.all([tile(left, 1000 + i), tile(right, 2000 + i)]);
      await sharp({ create: { width: 224, height: 224, channels: 3, background: "white" } })
        .composite([
          { input: input, left: 0, top: 0 },
          { input: other, left: 112, top: 0 },
        ])
        .png()
        .toFile(path);
      return { path, left, right };
    }),
  );
}

let pairs: Awaited<ReturnType<typeof drawPairs>>;
let graph: Graph;
let runtime: Runtime;

beforeAll(async () => {
  for (const shape of CLASSES) {
    await mkdir(join(folder, "shapes", shape), { recursive: true });
    for (let number = 0; number < 24; number++)
      await sharp(await tile(shape, number, 160, 160)).toFile(join(folder, "shapes", shape, `${number}.png`));
  }
  await train(join(folder, "shapes"), { out: folder, name: "run", precision: "float", report: false });
  pairs = await drawPairs(12);
  const read = await readClassifier(run);
  if (read === undefined) throw new Error("There is no classifier.");
  graph = read.graph;
  runtime = Runtime.start();
});

/** The map of each shape of each picture: first those on the left, then those on the right. */
async function mapsOf(network: Graph, method: MapMethod): Promise<HeatMap[]> {
  const { classes } = readProvenance(network);
  const wanted = (["left", "right"] as const).flatMap((side) =>
    pairs.map((pair) => ({ path: pair.path, classIndex: classes.indexOf(pair[side]) })),
  );
  const explainer = await PhotoExplainer.load(runtime, network, { method });
  const maps: HeatMap[] = [];
  for await (const answer of explainer.explain(wanted)) if ("map" in answer) maps.push(answer.map);
  await explainer.close();
  return maps;
}

describe("of pictures of two shapes side by side", () => {
  test.each(["cam", "grad-cam"] as const)("the map of each lies on its own half: %s", async (method) => {
    const maps = await mapsOf(graph, method);
    const shares = maps.map((map, i) => (i < pairs.length ? shareOnLeft(map) : 1 - shareOnLeft(map)));
    expect(shares).toHaveLength(24);
    expect(shares.filter((share) => share > 0.5).length / shares.length).toBeGreaterThanOrEqual(0.9);
  });

  test("maps change when the last layers forget what they learned", async () => {
    const trained = await mapsOf(graph, "cam");
    for (const layers of [1, 2]) {
      const random = createRandom("forgotten", layers);
      const other = await mapsOf(withShuffledWeights(graph, lastWeights(graph, layers), random), "cam");
      const correlations = trained.map(({ values }, i) => rankCorrelation(values, other[i]?.values ?? []));
      const mean = correlations.reduce((sum, one) => sum + one, 0) / correlations.length;
      expect(Math.abs(mean)).toBeLessThan(0.5);
    }
  });
});

describe("what is written, and what is told", () => {
  test("a picture of each photo and one of all, under names of their own", async () => {
    const out = join(folder, "maps");
    const [first = "", second = ""] = pairs.map(({ path }) => path);
    const broken = join(folder, "broken.jpg");
    writeFileSync(broken, "no photo");
    const found = await explain(run, [first, second, first, broken], { out });
    expect(found).toMatchObject({ method: "cam", layer: "head.relu6", sheet: join(out, "maps.png") });
    expect(found.skipped).toEqual([expect.objectContaining({ name: broken })]);
    expect(found.photos.map(({ photo, overlay }) => [photo, overlay])).toEqual([
      [first, join(out, "00-map.png")],
      [second, join(out, "01-map.png")],
      [first, join(out, "00-map-2.png")],
    ]);
    expect(readdirSync(out).sort()).toEqual(["00-map-2.png", "00-map.png", "01-map.png", "maps.png"]);
    const [one] = found.photos;
    expect(one?.map).toMatchObject({ height: 7, width: 7 });
    expect(one?.map.values).toHaveLength(49);
    expect(one?.probability).toBeGreaterThan(1 / 3);
    expect((await sharp(join(out, "00-map.png")).metadata()).format).toBe("png");
  });

  test("nothing is written unless it is asked for", async () => {
    const found = await explain(run, [pairs[0]?.path ?? ""]);
    expect([found.sheet, found.photos[0]?.overlay]).toEqual([undefined, undefined]);
  });

  test("occlusion of a shape agrees in part with its class activation map", async () => {
    const { photos, layer } = await explain(run, [pairs[0]?.path ?? ""], { method: "occlusion" });
    expect(layer).toBeUndefined();
    for (const { agreement, map } of photos) {
      expect(map).toMatchObject({ height: 14, width: 14 });
      expect(agreement).toBeGreaterThan(0.2);
    }
  });

  test("a network that Headstart did not train; of one output, both classes have a map", async () => {
    const path = pairs[0]?.path ?? "";
    const network = await writeKerasClassifier(join(folder, "model.h5"), { rescales: true });
    const { photos, method } = await explain(network, [path], { classes: ["a", "b", "c"] });
    expect([method, photos.length]).toEqual(["cam", 1]);
    const pair = join(folder, "pair.h5");
    await writeKerasClassifier(pair, { rescales: true, outputs: 1, activation: "sigmoid" });
    const classes = ["no", "yes"];
    const maps = [];
    for (const name of classes) {
      const found = await explain(pair, [path], { classes, class: name });
      expect([found.method, found.photos[0]?.className]).toEqual(["grad-cam", name]);
      maps.push(found.photos[0]?.map.values ?? new Float32Array());
    }
    // What speaks for the one speaks against the other.
    const [no, yes] = maps;
    expect(no?.length).toBeGreaterThan(1);
    for (const [place, value] of no?.entries() ?? []) expect(value > 0).not.toBe((yes?.[place] ?? 0) > 0);
  });

  test("pictures for a report: small, in order, nothing for what cannot be decoded", async () => {
    const path = pairs[0]?.path ?? "";
    const wanted = [{ path, classIndex: 0 }, { path: join(folder, "broken.jpg") }, { path, classIndex: 2 }];
    const [first, broken, last] = await drawMapPictures(runtime, graph, wanted, { size: 96 });
    expect(broken).toBeUndefined();
    expect(await sharp(first).metadata()).toMatchObject({ format: "png", width: 96, height: 96 });
    expect(last?.equals(first ?? Buffer.of())).toBe(false);
  });

  test("classes and photos that there are not", async () => {
    const photo = pairs[0]?.path ?? "";
    await expect(explain(run, [photo], { class: "Stripes" })).rejects.toMatchObject({
      code: "INVALID_OPTION",
      hint: "Classes with names like it: stripes.",
    });
    await expect(explain(run, [photo], { class: "crass" })).rejects.toMatchObject({
      hint: "Classes with names like it: cross.",
    });
    await expect(explain(run, [photo], { class: "elephant" })).rejects.toMatchObject({
      hint: "Its classes are cross, disc, stripes.",
    });
    await expect(explain(run, [join(folder, "broken.jpg")])).rejects.toMatchObject({ code: "INVALID_PHOTO" });
    await expect(explain(run, [join(folder, "none.jpg")])).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  test("an interruption ends it between batches", async () => {
    const controller = new AbortController();
    const paths = [...pairs, ...pairs].map(({ path }) => path);
    const seen: number[] = [];
    const interrupted = explain(run, paths, {
      signal: controller.signal,
      onProgress: (progress) => {
        if (progress.kind === "progress") seen.push(progress.done);
        controller.abort();
      },
    });
    await expect(interrupted).rejects.toMatchObject({ code: "INTERRUPTED" });
    expect(seen).toHaveLength(16);
  });
});
