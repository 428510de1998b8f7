import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { DEFAULT_BACKBONE, loadBackbone } from "../../../packages/headstart/dist/backbones/index.js";
import { scanLabelled } from "../../../packages/headstart/dist/data/index.js";
import {
  applyTemperature,
  calibrationError,
  fitConformal,
  fitTemperature,
  predictionSet,
  rank,
  rocArea,
} from "../../../packages/headstart/dist/evaluation/index.js";
import { Classifier } from "../../../packages/headstart/dist/model/index.js";
import { createRandom } from "../../../packages/headstart/dist/random.js";
import { answerPhotos } from "../../../packages/headstart/dist/run/answer-photos.js";
import { asByDefault, readCheckInputs } from "../../../packages/headstart/dist/run/check-inputs.js";
import { type Run, train } from "../../../packages/headstart/dist/run/index.js";
import { Runtime } from "../../../packages/headstart/dist/runtime/index.js";
import { fitLinearHead } from "../../../packages/headstart/dist/training/index.js";
import type { Result } from "../measure.js";
import { inTemporaryFolder } from "../temporary.js";

export const summary =
  "probabilities, sets and the score for unlike photos on ../shared/photos: calibration error against 0.02, coverage of sets against what was asked";

const SETS = ["hymenoptera", "monkeys"] as const;
const ERROR_BAR = 0.02;
/** Bounds of the mean coverage of sets that ask for 90 %. */
const COVERED = { low: 0.89, high: 0.915 };
const SPLITS = 50;

/** The ratio is the largest of: the calibration error of `monkeys` over its bar; how far mean coverages are from the middle of their bounds. */
export async function run(): Promise<Result> {
  const parts: Record<string, number> = {};
  const coverages: number[] = [];
  await inTemporaryFolder(async (folder) => {
    process.env.HEADSTART_CACHE = join(folder, "cache");
    const trained = new Map<string, Run>();
    for (const set of SETS) {
      const ran = await train(folderOf(set), { out: join(folder, "runs"), name: set });
      trained.set(set, ran);
      await measureCalibration(set, ran, parts);
      coverages.push(...(await measureSets(set, parts)));
    }
    const [first, second] = SETS;
    await measureUnlike(trained, first, second, parts);
    await measureUnlike(trained, second, first, parts);
  });
  const middle = (COVERED.low + COVERED.high) / 2;
  const farthest = Math.max(...coverages.map((one) => Math.abs(one - middle))) / (COVERED.high - middle);
  return {
    name: "certainty",
    ratio: Math.max((parts["monkeys, calibration error"] ?? 1) / ERROR_BAR, farthest),
    bar: 1,
    parts,
  };
}

function folderOf(set: string): string {
  return fileURLToPath(new URL(`../../../../shared/photos/${set}`, import.meta.url));
}

/** The calibration error of the validation photos, before and after scaling, and what it would be if the probabilities were right. */
async function measureCalibration(set: string, { model, metrics }: Run, parts: Record<string, number>) {
  const classifier = await Classifier.load(model);
  const { logits, labels } = await answerPhotos(classifier, folderOf(set), { model });
  const classes = classifier.classes.length;
  const { calibrated, calibrationError: after, certainty } = metrics.validation;
  parts[`${set}, temperature`] = classifier.provenance.calibration?.temperature ?? Number.NaN;
  const unscaled = applyTemperature(logits, classes, 1);
  parts[`${set}, calibration error before`] =
    calibrationError({ probabilities: unscaled, labels, classes }) ?? 1;
  parts[`${set}, calibration error`] = after.value ?? Number.NaN;
  parts[`${set}, if it were right, up to`] = calibrated?.interval[1] ?? Number.NaN;
  for (const { asked, coverage, accuracy } of certainty?.thresholds ?? []) {
    parts[`${set}, accuracy ${asked} asked: answered`] = coverage ?? 0;
    parts[`${set}, accuracy ${asked} asked: right`] = accuracy ?? Number.NaN;
  }
  for (const { asked, covered, meanSize } of certainty?.sets ?? []) {
    parts[`${set}, coverage ${asked} asked: held`] = covered ?? Number.NaN;
    parts[`${set}, coverage ${asked} asked: classes`] = meanSize ?? Number.NaN;
  }
  await classifier.close();
}

