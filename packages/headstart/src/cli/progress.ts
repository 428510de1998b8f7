import type { SingleBar } from "cli-progress";
import type { Terminal } from "./terminal.js";
import { bytes, duration, whole } from "./text.js";

/** Work of one kind that has got on: the part of what `train` and the other functions report that has numbers. */
export interface PhaseProgress {
  /** What is done, such as `features`. */
  readonly phase: string;
  readonly done: number;
  readonly total: number;
  /** Such as `epoch 3 of 20`; empty where the phase says it all. */
  readonly detail: string;
  /** How it stands, such as `loss 0.205`; it changes while the phase is the same. */
  readonly figure?: string;
}

/** How progress is shown: as a bar on a terminal, as lines elsewhere, or not at all. */
export type ProgressStyle = "bar" | "lines" | "silent";

/** Phases whose steps are neither photos nor bytes. */
const OTHER_UNITS: Readonly<Record<string, string>> = {
  "choosing the L2 penalty": "strengths",
  "trying learning rates": "steps",
};

/** The phase that is counted in bytes. */
const IN_BYTES = "downloading";

/** Phases that another line sums up when they end. */
const WITHOUT_END = new Set(["training", "validating", "measuring"]);

/** Phases that are mostly over at once, so that their beginning is not worth a line. */
const WITHOUT_BEGINNING = new Set(["reading photos", "validating"]);

/** Phases that are worth no line at all unless they take long. */
const MINOR = new Set(["looking at photos", "comparing photos", "judging labels", "drawing photos"]);

/** What is long for a minor phase, in seconds. */
const LONG = 2;

/** The least time between two lines of one phase, in milliseconds. */
const LINE_EVERY = 5000;

/** A phase that is under way. */
interface Current {
  readonly phase: string;
  readonly detail: string;
  /** When it was first heard of, in milliseconds, and how much was done then. */
  readonly start: number;
  readonly first: number;
  done: number;
  total: number;
  lastLine: number;
  figure: string | undefined;
}

/** Shows how work gets on, on standard error. */
export class ProgressDisplay {
  readonly #terminal: Terminal;
  readonly #style: ProgressStyle;
  readonly #now: () => number;
  readonly #makeBar: (() => SingleBar) | undefined;
  #bar: SingleBar | undefined;
  #current: Current | undefined;

  private constructor(
    terminal: Terminal,
    style: ProgressStyle,
    now: () => number,
    makeBar: (() => SingleBar) | undefined,
  ) {
    this.#terminal = terminal;
    this.#style = style;
    this.#now = now;
    this.#makeBar = makeBar;
    terminal.beforeLine = () => this.#clear();
  }

  /**
   * @param terminal - where to show it
   * @param style - by default a bar on a terminal and lines elsewhere
   * @param now - the clock, in milliseconds
   */
  static async open(
    terminal: Terminal,
    style: ProgressStyle = terminal.isInteractive ? "bar" : "lines",
    now: () => number = () => performance.now(),
  ): Promise<ProgressDisplay> {
    if (style !== "bar") return new ProgressDisplay(terminal, style, now, undefined);
    const { default: progress } = await import("cli-progress");
    const { cyan, dim } = terminal.errorColours;
    const makeBar = () =>
      new progress.SingleBar({
        stream: terminal.streams.stderr,
        format: `{label} ${cyan("{bar}")} {count}${dim("{speed}")}`,
        barCompleteChar: "█",
        barIncompleteChar: "░",
        barsize: 16,
        clearOnComplete: true,
        gracefulExit: false,
      });
    return new ProgressDisplay(terminal, style, now, makeBar);
  }

  /** Whether anything is shown. */
  get isSilent(): boolean {
    return this.#style === "silent";
  }

