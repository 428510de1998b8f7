import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { loadBackbone } from "../../../packages/headstart/dist/backbones/index.js";
import {
  type Finding,
  type LabelledPhoto,
  outlierScores,
  type Rows,
  rowNumbers,
  rowsInMemory,
  scanLabelled,
} from "../../../packages/headstart/dist/data/index.js";
import { createRandom } from "../../../packages/headstart/dist/random.js";
import { checkPhotos } from "../../../packages/headstart/dist/run/check.js";
import { asByDefault, readCheckInputs } from "../../../packages/headstart/dist/run/check-inputs.js";
import { findDoubtfulLabels } from "../../../packages/headstart/dist/run/check-labels.js";
import { Runtime } from "../../../packages/headstart/dist/runtime/index.js";
import type { Result } from "../measure.js";
import {
  copyPhotos,
  exactCopy,
  flipped,
  NEAR_COPIES,
  nearCopy,
  plantedName,
  type Source,
} from "../planted.js";
import { inTemporaryFolder } from "../temporary.js";

export const summary =
  "faults planted in ../shared/photos: how many check finds, and how many of its findings are planted";

const SETS = ["hymenoptera", "monkeys"] as const;
type Set_ = (typeof SETS)[number];

const SEEDS = [0, 1, 2];

/** Photos of another set that are put into a class, one at a time. */
const TRIALS = 200;

/** Every tenth training photo is copied to the validation photos, in each way. */
const COPIED = 10;

/** Least shares that are good enough. */
const BARS: Readonly<Record<string, number>> = {
  "exact copies, recall": 1,
  "exact copies, precision": 1,
  "near copies, recall": 0.95,
  "near copies, precision": 0.99,
  "hymenoptera, wrong labels, recall": 0.88,
  "hymenoptera, wrong labels, precision": 0.72,
  "monkeys, wrong labels, recall": 0.88,
  "monkeys, wrong labels, precision": 0.93,
  "outliers among the first 2 %": 0.9,
};

/** `ratio`: the largest of bar over share; every share is among the parts. */
export async function run(): Promise<Result> {
  const parts: Record<string, number> = {};
  const copies = await inTemporaryFolder(async (folder) => {
    process.env.HEADSTART_CACHE = join(folder, "cache");
    const found: Copies[] = [];
    for (const set of SETS) found.push(await copiesOf(set, join(folder, set)));
    const runtime = Runtime.start();
    try {
      const opened = {
        hymenoptera: await open(runtime, "hymenoptera"),
        monkeys: await open(runtime, "monkeys"),
      };
      for (const set of SETS) {
        const { recall, precision } = await labelsOf(runtime, opened[set]);
        parts[`${set}, wrong labels, recall`] = recall;
        parts[`${set}, wrong labels, precision`] = precision;
      }
      const shares = [
        await outliersOf(runtime, opened.hymenoptera, opened.monkeys),
        await outliersOf(runtime, opened.monkeys, opened.hymenoptera),
      ];
      for (const [i, share] of shares.entries()) parts[`${SETS[i]}, outliers among the first 2 %`] = share;
      parts["outliers among the first 2 %"] = Math.min(...shares);
    } finally {
      await runtime.close();
    }
    return found;
  });
  const sum = (of: (found: Copies) => number) => copies.reduce((total, found) => total + of(found), 0);
  parts["exact copies, recall"] = sum(({ exact }) => exact.found) / sum(({ exact }) => exact.planted);
  parts["exact copies, precision"] = 1 - sum(({ exact }) => exact.wrong) / sum(({ exact }) => exact.named);
  for (const way of NEAR_COPIES)
    parts[`${way}, recall`] = sum(({ near }) => near[way].found) / sum(({ near }) => near[way].planted);
  parts["near copies, recall"] = Math.min(...NEAR_COPIES.map((way) => parts[`${way}, recall`] ?? 0));
  parts["near copies, precision"] = 1 - sum(({ pairs }) => pairs.wrong) / sum(({ pairs }) => pairs.named);
  for (const [name, bar] of Object.entries(BARS)) parts[`${name} (bar)`] = bar;
  const ratios = Object.entries(BARS).map(([name, bar]) => bar / (parts[name] ?? 0));
  return { name: "planted", ratio: Math.max(...ratios), bar: 1, parts };
}

function folderOf(set: Set_): string {
  return fileURLToPath(new URL(`../../../../shared/photos/${set}`, import.meta.url));
}

interface Counts {
  readonly planted: number;
  readonly found: number;
}

interface Copies {
  readonly exact: Counts & { readonly named: number; readonly wrong: number };
  readonly near: Readonly<Record<(typeof NEAR_COPIES)[number], Counts>>;
  readonly pairs: { readonly named: number; readonly wrong: number };
}

/**
 * Copies in the validation photos of training photos. What `check` finds among the photos as they are is no fault of the set's copies: a photo
 * and all that shows the same as it, as the first check has it, count as one picture.
 */