/**
 * Mean coverage of sets at 90 % over random splits into halves: temperature and threshold fitted on one, measured on the other, with logits that
 * are cross-validated over all photos of the set. Once as the theory has it, a class being in the set by its score alone, so that sets can be
 * empty; once as Headstart gives them.
 */
async function measureSets(set: string, parts: Record<string, number>): Promise<number[]> {
  const { photos, classes: names } = await scanLabelled(folderOf(set));
  const unique = [...new Map(photos.map((photo) => [photo.digest, photo])).values()];
  const runtime = Runtime.start();
  const backbone = await loadBackbone(DEFAULT_BACKBONE);
  const { features } = await readCheckInputs({ ...asByDefault(backbone), runtime }, unique);
  const labels = unique.map(({ className }) => names.indexOf(className));
  const classes = names.length;
  const { heldOut = [] } = await fitLinearHead(
    runtime,
    {
      count: unique.length,
      labels,
      digests: unique.map(({ digest }) => digest),
      read: features.read,
    },
    undefined,
    { features: features.width, classes, l2: "cross-validated", iterations: 1, random: createRandom("sets") },
  );
  await runtime.close();
  const rowsOf = (rows: readonly number[]) => ({
    logits: rows.flatMap((row) => [...heldOut.slice(row * classes, (row + 1) * classes)]),
    labels: rows.map((row) => labels[row] ?? 0),
    classes,
  });
  const sums = { plain: 0, shipped: 0 };
  for (let split = 0; split < SPLITS; split++) {
    const order = createRandom("halves", split).shuffle(unique.map((_, row) => row));
    const half = Math.floor(order.length / 2);
    const [fitted, left] = [rowsOf(order.slice(0, half)), rowsOf(order.slice(half))];
    const temperature = fitTemperature(fitted);
    const probabilities = (one: typeof left) => applyTemperature(one.logits, classes, temperature);
    const conformal = fitConformal({ ...fitted, probabilities: probabilities(fitted) });
    const held = probabilities(left);
    for (const [photo, label] of left.labels.entries()) {
      const own = held.subarray(photo * classes, (photo + 1) * classes);
      sums.plain += Number(1 - (own[label] ?? 0) <= conformal.threshold) / left.labels.length / SPLITS;
      sums.shipped += Number(predictionSet(own, conformal).includes(label)) / left.labels.length / SPLITS;
    }
  }
  parts[`${set}, coverage of sets at 0.9 over ${SPLITS} splits`] = sums.plain;
  parts[`${set}, the same where no set is empty`] = sums.shipped;
  return [sums.plain];
}

/** How well the score for unlike photos tells a set's own validation photos from those of another. */
async function measureUnlike(
  trained: ReadonlyMap<string, Run>,
  own: string,
  other: string,
  parts: Record<string, number>,
): Promise<void> {
  const classifier = await Classifier.load(trained.get(own)?.model ?? "");
  const unlike = async (set: string) => {
    const { photos } = await scanLabelled(folderOf(set));
    const paths = photos.filter(({ split }) => split === "validation").map(({ path }) => path);
    const scores: number[] = [];
    for await (const answer of classifier.classify(paths))
      if ("unlike" in answer) scores.push(answer.unlike ?? 0);
    return scores;
  };
  const [known, strange] = [await unlike(own), await unlike(other)];
  await classifier.close();
  parts[`${own}, area under ROC of unlike, against ${other}`] =
    rocArea(rank([...known, ...strange], [...known.map(() => false), ...strange.map(() => true)])) ?? 0;
  parts[`${own}, own photos called unlike`] = known.filter((one) => one >= 0.99).length / known.length;
  parts[`${own}, photos of ${other} called unlike`] =
    strange.filter((one) => one >= 0.99).length / strange.length;
}
