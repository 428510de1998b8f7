import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import sharp from "sharp";
import { decodePhoto, type Photo, scanPhotos } from "../../../packages/headstart/dist/data/index.js";
import {
  lastWeights,
  type MapMethod,
  type MapOptions,
  Mapper,
  type PhotoMap,
  rankCorrelation,
  shareOnLeft,
  withShuffledWeights,
} from "../../../packages/headstart/dist/explain/index.js";
import { readProvenance } from "../../../packages/headstart/dist/model/index.js";
import { type Graph, readModel, type Tensor, uint8 } from "../../../packages/headstart/dist/onnx/index.js";
import { createRandom } from "../../../packages/headstart/dist/random.js";
import { Runtime } from "../../../packages/headstart/dist/runtime/index.js";
import { headstart } from "../child.js";
import { median, type Result, runs } from "../measure.js";
import { DEMO_PHOTOS } from "../photos.js";
import { inTemporaryFolder } from "../temporary.js";

export const summary =
  "whether maps point at the object: of pictures of two photos side by side, 90 % against the share of maps that lie on their own half: [FOLDER...] [--layer NAME]";

/** The share of maps that have to lie mostly on their own half. */
const WANTED = 0.9;
/** Pictures of two photos that go through the network at once. */
const BATCH = 8;
/** Photos whose maps are compared with occlusion, and with those of randomised networks. */
const COMPARED = 24;
const ROUNDS = 7;
/** Networks that forgot, each its own way. */
const DRAWS = 5;
const METHODS = ["cam", "grad-cam"] as const;
const SHARED = ["hymenoptera", "monkeys"].map((name) =>
  fileURLToPath(new URL(`../../../../shared/photos/${name}`, import.meta.url)),
);

/** A trained classifier and the photos that it was not trained on. */
interface Trained {
  readonly graph: Graph;
  readonly size: number;
  readonly classes: readonly string[];
  readonly photos: readonly Photo[];
}

/**
 * Trains on each folder with the default recipe, then explains photos that it was not trained on. The ratio is that of the folder and the
 * method that did worst. With a layer, Grad-CAM at that layer is measured alone.
 */
export async function run(args: readonly string[]): Promise<Result> {
  const { folders, layer } = choices(args);
  const parts: Record<string, number> = {};
  const shares: number[] = [];
  const runtime = Runtime.start();
  for (const folder of folders) {
    const trained = await inTemporaryFolder(async (out) => {
      await headstart(["train", folder, "--out", out, "--name", "run", "--json"]);
      return await read(join(out, "run", "model.onnx"), folder);
    });
    const name = basename(folder);
    for (const method of layer === undefined ? METHODS : (["grad-cam"] as const)) {
      const found = await pointing(runtime, trained, { method, layer });
      shares.push(found.onOwnHalf);
      parts[`${name}, ${method}: maps mostly on their own half (%)`] = 100 * found.onOwnHalf;
      parts[`${name}, ${method}: pictures with both maps so (%)`] = 100 * found.both;
      parts[`${name}, ${method}: mass on the own half, mean (%)`] = 100 * found.mass;
    }
    const compared: Record<string, number> = layer === undefined ? await comparisons(runtime, trained) : {};
    for (const [part, value] of Object.entries(compared)) parts[`${name}, ${part}`] = value;
  }
  await runtime.close();
  return { name: "explain", ratio: WANTED / Math.min(...shares), bar: 1, parts };
}

function choices(args: readonly string[]) {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { layer: { type: "string" } },
  });
  const usual = SHARED.every((path) => existsSync(path)) ? SHARED : [DEMO_PHOTOS];
  return { folders: positionals.length > 0 ? positionals : usual, layer: values.layer };
}

async function read(model: string, folder: string): Promise<Trained> {
  const graph = readModel(new Uint8Array(await readFile(model)));
  const { classes, imageSize } = readProvenance(graph);
  const { photos } = await scanPhotos(folder);
  return { graph, size: imageSize, classes, photos: photos.filter(({ split }) => split !== "train") };
}

/** Explains both classes of pictures that show two photos of different classes, each photo in one picture. */
async function pointing(runtime: Runtime, { graph, size, classes, photos }: Trained, options: MapOptions) {
  const mapper = await Mapper.load(runtime, graph, size, options);
  const pairs = pairsOf(photos);
  const shares: (readonly [number, number])[] = [];
  for (let start = 0; start < pairs.length; start += BATCH) {
    const some = pairs.slice(start, start + BATCH);
    const pictures = await Promise.all(some.map(([left, right]) => sideBySide(left, right, size)));
    // Each picture twice, once for each class.
    const image = batchOf(
      pictures.flatMap((picture) => [picture, picture]),
      size,
    );
    const labels = some.flat().map(({ className }) => classes.indexOf(className));
    const maps = await mapper.maps(image, labels);
    for (const row of some.keys()) shares.push([own(maps[2 * row]), 1 - own(maps[2 * row + 1])]);
  }
  await mapper.close();
  const all = shares.flat();
  const isMost = (share: number) => share > 0.5;
  return {
    // A map without any value above 0 counts as one that misses.
    onOwnHalf: all.filter(isMost).length / all.length,
    both: shares.filter((pair) => pair.every(isMost)).length / shares.length,
    mass: all.reduce((sum, share) => sum + (share || 0), 0) / all.length,
  };
}

