import { resolve } from "node:path";
import { HeadstartError } from "../errors.js";
import { type PhotoAnswer, readAnswers } from "./answers.js";
import { RUN_FILES, type RunChoices, readChoices } from "./folder.js";
import { type Metrics, readMetrics } from "./metrics.js";
import { type RunData, readRunData } from "./run-data.js";

/** What a finished run holds beside its model. */
export interface FinishedRun {
  /** Absolute. */
  readonly folder: string;
  readonly choices: RunChoices;
  readonly metrics: Metrics;
  readonly data: RunData;
  /** What its classifier says about each photo. */
  readonly answers: readonly PhotoAnswer[];
}

/**
 * Reads a finished run.
 *
 * @param run - the run's folder, as a user calls it
 * @throws HeadstartError `NOT_FOUND` if there is no such run, `INVALID_RUN` if it is not finished or damaged
 */
export async function readFinishedRun(run: string): Promise<FinishedRun> {
  const folder = resolve(run);
  const choices = await readChoices(folder);
  const metrics = await readMetrics(folder);
  if (metrics === undefined)
    throw new HeadstartError(
      "INVALID_RUN",
      `The run ${run} is not finished.`,
      `Go on with it: headstart train --resume ${run}`,
    );
  const answers = await readAnswers(folder);
  if (answers === undefined)
    throw new HeadstartError(
      "INVALID_RUN",
      `The run ${run} has no ${RUN_FILES.answers}, which says how its classifier answers each photo.`,
      `Delete its ${RUN_FILES.metrics}, then go on with it: headstart train --resume ${run}`,
    );
  return { folder, choices, metrics, data: await readRunData(folder), answers };
}
