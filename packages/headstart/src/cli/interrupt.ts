import { HeadstartError } from "../errors.js";
import type { Terminal } from "./terminal.js";

/** What asks a program to stop: Ctrl-C, or a system that shuts it down. */
const SIGNALS = ["SIGINT", "SIGTERM"] as const;

/** What a program exits with that was interrupted: 128 and the number of SIGINT. */
export const INTERRUPTED = 130;

/**
 * Does a task that can be interrupted: the first Ctrl-C (or SIGTERM) asks it to save what it has and stop, the second ends the program at
 * once. A reader of the output that wants no more of it counts as the first. The signals are left alone again when the task is over.
 *
 * @throws HeadstartError `INTERRUPTED` in place of what the task throws when it was asked to stop
 */
export async function withInterrupt<T>(
  terminal: Terminal,
  task: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const leave = () => {
    for (const name of SIGNALS) process.off(name, stop);
    terminal.onClosed = undefined;
  };
  const stop = (name: NodeJS.Signals) => {
    if (controller.signal.aborted) {
      terminal.beforeLine?.();
      // The system ends the program, as it would have without a handler: an orderly exit aborts while ONNX Runtime is at work.
      leave();
      process.kill(process.pid, name);
      return;
    }
    terminal.say("stopping; what is done is being saved (Ctrl-C again ends at once)");
    controller.abort();
  };
  for (const name of SIGNALS) process.on(name, stop);
  terminal.onClosed = () => controller.abort();
  try {
    return await task(controller.signal);
  } catch (error) {
    if (!(controller.signal.aborted && isAbort(error))) throw error;
    throw new HeadstartError("INTERRUPTED", "The work was interrupted.", "", { cause: error });
  } finally {
    leave();
  }
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === "AbortError";
}
