import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Progress, Run } from "../run/index.js";
import type { ProgressDisplay } from "./progress.js";
import type { Terminal } from "./terminal.js";
import {
  figure,
  pad,
  percent,
  percentRange,
  printable,
  shellPath,
  shorten,
  shownPath,
  table,
  whole,
} from "./text.js";

type Found = Extract<Progress, { kind: "found" }>;
type EpochRow = Extract<Progress, { kind: "epoch" }>["row"];

/** The least time between two lines about iterations, in milliseconds. */
const LINE_EVERY = 5000;

/** Tells what goes on while a run trains. */
export class TrainingNarrator {
  readonly #terminal: Terminal;
  readonly #display: ProgressDisplay;
  #found: Found | undefined;
  #iteration: EpochRow | undefined;
  #lastLine = 0;

  constructor(terminal: Terminal, display: ProgressDisplay) {
    this.#terminal = terminal;
    this.#display = display;
  }

  /** What was found, once it has been. */
  get found(): Found | undefined {
    return this.#found;
  }

  /** Tells one thing. */
  tell(progress: Progress): void {
    if (progress.kind !== "epoch") this.#tellIterations();
    switch (progress.kind) {
      case "found":
        this.#found = progress;
        this.#tellFound(progress);
        break;
      case "progress":
        this.#display.show(progress);
        break;
      case "epoch":
        // An optimiser without a learning rate solves for the head in many quick iterations.
        if (progress.row.learningRate === null) this.#keepIteration(progress.row);
        else this.#display.say(epochLine(progress.row));
        break;
      case "note":
        this.#display.say(printable(progress.message));
        break;
    }
  }

  #tellFound({ classes, photos, skipped, warnings, folder }: Found): void {
    const { bold, yellow } = this.#terminal.errorColours;
    const say = (line: string) => this.#display.say(line);
    const { train, validation, test } = photos;
    const names = shorten(printable(classes.join(", ")), 100);
    say(`${bold(`${classes.length} classes`)}: ${names}`);
    say(
      `${bold(`${whole(train + validation + test)} photos`)}: ${whole(train)} to train on, ${whole(validation)} to validate with, ${whole(test)} to test with`,
    );
    if (skipped > 0)
      say(`${bold(`${whole(skipped)} skipped`)}: data.json in the run's folder says which and why`);
    for (const warning of warnings) say(`${yellow("note:")} ${printable(warning)}`);
    say(`${bold("run")}: ${printable(shownPath(folder))}`);
  }

  #keepIteration(row: EpochRow): void {
    const now = performance.now();
    if (this.#iteration === undefined) {
      this.#display.endPhase();
      this.#lastLine = now;
    }
    this.#iteration = row;
    if (now - this.#lastLine < LINE_EVERY) return;
    this.#lastLine = now;
    this.#display.say(`solving the head: iteration ${row.epoch}, ${figuresOf(row)}`);
  }

  #tellIterations(): void {
    const row = this.#iteration;
    if (row === undefined) return;
    this.#iteration = undefined;
    this.#display.say(`head solved in ${row.epoch} iterations: ${figuresOf(row)}`);
  }
}

function epochLine(row: EpochRow): string {
  return `epoch ${pad(String(row.epoch), 3, "right")} at ${row.imageSize}: ${figuresOf(row)}`;
}

function figuresOf({ loss, accuracy, validationLoss, validationAccuracy }: EpochRow): string {
  const training = `loss ${figure(loss)}, accuracy ${pad(percent(accuracy), 7, "right")}`;
  return validationLoss === null
    ? training
    : `${training}; validation loss ${figure(validationLoss)}, accuracy ${pad(percent(validationAccuracy), 7, "right")}`;
}

/** Prints what a finished run has come to, and what to type next. */
export async function printRun(terminal: Terminal, { folder, classes, metrics }: Run): Promise<void> {
  const { RUN_FILES } = await import("../run/folder.js");
  const { bold, cyan, dim } = terminal.colours;
  const withTop5 = classes.length > 5;
  const head = ["split", "accuracy", "95 % interval", "right", ...(withTop5 ? ["top-5"] : []), "loss"];
  const rows = Object.entries(metrics).map(([split, { photos, accuracy, accuracyInterval, top5, loss }]) =>
    photos === 0
      ? [split, "no photos"]
      : [
          split,
          percent(accuracy),
          percentRange(accuracyInterval),
          `${whole(Math.round((accuracy ?? 0) * photos))} of ${whole(photos)}`,
          ...(withTop5 ? [percent(top5)] : []),
          figure(loss),
        ],
  );
  const [headings = "", ...lines] = table(head, rows);
  terminal.print();
  terminal.print(dim(headings));
  for (const line of lines) terminal.print(line);
  terminal.print();
  const run = printable(shownPath(folder));
  const { model, grid, confusion, curves, report } = RUN_FILES;
  terminal.print(`model     ${bold(`${run}/${model}`)}`);
  if (existsSync(join(folder, report))) terminal.print(`report    ${run}/${report}`);
  terminal.print(`pictures  ${run}/${grid}, ${confusion}, ${curves}`);
  terminal.print(`next      ${cyan(`headstart predict ${shellPath(folder)} PHOTO`)}`);
}
