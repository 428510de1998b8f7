import type { Timing } from "../../src/backbones/download/timing.js";

/** Little patience, for tests of downloads. */
export const QUICK: Timing = {
  stall: 300,
  retries: 3,
  pause: 2,
  longestPause: 200,
  heartbeat: 20,
  poll: 10,
  abandoned: 500,
};
