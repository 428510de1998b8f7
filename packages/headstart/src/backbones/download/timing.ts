/** How patient downloads are, in milliseconds. */
export interface Timing {
  /** Without a byte for so long, a connection counts as dead. */
  readonly stall: number;
  /** Attempts after the first one, as long as none of them gets further than those before. */
  readonly retries: number;
  /** Pause before the second attempt; it doubles with each further one. */
  readonly pause: number;
  /** The longest pause that a server may ask for. */
  readonly longestPause: number;
  /** How often the owner of a lock shows that it is alive. */
  readonly heartbeat: number;
  /** How often those who wait for a lock look. */
  readonly poll: number;
  /** A lock whose owner has not shown itself for so long is taken over. */
  readonly abandoned: number;
}

/** What users get; tests are less patient. */
export const TIMING: Timing = {
  stall: 30_000,
  retries: 4,
  pause: 1_000,
  longestPause: 60_000,
  heartbeat: 1_000,
  poll: 200,
  abandoned: 30_000,
};
