import { checkSignal, pause } from "./interrupted.js";
import { Temporary } from "./temporary.js";
import type { Timing } from "./timing.js";

/**
 * Tries again what failed for a reason that may pass, with pauses that grow. Attempts that get further than all before them are not
 * counted, so that a long file comes through a bad line. A machine without a network is told so at once.
 *
 * @param attempt - what to try
 * @param progress - how far it has come, in bytes
 * @throws HeadstartError what the last attempt says; `INTERRUPTED` when the signal asks for it
 */
export async function withRetries<T>(
  attempt: () => Promise<T>,
  progress: () => number,
  timing: Timing,
  signal: AbortSignal | undefined,
): Promise<T> {
  const start = progress();
  let furthest = start;
  let failures = 0;
  for (;;) {
    checkSignal(signal);
    try {
      return await attempt();
    } catch (error) {
      checkSignal(signal);
      if (!(error instanceof Temporary)) throw error;
      const reached = progress();
      if (reached > furthest) {
        furthest = reached;
        failures = 0;
      }
      failures++;
      if (failures > timing.retries || (error.connecting && furthest === start)) throw error.error;
      await pause(error.wait ?? timing.pause * 2 ** (failures - 1), signal);
    }
  }
}
