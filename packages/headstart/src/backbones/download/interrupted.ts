import { setTimeout } from "node:timers/promises";
import { HeadstartError } from "../../errors.js";

/**
 * Does nothing unless the work is to stop.
 *
 * @throws HeadstartError `INTERRUPTED` if it is
 */
export function checkSignal(signal: AbortSignal | undefined): void {
  if (signal?.aborted)
    throw new HeadstartError(
      "INTERRUPTED",
      "The download was interrupted.",
      "What has been fetched is kept; the same command goes on from there.",
    );
}

/**
 * Waits.
 *
 * @throws HeadstartError `INTERRUPTED` as soon as the signal asks for it
 */
export async function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  await setTimeout(milliseconds, undefined, signal ? { signal } : {}).catch((error: unknown) => {
    checkSignal(signal);
    throw error;
  });
}
