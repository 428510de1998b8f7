import picocolors from "picocolors";

/** Where text goes: a terminal, a file, a pipe. */
export type Output = NodeJS.WritableStream & { readonly isTTY?: boolean; readonly columns?: number };

/** The two streams of a program. */
export interface Streams {
  /** What was asked for. */
  readonly stdout: Output;
  /** What goes on, and what goes wrong. */
  readonly stderr: Output;
}

/** Functions that colour a text, or leave it as it is where there are no colours. */
export type Colours = ReturnType<typeof picocolors.createColors>;

/** Prints: results on standard output; progress, notes and errors on standard error. */
export class Terminal {
  readonly streams: Streams;
  /** Colours for standard output. */
  readonly colours: Colours;
  /** Colours for standard error. */
  readonly errorColours: Colours;
  /** Called before a line is printed, so that a bar can make way. */
  beforeLine: (() => void) | undefined;
  /** Called when whoever read the output wants no more of it, as `head` does. */
  onClosed: (() => void) | undefined;
  /** What the program will exit with, unless an error says otherwise. */
  exitCode = 0;
  #isClosed = false;

  constructor(streams: Streams) {
    this.streams = streams;
    this.colours = picocolors.createColors(hasColours(streams.stdout));
    this.errorColours = picocolors.createColors(hasColours(streams.stderr));
  }

  /** Characters in a line of standard output; 100 where it is no terminal. */
  get width(): number {
    return this.streams.stdout.columns ?? 100;
  }

  /** Whether progress can be drawn. */
  get isInteractive(): boolean {
    return this.streams.stderr.isTTY === true;
  }

  /** Whether nobody reads the output any more. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Hears that nobody reads the output any more; nothing is printed from then on. */
  close(): void {
    this.#isClosed = true;
    this.onClosed?.();
  }

  /** Prints a line of the result. */
  print(line = ""): void {
    if (this.#isClosed) return;
    this.beforeLine?.();
    this.streams.stdout.write(`${line}\n`);
  }

  /** Prints the result as a JSON document. */
  printJson(value: unknown): void {
    this.print(JSON.stringify(value, null, 2));
  }

  /** Prints a line about what goes on. */
  say(line: string): void {
    if (this.#isClosed) return;
    this.beforeLine?.();
    this.streams.stderr.write(`${line}\n`);
  }

  /** Says that something is odd. */
  warn(sentence: string): void {
    this.say(`${this.errorColours.yellow("note:")} ${sentence}`);
  }
}

/** Colours go to terminals only; NO_COLOR takes them away, FORCE_COLOR brings them to files. */
function hasColours(stream: Output): boolean {
  const { NO_COLOR, FORCE_COLOR, TERM } = process.env;
  if (NO_COLOR) return false;
  if (FORCE_COLOR) return FORCE_COLOR !== "0";
  return stream.isTTY === true && TERM !== "dumb";
}
