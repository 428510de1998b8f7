/**
 * How the learning rate moves over a run.
 *
 * - `constant`: the base rate throughout.
 * - `cosine`: from the base rate to 0 along half a cosine (`torch.optim.lr_scheduler.CosineAnnealingLR`).
 * - `one-cycle`: up from 1/25 of the base rate to the base rate, then down to 1/250000 of it, both along half a cosine
 *   (`torch.optim.lr_scheduler.OneCycleLR` with two phases).
 */
export interface Schedule {
  readonly kind: "constant" | "cosine" | "one-cycle";
  /**
   * Part of all steps, from 0 to 1, in which the rate rises to the base rate: for constant and cosine in a straight line from near 0 (0,
   * no warm-up, by default), for one-cycle its rising phase (0.3 by default).
   */
  readonly warmup?: number;
}

/** How far below the base rate one-cycle starts. */
const ONE_CYCLE_START = 25;
/** How far below its start one-cycle ends. */
const ONE_CYCLE_END = 1e4;

/**
 * The learning rate of one step.
 *
 * @param schedule - how the rate moves
 * @param base - the base rate: the highest one
 * @param step - which step it is, counted from 0
 * @param steps - number of steps in the whole run, all stages together
 *
 * @example
 * learningRateAt({ kind: "cosine" }, 0.1, 5, 10) // => 0.05
 */
export function learningRateAt(schedule: Schedule, base: number, step: number, steps: number): number {
  if (schedule.kind === "one-cycle") return oneCycle(base, step, steps, schedule.warmup ?? 0.3);
  const rising = Math.round((schedule.warmup ?? 0) * steps);
  if (step < rising) return (base * (step + 1)) / (rising + 1);
  return schedule.kind === "constant" ? base : cosine(base, 0, (step - rising) / (steps - rising));
}

function oneCycle(base: number, step: number, steps: number, warmup: number): number {
  const start = base / ONE_CYCLE_START;
  const top = Math.max(warmup * steps - 1, 0);
  if (step < top) return cosine(start, base, step / top);
  const last = Math.max(steps - 1 - top, Number.EPSILON);
  return cosine(base, start / ONE_CYCLE_END, Math.min((step - top) / last, 1));
}

/** Half a cosine from one value to another; `part` runs from 0 to 1. */
function cosine(from: number, to: number, part: number): number {
  return to + ((from - to) * (1 + Math.cos(Math.PI * part))) / 2;
}
