import { existsSync } from "node:fs";
import { copyFile, mkdir, readFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { scanPhotos } from "../../../packages/headstart/dist/data/index.js";
import { headstart } from "../child.js";
import { median, type Result } from "../measure.js";
import { DEMO_PHOTOS } from "../photos.js";
import { python } from "../python.js";
import { inTemporaryFolder } from "../temporary.js";

export const summary =
  "the classic pipeline on ResNet50 against Keras: [FOLDER] [SIZE] [--precision float|int8], PYTHON as for keras-head";

const ROUNDS = 3;
const EPOCHS = 3;
const BARS: Readonly<Record<string, number>> = { float: 0.95, int8: 0.3 };
const HYMENOPTERA = fileURLToPath(new URL("../../../../shared/photos/hymenoptera", import.meta.url));
/** What Keras takes for photos. */
const EXTENSIONS = new Set([".bmp", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff"]);
/** What the file of the network does not say: it wants BGR less the mean. Its features are its last feature map, averaged. */
const RESNET50 = [...["--channels", "BGR", "--mean", "103.939,116.779,123.68", "--std", "1,1,1"]];

/** Times of one run, in milliseconds, and its memory. */
interface Timed {
  /** From the start of the process to the end of the first epoch. */
  readonly first: number;
  /** Each later epoch, without its validation photos. */
  readonly training: readonly number[];
  /** Each later epoch. */
  readonly whole: readonly number[];
  readonly peakBytes: number;
}

/**
 * Both train on the same copies of the photos, from the same file of the network, in turns. The ratio is that of the time that a training
 * photo takes in epochs after the first. Keras's validation photos are not counted there; ours have been through the network before the
 * first epoch, so that our later epochs hold nothing else.
 */
export async function run(args: readonly string[]): Promise<Result> {
  const { source, size, precision, bar } = choices(args);
  return await inTemporaryFolder(async (folder) => {
    const photos = join(folder, "photos");
    const count = await copyPhotos(source, photos);
    const base = join(folder, "resnet50.h5");
    await python("keras_seed.py", ["--save", base]);
    const here: Timed[] = [];
    const keras: Timed[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const options = ["--backbone", base, ...RESNET50, "--precision", precision];
      here.push(await runHere(join(folder, String(round)), photos, size, options));
      keras.push(await runKeras(photos, size, ["--base", base], count));
    }
    const compare = (of: (timed: Timed) => readonly number[]) => {
      const medians = { here: median(here.flatMap(of)), keras: median(keras.flatMap(of)) };
      return { ...medians, ratio: medians.here / medians.keras };
    };
    const first = compare((timed) => [timed.first / count]);
    const training = compare((timed) => timed.training.map((ms) => ms / count));
    const whole = compare((timed) => timed.whole.map((ms) => ms / count));
    const peak = compare((timed) => [timed.peakBytes / 1e6]);
    return {
      name: `seed ${size} ${precision}`,
      ratio: training.ratio,
      bar,
      parts: {
        "training photos (count)": count,
        "later epochs, here (ms a photo)": training.here,
        "later epochs, Keras (ms a photo)": training.keras,
        "later epochs with validation, Keras (ms a training photo)": whole.keras,
        "later epochs with validation (ratio)": whole.ratio,
        "from the start to the end of the first epoch, here (ms a photo)": first.here,
        "from the start to the end of the first epoch, Keras (ms a photo)": first.keras,
        "from the start to the end of the first epoch (ratio)": first.ratio,
        "peak memory, here (MB)": peak.here,
        "peak memory, Keras (MB)": peak.keras,
        "peak memory (ratio)": peak.ratio,
      },
    };
  });
}

function choices(args: readonly string[]) {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { precision: { type: "string", default: "float" } },
  });
  const isSize = (text: string) => /^\d+$/.test(text);
  const bar = BARS[values.precision];
  if (bar === undefined) throw new Error(`--precision is float or int8, not ${values.precision}.`);
  return {
    source:
      positionals.find((text) => !isSize(text)) ?? (existsSync(HYMENOPTERA) ? HYMENOPTERA : DEMO_PHOTOS),
    size: Number(positionals.find(isSize) ?? 224),
    precision: values.precision,
    bar,
  };
}

/** Copies photos to train on and to validate with to folders of these names, where both find them; returns how many there are to train on. */
async function copyPhotos(source: string, folder: string): Promise<number> {
  const { photos } = await scanPhotos(source);
  const used = photos.filter(
    ({ name, split }) => split !== "test" && EXTENSIONS.has(extname(name).toLowerCase()),
  );
  for (const [number, { path, split, className }] of used.entries()) {
    const parent = join(folder, split, className);
    await mkdir(parent, { recursive: true });
    await copyFile(path, join(parent, `${number}${extname(path)}`));
  }
  return used.filter(({ split }) => split === "train").length;
}

/** Trains here, with nothing in the cache. Epochs end where the run's log says so. */
async function runHere(
  folder: string,
  photos: string,
  imageSize: number,
  options: readonly string[],
): Promise<Timed> {
  const start = Date.now();
  const { peakBytes } = await headstart(
    [
      ...["train", photos, "--recipe", "keras-classic", "--stages", `${EPOCHS}@${imageSize}`, ...options],
      ...["--out", folder, "--name", "run", "--json"],
    ],
    { HEADSTART_CACHE: join(folder, "cache") },
  );
  const log = await readFile(join(folder, "run", "log.txt"), "utf8");
  const ends = [...log.matchAll(/^(\S+) \{"epoch":/gm)].map(([, time = ""]) => Date.parse(time));
  const epochs = ends.slice(1).map((end, i) => end - (ends[i] ?? 0));
  return { first: (ends[0] ?? 0) - start, training: epochs, whole: epochs, peakBytes };
}

/** A line of keras_seed.py about an epoch. */
interface KerasEpoch {
  readonly photos: number;
  readonly seconds: number;
  readonly training_seconds: number;
  /** Seconds since 1970. */
  readonly ended: number;
}

async function runKeras(
  photos: string,
  imageSize: number,
  options: readonly string[],
  count: number,
): Promise<Timed> {
  const start = Date.now();
  const printed = await python("keras_seed.py", [
    ...[photos, String(imageSize), String(EPOCHS), ...options],
    ...["--threads", String(availableParallelism())],
  ]);
  const lines = printed.split("\n").filter((line) => line.startsWith("{"));
  const epochs = lines.slice(0, -1).map((line) => JSON.parse(line) as KerasEpoch);
  const { peak_bytes: peakBytes } = JSON.parse(lines.at(-1) ?? "{}") as { peak_bytes: number };
  const [first, ...later] = epochs;
  if (first === undefined || first.photos !== count)
    throw new Error(`Keras trained on ${first?.photos} photos instead of ${count}.`);
  return {
    first: first.ended * 1000 - start,
    training: later.map(({ training_seconds: seconds }) => seconds * 1000),
    whole: later.map(({ seconds }) => seconds * 1000),
    peakBytes,
  };
}
