import { HeadstartError } from "../errors.js";
import type { Terminal } from "./terminal.js";

/** What asks a program to stop: Ctrl-C, or a system that shuts it down. */
const SIGNALS = ["SIGINT", "SIGTERM"] as const;

/** What a program exits with that was interrupted: 128 and the number of SIGINT. */
export const INTERRUPTED = 130;

/**
 * Does a task that can be interrupted: the first Ctrl-C (or SIGTERM) asks it to save what it has and stop, the second ends the program at
 * once. The signals are left alone again when the task is over.
 *
 * @throws HeadstartError `INTERRUPTED` in place of what the task throws when it was asked to stop
 */
export async function withInterrupt<T>(
  terminal: Terminal,
  task: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const stop = () => {
    if (controller.signal.aborted) {
      terminal.beforeLine?.();
      process.exit(INTERRUPTED);
    }
    terminal.say("stopping; what is done is being saved (Ctrl-C again ends at once)");
    controller.abort();
  };
  for (const name of SIGNALS) process.on(name, stop);
  try {
    return await task(controller.signal);
  } catch (error) {
    if (!(controller.signal.aborted && isAbort(error))) throw error;
    throw new HeadstartError("INTERRUPTED", "The work was interrupted.", "", { cause: error });
  } finally {
    for (const name of SIGNALS) process.off(name, stop);
  }
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === "AbortError";
}