  /** Shows how a phase stands. */
  show({ phase, done, total, detail, figure }: PhaseProgress): void {
    // A download of unknown size has no total.
    if (this.#style === "silent" || (total === 0 && (phase !== IN_BYTES || done === 0))) return;
    const now = this.#now();
    let current = this.#current;
    if (current?.phase !== phase || current.detail !== detail) {
      this.#end(now);
      current = { phase, detail, start: now, first: done, done, total, lastLine: now, figure };
      this.#current = current;
      if (done < total || total === 0) this.#begin(current);
    }
    current.done = done;
    current.total = total;
    current.figure = figure;
    if (done >= total && total > 0) this.#end(now);
    else if (this.#style === "bar" && total > 0) {
      if (total > 1) this.#draw(current, now);
    } else if (now - current.lastLine >= LINE_EVERY) {
      current.lastLine = now;
      this.#terminal.say(`${label(current)}: ${countOf(current)}${standOf(current, now)}`);
    }
  }

  /** Says a line; the bar makes way. */
  say(line: string): void {
    if (this.#style !== "silent") this.#terminal.say(line);
  }

  /** Ends the phase under way, which has no more to do. */
  endPhase(): void {
    if (this.#style !== "silent") this.#end(this.#now());
  }

  /** Takes the bar away. */
  close(): void {
    this.#clear();
    this.#current = undefined;
    this.#terminal.beforeLine = undefined;
  }

  #begin(current: Current): void {
    const { total, phase } = current;
    // What is not counted has a single step, of which a bar has nothing to show.
    if ((this.#style === "bar" && total > 1) || WITHOUT_BEGINNING.has(phase) || MINOR.has(phase)) return;
    const isCounted = total > 1;
    this.#terminal.say(isCounted ? `${label(current)}: ${amount(total, phase)}` : label(current));
  }

  #end(now: number): void {
    const current = this.#current;
    this.#clear();
    this.#current = undefined;
    if (current === undefined || WITHOUT_END.has(current.phase)) return;
    const { phase, done, first, start } = current;
    const seconds = (now - start) / 1000;
    if (MINOR.has(phase) && seconds < LONG) return;
    const speed = done > first && seconds > 0 ? ` in ${duration(seconds)}${rateOf(current, now)}` : "";
    const stored = phase === "features" && done === first ? ", all stored already" : "";
    this.#terminal.say(`${label(current)}: ${amount(done, phase)} done${speed}${stored}`);
  }

  #draw(current: Current, now: number): void {
    const { done, total } = current;
    const payload = { label: label(current), count: countOf(current), speed: standOf(current, now) };
    if (this.#bar) this.#bar.update(done, payload);
    else {
      this.#bar = this.#makeBar?.();
      this.#bar?.start(total, done, payload);
    }
  }

  #clear(): void {
    this.#bar?.stop();
    this.#bar = undefined;
  }
}

function label({ phase, detail }: Current): string {
  return detail === "" ? phase : `${phase}, ${detail}`;
}

function countOf({ done, total, phase }: Current): string {
  if (phase !== IN_BYTES) return `${whole(done)} of ${whole(total)}`;
  return total === 0 ? bytes(done) : `${bytes(done)} of ${bytes(total)}`;
}

function amount(count: number, phase: string): string {
  if (phase === IN_BYTES) return bytes(count);
  const unit = OTHER_UNITS[phase] ?? "photos";
  return `${whole(count)} ${count === 1 ? unit.replace(/s$/, "") : unit}`;
}

/** Speed, time that is left and figure. */
function standOf(current: Current, now: number): string {
  return `${speedOf(current, now)}${current.figure === undefined ? "" : `, ${current.figure}`}`;
}

/** Photos a second and the time that is left, as far as they can be said. */
function speedOf(current: Current, now: number): string {
  const { done, first, start, total } = current;
  const seconds = (now - start) / 1000;
  if (done <= first || seconds < 0.2) return "";
  const rate = (done - first) / seconds;
  return total === 0
    ? rateOf(current, now)
    : `${rateOf(current, now)}, ${duration((total - done) / rate)} left`;
}

function rateOf({ phase, done, first, start }: Current, now: number): string {
  const seconds = (now - start) / 1000;
  if (OTHER_UNITS[phase] !== undefined || seconds < 0.2 || done <= first) return "";
  const rate = (done - first) / seconds;
  if (phase === IN_BYTES) return `, ${bytes(Math.round(rate))}/s`;
  return `, ${rate < 10 ? rate.toFixed(1) : whole(Math.round(rate))} photos/s`;
}
