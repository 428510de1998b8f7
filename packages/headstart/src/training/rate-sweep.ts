import { createRandom } from "../random.js";
import type { Runtime } from "../runtime/index.js";
import { emaDecayAt } from "./ema.js";
import { isDiverging, type LearningRatePoint } from "./lr-finder.js";
import { Stepper } from "./stepper.js";
import { batchesOf, groupsOf, labelsAndDropout, stepOf, type Training } from "./trainer.js";

/** How {@link sweepLearningRates} works. */
export interface SweepOptions extends Training {
  /** The rates that are tried, one a step. */
  readonly rates: readonly number[];
  /** Called after each step. */
  readonly onStep?: (points: readonly LearningRatePoint[]) => void;
}

/**
 * Trains for a few steps, each at a rate of its own, and notes the loss that each step found. Ends early where the loss runs away. What
 * was trained is thrown away.
 *
 * @param runtime - runs the steps
 * @param options - what is trained as in a run, and the rates
 * @returns the steps in order; fewer than there are rates where the loss ran away or the signal asked to stop
 */
export async function sweepLearningRates(
  runtime: Runtime,
  options: SweepOptions,
): Promise<readonly LearningRatePoint[]> {
  const { recipe, rates, seed, signal, onStep } = options;
  const [stage] = recipe.stages;
  if (stage === undefined) return [];
  const data = await options.prepare(stage);
  const points: LearningRatePoint[] = [];
  let stepper: Stepper | undefined;
  try {
    const step = stepOf(options, data);
    stepper = await Stepper.create(runtime, step, await options.initial());
    await stepper.use(step.graph);
    for (let epoch = 0; ; epoch++) {
      const batches = batchesOf(options, epoch);
      const groups = groupsOf(options, batches);
      let loss = 0;
      for (const [batch, rows] of batches.entries()) {
        const place = groups[batch];
        const learningRate = rates[points.length];
        if (place === undefined || learningRate === undefined || signal?.aborted || isDiverging(points))
          return points;
        const random = createRandom(seed, "augmentation", epoch, batch);
        const drawn = await data.inputs({ rows, epoch, random });
        const found = await stepper.run({
          inputs: { ...drawn, ...labelsAndDropout(options, epoch, batch, rows) },
          ...place,
          learningRate,
          step: points.length + 1,
          emaDecay: emaDecayAt(recipe.ema ?? 0, points.length + 1),
        });
        loss = (place.first ? 0 : loss) + found.loss * place.share;
        if (!place.last) continue;
        points.push({ learningRate, loss });
        onStep?.(points);
      }
    }
  } finally {
    await stepper?.close();
    await data.close();
  }
}