function own(answer: PhotoMap | undefined): number {
  return answer === undefined ? Number.NaN : shareOnLeft(answer.map);
}

/** Pairs of photos of different classes; each photo is once on the left and at most once on the right. */
function pairsOf(photos: readonly Photo[]): (readonly [Photo, Photo])[] {
  const random = createRandom("side by side");
  const rest = random.shuffle([...photos]);
  return random.shuffle([...photos]).flatMap((left) => {
    const found = rest.findIndex(({ className }) => className !== left.className);
    const [right] = found < 0 ? [] : rest.splice(found, 1);
    return right === undefined ? [] : [[left, right] as const];
  });
}

/** A square picture of the middles of two photos. */
async function sideBySide(left: Photo, right: Photo, size: number): Promise<Uint8Array> {
  const half = { width: size / 2, height: size, fit: "cover" } as const;
  const [input, other] = await Promise.all(
    [left, right].map(({ path }) =>
      sharp(path, { failOn: "none" })
        .autoOrient()
        .flatten({ background: "#ffffff" })
        .resize(half)
        .png()
        .toBuffer(),
    ),
  );
  return await sharp({ create: { width: size, height: size, channels: 3, background: "#ffffff" } })
    .composite([
      { input: input ?? Buffer.of(), left: 0, top: 0 },
      { input: other ?? Buffer.of(), left: size / 2, top: 0 },
    ])
    .toColourspace("srgb")
    .removeAlpha()
    .raw()
    .toBuffer();
}

function batchOf(pictures: readonly Uint8Array[], size: number): Tensor {
  const data = new Uint8Array(pictures.length * size * size * 3);
  for (const [row, picture] of pictures.entries()) data.set(picture, row * size * size * 3);
  return uint8([pictures.length, size, size, 3], data);
}

/** Maps against occlusion, against those of networks that forgot their last weights, and in time. */
async function comparisons(runtime: Runtime, { graph, size, photos }: Trained) {
  const random = createRandom("compared");
  const some = random.shuffle([...photos]).slice(0, COMPARED);
  const pictures = await Promise.all(
    some.map(async ({ path }) => (await decodePhoto(path, { resize: "bicubic", size })).pixels),
  );
  const image = batchOf(pictures, size);
  const best = some.map(() => -1);
  const occlusion = await Mapper.load(runtime, graph, size, { method: "occlusion" });
  const start = performance.now();
  const hidden = await occlusion.maps(image, best);
  const occluding = (performance.now() - start) / some.length;
  const labels = hidden.map(({ chosen }) => chosen);
  const mapsOf = async (network: Graph, method: MapMethod) => {
    const mapper = await Mapper.load(runtime, network, size, { method });
    const maps = await mapper.maps(image, labels);
    await mapper.close();
    return maps;
  };
  const [cam, gradCam] = [await mapsOf(graph, "cam"), await mapsOf(graph, "grad-cam")];
  const forgotten = async (layers: number) => {
    const found: number[] = [];
    for (let draw = 0; draw < DRAWS; draw++) {
      const shuffled = createRandom("forgotten", layers, draw);
      const maps = await mapsOf(withShuffledWeights(graph, lastWeights(graph, layers), shuffled), "cam");
      for (const [i, { map }] of maps.entries())
        found.push(rankCorrelation(map.values, cam[i]?.map.values ?? []));
    }
    return found;
  };
  const [head, two] = [await forgotten(1), await forgotten(2)];
  const plain = await runtime.load(graph);
  const [first, second] = await Promise.all(
    METHODS.map((method) => Mapper.load(runtime, graph, size, { method })),
  );
  const alone = () => plain.run({ image }, { fetch: ["probabilities"] });
  const times = await runs(async () => await first?.maps(image, best), alone, { rounds: ROUNDS });
  const gradients = await runs(async () => await second?.maps(image, best), alone, { rounds: ROUNDS });
  return {
    "cam against occlusion (rank correlation, median)": median(hidden.map(({ agreement = 0 }) => agreement)),
    "grad-cam against cam (rank correlation of what is above 0, mean)": mean(
      gradCam.map(({ map }, i) =>
        rankCorrelation(
          map.values,
          (cam[i]?.map.values ?? new Float32Array()).map((value) => Math.max(0, value)),
        ),
      ),
    ),
    "cam against that of a network with a random head (rank correlation, mean)": mean(head),
    "the same without its sign (mean)": mean(head.map(Math.abs)),
    "cam against that of a network with two random last layers (rank correlation, mean)": mean(two),
    "the same of two layers without its sign (mean)": mean(two.map(Math.abs)),
    "cam (ms a photo)": median(times.measured) / some.length,
    "grad-cam (ms a photo)": median(gradients.measured) / some.length,
    "the classifier alone (ms a photo)": median(times.reference) / some.length,
    "occlusion (ms a photo)": occluding,
  };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
