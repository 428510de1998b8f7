import { existsSync } from "node:fs";
import type { Command } from "commander";
import type { ListedPhoto } from "../data/index.js";
import { HeadstartError } from "../errors.js";
import type { Classifier, Prediction, PredictOptions } from "../model/index.js";
import { showDownload } from "./backbones.js";
import { example } from "./context.js";
import { withInterrupt } from "./interrupt.js";
import { betweenZeroAndOne, wholeNumber } from "./numbers.js";
import { deviceOption, jsonOption, NETWORK_HELP, threadsOption } from "./options.js";
import {
  CsvPrinter,
  GridPrinter,
  JsonPrinter,
  LinePrinter,
  type PredictionPrinter,
} from "./prediction-text.js";
import { classifierOptions, type PretrainedArguments, pretrainedOptions } from "./pretrained.js";
import { ProgressDisplay } from "./progress.js";
import type { Terminal } from "./terminal.js";
import { printable } from "./text.js";

interface PredictArguments extends PretrainedArguments {
  readonly top: number;
  readonly accuracy?: number;
  readonly coverage?: number;
  readonly grid?: string;
  readonly json?: boolean;
  readonly csv?: boolean;
}

/** `headstart predict`. */
export function addPredict(program: Command, terminal: Terminal): void {
  const command = program
    .command("predict")
    .summary("say what is on photos")
    .description("Says what is on photos.")
    .argument("<model>", "a run's folder, a model.onnx, or a pretrained classifier, see below")
    .argument("<photos...>", "photos, and folders that are searched for photos")
    .option("--top <n>", "how many classes to print for each photo", wholeNumber(1), 5)
    .option(
      "--accuracy <share>",
      "how often confident answers must be right, at most 0.995; the others are marked (default: 0.95)",
      betweenZeroAndOne,
    )
    .option(
      "--coverage <share>",
      "how often the classes that are named for a photo must hold the true one, at most 0.99 (default: 0.9)",
      betweenZeroAndOne,
    )
    .option("--grid <file>", "draw the photos with their predictions into a PNG")
    .addOption(jsonOption().conflicts("csv"))
    .option("--csv", "print photo,rank,class,probability,in_set,confident,unlike")
    .addOption(threadsOption())
    .addOption(deviceOption())
    .addHelpText(
      "after",
      `${NETWORK_HELP}\n${example("headstart predict runs/1 my.jpg holiday --top 3 --grid grid.png", "headstart predict model.keras my.jpg --classes names.txt")}`,
    )
    .action((model: string, photos: string[], options: PredictArguments) =>
      withInterrupt(terminal, (signal) => predict(terminal, signal, model, photos, options)),
    );
  for (const option of pretrainedOptions()) command.addOption(option);
}

async function predict(
  terminal: Terminal,
  signal: AbortSignal,
  model: string,
  paths: readonly string[],
  { top, accuracy, coverage, grid, json, csv, ...choices }: PredictArguments,
): Promise<void> {
  const [{ Classifier }, { listPhotos }] = await Promise.all([
    import("../model/index.js"),
    import("../data/index.js"),
  ]);
  const { photos, skipped } = await listPhotos(paths, { signal });
  // What is here is not fetched.
  const isQuiet = existsSync(model) || (json === true && !terminal.isInteractive);
  const display = await ProgressDisplay.open(terminal, isQuiet ? "silent" : undefined);
  const classifier = await Classifier.load(model, {
    ...(await classifierOptions(choices, signal)),
    onProgress: showDownload(display),
  }).finally(() => display.close());
  try {
    const printers: PredictionPrinter[] = [
      json
        ? new JsonPrinter(terminal)
        : csv
          ? await CsvPrinter.open(terminal)
          : await LinePrinter.open(terminal, classifier.classes, photos),
    ];
    // The grid is drawn before the end of the document, which is then an error where it cannot be written.
    if (grid !== undefined)
      printers.unshift(await GridPrinter.open(terminal, classifier.classes, grid, !json && !csv));
    const skip = (name: string, reason: string) => {
      if (!json) terminal.warn(printable(`${name} is skipped: ${reason}`));
      for (const printer of printers) printer.skip(name, reason);
    };
    for (const { name, reason } of skipped) skip(name, reason);
    let predicted = 0;
    const asked = {
      top,
      ...(accuracy !== undefined && { accuracy }),
      ...(coverage !== undefined && { coverage }),
    };
    for await (const { photo, answer } of answers(classifier, photos, asked, signal)) {
      if ("reason" in answer) skip(photo.name, answer.reason);
      else {
        predicted++;
        for (const printer of printers) printer.add(photo, answer);
      }
    }
    for (const printer of printers) await printer.close();
    if (predicted > 0) return;
    if (json) terminal.exitCode = 1;
    else throw noneDecoded(photos.length + skipped.length);
  } finally {
    await classifier.close();
  }
}

/** A photo with what the classifier says about it, or why it could not be decoded. */
interface Answered {
  readonly photo: ListedPhoto;
  readonly answer: Prediction | { readonly reason: string };
}

/** A single photo takes the short way; many are decoded while the network works. */
async function* answers(
  classifier: Classifier,
  photos: readonly ListedPhoto[],
  asked: PredictOptions,
  signal: AbortSignal,
): AsyncGenerator<Answered> {
  const [only] = photos;
  if (only !== undefined && photos.length === 1) {
    yield { photo: only, answer: await answerOne(classifier, only, asked) };
    return;
  }
  const paths = photos.map(({ path }) => path);
  for await (const answer of classifier.classify(paths, { signal })) {
    const photo = photos[answer.index];
    if (photo === undefined) continue;
    yield { photo, answer: "reason" in answer ? answer : classifier.judge(answer, asked) };
  }
  if (signal.aborted) throw new HeadstartError("INTERRUPTED", "interrupted");
}

async function answerOne(
  classifier: Classifier,
  { path }: ListedPhoto,
  asked: PredictOptions,
): Promise<Answered["answer"]> {
  try {
    return await classifier.predict(path, asked);
  } catch (error) {
    if (error instanceof HeadstartError && error.code === "INVALID_PHOTO") return { reason: error.message };
    throw error;
  }
}

function noneDecoded(files: number): HeadstartError {
  return files === 0
    ? new HeadstartError("NOT_FOUND", "There are no photos.", "Give photos, or folders that hold some.")
    : new HeadstartError(
        "INVALID_PHOTO",
        files === 1 ? "The photo could not be used." : `None of the ${files} files could be used.`,
        "JPEG, PNG, WebP, GIF, TIFF and AVIF files can be read.",
      );
}
