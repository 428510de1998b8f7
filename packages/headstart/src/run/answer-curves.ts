import { join } from "node:path";
import { z } from "zod";
import { HeadstartError } from "../errors.js";
import { precisionRecallCurve, rank, riskCoverage, rocCurve } from "../evaluation/index.js";
import { readIfThere, writeAtomically } from "../files.js";
import type { AnswerCurves, CurvePoint } from "../report/html/index.js";
import { parseJson, RUN_FILES } from "./folder.js";
import { thinned } from "./thinned.js";

/** The curves of the splits that a classifier is judged by; null for one without photos. */
export interface SplitCurves {
  readonly validation: AnswerCurves | null;
  readonly test: AnswerCurves | null;
}

/** Decimals of a coordinate: a twentieth of a pixel in a chart of 500. */
const DECIMALS = 4;

/**
 * The curves that show how well a classifier's probabilities tell right from wrong: for each class its ROC and its precision-recall curve
 * against all others, and the risk-coverage curve of all answers. Each has at most 60 points, none of which is off the whole curve, and is
 * drawn with straight lines between them. Precision keeps to its last value until recall rises, so that the area below is the average
 * precision.
 *
 * @param probabilities - `[photos, classes]`, row after row
 * @param labels - for each photo the index of its true class
 * @param classes - number of classes
 * @throws HeadstartError as `checkAnswers`
 */
export function answerCurves(
  probabilities: Float32Array,
  labels: ArrayLike<number>,
  classes: number,
): AnswerCurves {
  const scores = new Float32Array(labels.length);
  const positive = new Uint8Array(labels.length);
  return {
    perClass: Array.from({ length: classes }, (_, label) => {
      for (let photo = 0; photo < labels.length; photo++) {
        scores[photo] = probabilities[photo * classes + label] ?? 0;
        positive[photo] = labels[photo] === label ? 1 : 0;
      }
      const ranked = rank(scores, positive);
      const roc = rocCurve(ranked);
      const precisions = precisionRecallCurve(ranked);
      return {
        roc: roc && drawn(roc.map((point) => [point.falsePositiveRate, point.truePositiveRate])),
        precisionRecall: precisions && drawn(stepped(precisions)),
      };
    }),
    riskCoverage: drawn(
      riskCoverage({ probabilities, labels, classes }).map(({ coverage, risk }) => [coverage, risk]),
    ),
  };
}

/** The corners of precisions that hold from the recall before to their own; where recall does not rise, nothing is drawn. */
function stepped(curve: readonly { readonly precision: number; readonly recall: number }[]): CurvePoint[] {
  let before = 0;
  return curve.flatMap(({ recall, precision }): CurvePoint[] => {
    if (recall === before) return [];
    const corners: CurvePoint[] = [
      [before, precision],
      [recall, precision],
    ];
    before = recall;
    return corners;
  });
}

function drawn(points: readonly CurvePoint[]): CurvePoint[] {
  return thinned(points).map(([x, y]) => [Number(x.toFixed(DECIMALS)), Number(y.toFixed(DECIMALS))]);
}

/**
 * Writes `answer-curves.json`.
 *
 * @throws HeadstartError `STORAGE` if the disk refuses
 */
export async function writeAnswerCurves(folder: string, curves: SplitCurves): Promise<void> {
  await writeAtomically(join(folder, RUN_FILES.answerCurves), `${JSON.stringify(curves)}\n`);
}

const share = z.number().min(0).max(1);
const points = z.array(z.tuple([share, share]));
const curvesSchema: z.ZodType<AnswerCurves> = z.object({
  perClass: z.array(z.object({ roc: points.nullable(), precisionRecall: points.nullable() })),
  riskCoverage: points,
});
const splitCurvesSchema: z.ZodType<SplitCurves> = z.object({
  validation: curvesSchema.nullable(),
  test: curvesSchema.nullable(),
});

/**
 * Reads the curves of a run.
 *
 * @returns undefined where the run has none
 * @throws HeadstartError `INVALID_RUN` if the file is damaged
 */
export async function readAnswerCurves(folder: string): Promise<SplitCurves | undefined> {
  const path = join(folder, RUN_FILES.answerCurves);
  const content = await readIfThere(path);
  if (content === undefined) return undefined;
  const parsed = splitCurvesSchema.safeParse(parseJson(content.toString()));
  if (parsed.success) return parsed.data;
  throw new HeadstartError(
    "INVALID_RUN",
    `${path} is damaged.`,
    "Delete it: the report then goes without curves.",
    { cause: parsed.error },
  );
}
