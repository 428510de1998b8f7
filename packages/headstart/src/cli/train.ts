import { type Command, CommanderError, Option } from "commander";
import { HeadstartError } from "../errors.js";
import type { Progress, Run, TrainOptions } from "../run/index.js";
import { CACHE_SETTINGS, example } from "./context.js";
import { withInterrupt } from "./interrupt.js";
import {
  deviceOption,
  jsonOption,
  NETWORK_HELP,
  networkOptions,
  seedOption,
  threadsOption,
} from "./options.js";
import { ProgressDisplay } from "./progress.js";
import {
  FINE_TUNE_HELP,
  recipeOptions,
  splitOption,
  type WithRecipeArguments,
  withRecipe,
} from "./recipe-options.js";
import type { Terminal } from "./terminal.js";
import { shellPath } from "./text.js";
import { printRun, TrainingNarrator } from "./training-text.js";

/** What the options of `train` are parsed to. */
interface TrainArguments extends WithRecipeArguments<Omit<TrainOptions, "signal" | "onProgress">> {
  readonly resume?: string;
  readonly json?: boolean;
  readonly debug?: boolean;
}

/** `headstart train`. */
export function addTrain(program: Command, terminal: Terminal): void {
  const command = program
    .command("train")
    .summary("train a classifier on a folder of photos")
    .description(
      "Trains a classifier on a folder of photos and leaves everything in a run folder: the model, its figures and pictures.",
    )
    .argument(
      "[photos]",
      "a folder with a folder for each class, the same inside train, validation and test folders, or a CSV manifest path,label[,split]",
    )
    .option("--resume <run>", "go on with a run that was interrupted; it knows all that is needed")
    .option("--backbone <network>", "the pretrained network, see below (default: efficientnet-lite0)")
    .addOption(
      new Option(
        "--precision <precision>",
        "what the frozen part computes in; auto takes int8 where that is faster and costs no accuracy (default: auto)",
      ).choices(["auto", "float", "int8"]),
    )
    .addOption(splitOption())
    .addOption(seedOption("what everything random is drawn from (default: 0)"))
    .option("--out <folder>", "the folder that runs stand in (default: runs)")
    .option("--name <name>", "the run's name (default: the next number)")
    .option("--no-report", "check no photos and write no report; headstart report does so later")
    .addOption(threadsOption())
    .addOption(deviceOption())
    .addOption(jsonOption())
    .addHelpText(
      "after",
      `${FINE_TUNE_HELP}\n${NETWORK_HELP}\n${CACHE_SETTINGS}\n${example("headstart train photos --recipe fine-tune", "headstart train photos --recipe keras-classic --stages 5@224,15@299")}`,
    )
    .action(async (photos: string | undefined, options: TrainArguments, command: Command) => {
      checkArguments(photos, options, command);
      await runTraining(terminal, photos, options);
    });
  for (const option of [...recipeOptions(), ...networkOptions()]) command.addOption(option);
}

/** Options that go with `--resume`: none is a choice of the run's. */
const WITH_RESUME = ["--resume", "--json", "--offline", "--no-report"];

/** Either photos or a run to go on with. */
function checkArguments(photos: string | undefined, options: TrainArguments, command: Command): void {
  if (options.resume === undefined) {
    if (photos === undefined)
      throw new CommanderError(2, "headstart.photos", "error: missing required argument 'photos'");
    return;
  }
  const others = command.options
    .filter((option) => command.getOptionValueSource(option.attributeName()) === "cli")
    .map(({ long }) => long)
    .filter((long) => long === undefined || !WITH_RESUME.includes(long));
  const extra = photos ?? others[0];
  if (extra !== undefined)
    throw new CommanderError(
      2,
      "headstart.resume",
      `error: leave out ${extra}: --resume takes everything from the run`,
    );
}

async function runTraining(
  terminal: Terminal,
  photos: string | undefined,
  { resume: interrupted, json = false, debug: _, ...choices }: TrainArguments,
): Promise<void> {
  const display = await ProgressDisplay.open(
    terminal,
    json ? (terminal.isInteractive ? "lines" : "silent") : undefined,
  );
  const narrator = new TrainingNarrator(terminal, display);
  const onProgress = (progress: Progress) => narrator.tell(progress);
  try {
    const run = await withInterrupt(terminal, async (signal): Promise<Run> => {
      const { resume, train } = await import("../run/index.js");
      return interrupted === undefined
        ? await train(photos ?? "", { ...withRecipe(choices), signal, onProgress })
        : await resume(interrupted, {
            ...(choices.report !== undefined && { report: choices.report }),
            ...(choices.offline !== undefined && { offline: choices.offline }),
            signal,
            onProgress,
          });
    });
    display.close();
    const { found } = narrator;
    if (json) {
      const { folder, model, classes, metrics, skipped } = run;
      const { photos: counts, warnings } = found ?? {};
      terminal.printJson({ folder, model, classes, photos: counts, skipped, warnings, metrics });
    } else await printRun(terminal, run);
  } catch (error) {
    display.close();
    throw withWayOn(error, narrator.found?.folder ?? interrupted);
  }
}

/** An error that leaves a run to go on with says how. */
function withWayOn(error: unknown, folder: string | undefined): unknown {
  if (!(error instanceof HeadstartError) || (error.code !== "INTERRUPTED" && error.code !== "STORAGE"))
    return error;
  const { code, message, hint } = error;
  const wayOn = `headstart train --resume ${folder === undefined ? "" : shellPath(folder)}`;
  if (code === "STORAGE")
    return folder === undefined
      ? error
      : new HeadstartError(code, message, `${hint} Then go on with: ${wayOn}`.trim(), { cause: error });
  return folder === undefined
    ? new HeadstartError(code, "interrupted; nothing had been computed yet", "", { cause: error })
    : new HeadstartError(code, `interrupted; go on with: ${wayOn}`, "", { cause: error });
}
