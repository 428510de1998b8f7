import { CommanderError } from "commander";
import { HeadstartError } from "../errors.js";
import { INTERRUPTED } from "./interrupt.js";
import type { Terminal } from "./terminal.js";
import { printable } from "./text.js";

/** What went wrong, ready to be told. */
export interface Failure {
  /** The code of a {@link HeadstartError}, or `INTERNAL` for a mistake of Headstart's own. */
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  /** What the program exits with. */
  readonly exitCode: number;
}

/** How errors are told. */
export interface FailureStyle {
  /** As a JSON document on standard output. */
  readonly json: boolean;
  /** With the stack trace. */
  readonly debug: boolean;
  /** The command, to point to its help; undefined where none was named. */
  readonly command: string | undefined;
}

/** An error as a sentence, a hint and an exit code: 1 failed, 2 wrong usage, 130 interrupted. */
export function describeFailure(error: unknown, command?: string): Failure {
  if (error instanceof HeadstartError) {
    const { code, message, hint } = error;
    const exitCode = code === "INTERRUPTED" ? INTERRUPTED : code === "INVALID_OPTION" ? 2 : 1;
    return { code, message, hint, exitCode };
  }
  if (error instanceof CommanderError) {
    const [first = "", ...rest] = error.message.replace(/^error: /, "").split("\n");
    const help = `See: headstart ${command === undefined ? "" : `${command} `}--help`;
    const message = `${first.slice(0, 1).toUpperCase()}${first.slice(1)}`;
    return {
      code: "INVALID_OPTION",
      message: /[.?!]$/.test(message) ? message : `${message}.`,
      hint: [...rest, help].join(" "),
      exitCode: 2,
    };
  }
  return {
    code: "INTERNAL",
    message: `Something went wrong inside Headstart: ${error instanceof Error ? error.message : String(error)}`,
    hint: "Run it again with --debug to see where, and report it.",
    exitCode: 1,
  };
}

/** Tells an error, and says what to exit with. */
export function tellFailure(terminal: Terminal, error: unknown, style: FailureStyle): number {
  const { code, message, hint, exitCode } = describeFailure(error, style.command);
  const { errorColours: colours } = terminal;
  if (style.json) terminal.printJson({ error: { code, message, hint } });
  else if (exitCode === INTERRUPTED) {
    terminal.say(printable(message));
    if (hint !== "") terminal.say(printable(hint));
  } else {
    // What is wrong with a file may take several lines.
    const lines = message.split("\n").map(printable);
    terminal.say(`${colours.red(colours.bold("error:"))} ${lines.join("\n")}`);
    if (hint !== "") terminal.say(colours.dim(printable(hint)));
  }
  if (style.debug) for (const trace of traces(error)) terminal.say(trace);
  return exitCode;
}

/** The stack traces of an error and of what led to it. */
function traces(error: unknown): string[] {
  if (!(error instanceof Error)) return [];
  const own = error.stack ?? error.message;
  return error.cause === undefined ? [own] : [own, ...traces(error.cause).map((text) => `caused by ${text}`)];
}
