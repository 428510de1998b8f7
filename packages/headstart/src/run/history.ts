import { join } from "node:path";
import { parse } from "csv-parse/sync";
import { z } from "zod";
import { HeadstartError } from "../errors.js";
import { readIfThere } from "../files.js";
import type { EpochRow, StepRow } from "../training/index.js";
import { RUN_FILES } from "./folder.js";

/** Numbers of a CSV; what is not finite is written as `NaN` or `Infinity`. */
const figure = z.string().min(1).transform(Number);
const optional = z.string().transform((text) => (text === "" ? null : Number(text)));

const epochSchema: z.ZodType<EpochRow> = z.object({
  epoch: figure,
  stage: figure,
  imageSize: figure,
  loss: figure,
  accuracy: figure,
  validationLoss: optional,
  validationAccuracy: optional,
  learningRate: optional,
});
const stepSchema: z.ZodType<StepRow> = z.object({ loss: figure, accuracy: figure, learningRate: figure });

/**
 * Reads how the training of a run went: its `results.csv` and, where it went by steps, its `steps.csv`.
 *
 * @throws HeadstartError `INVALID_RUN` if one of them is damaged
 */
export async function readHistory(
  folder: string,
): Promise<{ readonly epochs: readonly EpochRow[]; readonly steps: readonly StepRow[] }> {
  return {
    epochs: await readRows(join(folder, RUN_FILES.results), epochSchema),
    steps: await readRows(join(folder, RUN_FILES.steps), stepSchema),
  };
}

async function readRows<T>(path: string, schema: z.ZodType<T>): Promise<readonly T[]> {
  const content = await readIfThere(path);
  if (content === undefined) return [];
  try {
    return z.array(schema).parse(parse(content, { columns: true }));
  } catch (cause) {
    throw new HeadstartError("INVALID_RUN", `${path} is damaged.`, "Bring it back, or delete it.", { cause });
  }
}