async function copiesOf(set: Set_, folder: string): Promise<Copies> {
  const { photos } = await scanLabelled(folderOf(set));
  const sources: readonly Source[] = photos;
  for (const split of ["train", "validation"] as const)
    await copyPhotos(
      photos.filter((photo) => photo.split === split),
      join(folder, split),
    );
  const pictureOf = new Map<string, string>();
  const before = await checkPhotos(folder);
  for (const { photos: same } of groups(before.findings, ""))
    for (const name of same) pictureOf.set(name, pictureOf.get(same[0] ?? "") ?? same[0] ?? name);

  const training = sources.filter((_, i) => photos[i]?.split === "train");
  const random = createRandom("planted", set);
  const originOf = new Map<string, string>();
  const planted = new Map<string, string[]>();
  const plant = (what: string, name: string, source: Source) => {
    const origin = `train/${source.className}/${basename(source.name)}`;
    originOf.set(name, pictureOf.get(origin) ?? origin);
    planted.set(what, [...(planted.get(what) ?? []), name]);
  };
  for (const [i, source] of training.entries()) {
    const target = join(folder, "validation", source.className);
    const place = `validation/${source.className}`;
    if (i % COPIED === 0) plant("exact", `${place}/${basename(await exactCopy(source, target))}`, source);
    for (const [w, way] of NEAR_COPIES.entries()) {
      if (i % COPIED !== w + 1) continue;
      const name = plantedName({ ...source, name: `${source.name.replace(/\.\w+$/, "")}.jpg` }, way);
      await nearCopy(source.path, join(target, name), way, random);
      plant(way, `${place}/${name}`, source);
    }
  }

  const after = await checkPhotos(folder);
  const picture = (name: string) => originOf.get(name) ?? pictureOf.get(name) ?? name;
  const across = groups(after.findings, "-across-splits");
  const foundIn = (kind: string, name: string) =>
    across.some(
      (group) =>
        group.kind.startsWith(kind) &&
        group.photos.includes(name) &&
        group.photos.some((other) => other.startsWith("train/") && picture(other) === picture(name)),
    );
  const counts = (what: string, kind: string): Counts => {
    const names = planted.get(what) ?? [];
    return { planted: names.length, found: names.filter((name) => foundIn(kind, name)).length };
  };
  // Of each photo of a group, whether it shows what most of the group shows.
  const judged = (kind: string) => {
    let [named, wrong] = [0, 0];
    for (const group of groups(after.findings, "").filter((one) => one.kind.startsWith(kind))) {
      const pictures = group.photos.map(picture);
      const most = Math.max(...pictures.map((one) => pictures.filter((other) => other === one).length));
      named += pictures.length;
      wrong += most === 1 ? pictures.length : pictures.length - most;
    }
    return { named, wrong };
  };
  return {
    exact: { ...counts("exact", "exact"), ...judged("exact") },
    near: {
      "quality 60": counts("quality 60", "near"),
      "scaled to 70 %": counts("scaled to 70 %", "near"),
      "cropped 8 %": counts("cropped 8 %", "near"),
      mirrored: counts("mirrored", "near"),
    },
    pairs: judged("near"),
  };
}

/** Names of the photos of each finding about copies. */
function groups(findings: readonly Finding[], suffix: string): { kind: string; photos: string[] }[] {
  return findings
    .filter(({ kind }) => kind.includes("-copies") && kind.endsWith(suffix))
    .map(({ kind, photos }) => ({ kind, photos: photos.map(({ name }) => name) }));
}

interface Opened {
  readonly photos: readonly LabelledPhoto[];
  readonly features: Rows;
  readonly labels: readonly number[];
  readonly classes: number;
}

/** All photos of a set, each content once, with their features. */
async function open(runtime: Runtime, set: Set_): Promise<Opened> {
  const { photos, classes } = await scanLabelled(folderOf(set));
  const unique = [...new Map(photos.map((photo) => [photo.digest, photo])).values()];
  const { features } = await readCheckInputs({ ...asByDefault(await loadBackbone()), runtime }, unique);
  const labels = unique.map(({ className }) => classes.indexOf(className));
  return { photos: unique, features, labels, classes: classes.length };
}

/** Of labels of which 8 % are wrong, how many of these are named, and how many of those named are wrong: means over the seeds. */
async function labelsOf(
  runtime: Runtime,
  { photos, features, labels, classes }: Opened,
): Promise<{ recall: number; precision: number }> {
  const shares = { recall: 0, precision: 0 };
  const digests = photos.map(({ digest }) => digest);
  for (const seed of SEEDS) {
    const given = flipped(labels, classes, seed);
    const named = await findDoubtfulLabels(runtime, { features, labels: given, digests });
    const right = named.filter(({ row }) => given[row] !== labels[row]).length;
    shares.recall += right / given.filter((label, row) => label !== labels[row]).length / SEEDS.length;
    shares.precision += right / named.length / SEEDS.length;
  }
  return shares;
}

/** How often a photo of another set, put into a class, is among the first 2 % of the ranking. */
async function outliersOf(runtime: Runtime, into: Opened, from: Opened): Promise<number> {
  const random = createRandom("outliers");
  const all = ({ features }: Opened) => features.read(rowNumbers(0, features.count));
  const [own, others] = [await all(into), await all(from)];
  const { width } = into.features;
  let first = 0;
  for (let trial = 0; trial < TRIALS; trial++) {
    const row = random.integer(from.photos.length);
    const both = new Float32Array(own.length + width);
    both.set(own);
    both.set(others.subarray(row * width, (row + 1) * width), own.length);
    const labels = [...into.labels, random.integer(into.classes)];
    const scores = await outlierScores(runtime, rowsInMemory(both, width), labels, into.classes);
    const score = scores.at(-1) ?? 0;
    const rank = scores.filter((other) => other > score).length + 1;
    if (rank <= Math.ceil(0.02 * scores.length)) first++;
  }
  return first / TRIALS;
}
