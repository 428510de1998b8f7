import { HeadstartError } from "../errors.js";
import { float32, floats, type Graph, int64, scalar, type Tensor } from "../onnx/index.js";
import { createRandom, type Random } from "../random.js";
import type { Input, Runtime, Session } from "../runtime/index.js";
import {
  type Checkpoint,
  type CheckpointState,
  type EpochRow,
  loadCheckpoint,
  type StepRow,
  saveCheckpoint,
} from "./checkpoint.js";
import { emaDecayAt } from "./ema.js";
import { drawDropoutMask } from "./head.js";
import { batchShares, classWeightsOf } from "./losses.js";
import { mixes } from "./mixing.js";
import type { Optimiser } from "./optimisers.js";
import type { Recipe, Stage } from "./recipe.js";
import { learningRateAt } from "./schedules.js";
import { composeEvaluation, composeStep, type Step } from "./step.js";
import { Stepper } from "./stepper.js";
import type { Tail } from "./tail.js";

/** A batch of training photos, and what its inputs are drawn from. */
export interface TrainingBatch {
  /** Which photos. */
  readonly rows: readonly number[];
  /** Which epoch, counted from 0. */
  readonly epoch: number;
  /** For what is drawn for the batch. */
  readonly random: Random;
}

/** What a stage trains on, at its image size. */
export interface StageData {
  /** From some inputs to `features`, or to `activations` where there is a tail, in the step itself. Without it the inputs hold these. */
  readonly front?: Graph;
  /** The layers of the network that train; undefined where the head alone does. */
  readonly tail?: Tail;
  /** The inputs of the front for some training photos; with mixing, what the loss reads as well. */
  readonly inputs: (batch: TrainingBatch) => Promise<Record<string, Input>>;
  /** The validation photos, in batches of so many, through a front of their own. */
  readonly validation: {
    readonly front?: Graph;
    readonly batchSize: number;
    readonly inputs: (rows: readonly number[]) => Promise<Record<string, Input>>;
  };
  /** Frees what the stage held. */
  readonly close: () => Promise<void>;
}

/** What is trained, and how. */
export interface Training {
  readonly recipe: Recipe & { readonly optimiser: Optimiser };
  readonly seed: number;
  /** D, the number of features. */
  readonly features: number;
  readonly classes: number;
  /** Class of each training photo. */
  readonly labels: readonly number[];
  /** Everything that trains, and running statistics that move, before the first step. */
  readonly initial: () => Promise<ReadonlyMap<string, Tensor>>;
  /** Called at the start of each stage. */
  readonly prepare: (stage: Stage) => Promise<StageData>;
  readonly signal?: AbortSignal;
}

/** What {@link trainNetwork} needs. */
export interface TrainOptions extends Training {
  /** Class of each validation photo. */
  readonly validationLabels: readonly number[];
  /** Where the state after every epoch is kept; what is there already is gone on from. */
  readonly checkpoint: string;
  readonly onStep?: (progress: StepProgress) => void;
  /** Called while validation photos are measured. */
  readonly onValidation?: (done: number, total: number) => void;
  /** Called with the validation photos' figures before the first step, where the recipe begins with a head that is solved. */
  readonly onStart?: (figures: { readonly loss: number; readonly accuracy: number }) => void;
  /** Called after each epoch, with all epochs and steps so far; training waits for it. */
  readonly onEpoch?: (
    row: EpochRow,
    history: readonly EpochRow[],
    steps: readonly StepRow[],
  ) => Promise<void> | void;
}

/** How far an epoch has come. */
export interface StepProgress {
  /** Counted from 1. */
  readonly epoch: number;
  readonly epochs: number;
  /** Photos of the epoch. */
  readonly done: number;
  readonly total: number;
  /** Mean loss of the epoch so far. */
  readonly loss: number;
}

/** The best epoch's parameters, and how training went. */
export interface TrainedNetwork {
  /** By name: the head's parameters and those of the network that trained, and running statistics that moved. */
  readonly values: ReadonlyMap<string, Tensor>;
  readonly imageSize: number;
  /** 0 where no epoch was better than the beginning. */
  readonly bestEpoch: number;
  readonly history: readonly EpochRow[];
  readonly steps: readonly StepRow[];
}

/** Steps that are asked of the runtime before the first has answered, so that it never waits. */
const UNDER_WAY = 2;

/**
 * Trains the head, and the layers of the network that train with it, by gradient steps, stage after stage. Weights, optimiser state and
 * the best epoch so far carry over from one stage to the next; the epoch that is best on the validation photos is kept. Every photo is
 * seen once an epoch.
 *
 * After each epoch, and when interrupted, everything needed to go on is saved. All that is random is drawn from the seed, the epoch and
 * the step, so a run that was interrupted ends in the same numbers as one that was not.
 *
 * @throws HeadstartError `INTERRUPTED` after saving, when the signal asks for it; `INVALID_DATA` if the loss is no number any more
 */
export async function trainNetwork(runtime: Runtime, options: TrainOptions): Promise<TrainedNetwork> {
  const saved = (await loadCheckpoint(options.checkpoint)) ?? (await start(options));
  const trainer = new Trainer(runtime, options, saved);
  try {
    for (const [index, stage] of options.recipe.stages.entries()) {
      if (trainer.finished || index < trainer.state.stage) continue;
      // A run that was interrupted between two stages need not prepare the one that is done.
      if (trainer.state.epochInStage < stage.epochs) await trainer.runStage(stage);
      trainer.closeStage();
    }
    const { best, state, steps } = trainer;
    return {
      values: best,
      imageSize: state.bestImageSize,
      bestEpoch: state.bestEpoch,
      history: state.history,
      steps,
    };
  } finally {
    await trainer.close();
  }
}

/** The state before the first step. */
async function start({ recipe, initial }: TrainOptions): Promise<Checkpoint> {
  const values = await initial();
  const state: CheckpointState = {
    epoch: 0,
    stage: 0,
    epochInStage: 0,
    batch: 0,
    lossSum: 0,
    correctSum: 0,
    step: 0,
    bestEpoch: 0,
    bestValidationLoss: null,
    bestValidationAccuracy: null,
    bestImageSize: recipe.stages[0]?.imageSize ?? 0,
    history: [],
  };
  const means = [...values].map(([name, value]): [string, Tensor] => [`ema.${name}`, value]);
  return { tensors: new Map([...values, ...means]), state };
}

/** Where a run stands, and what it does next. */
class Trainer {
  readonly #runtime: Runtime;
  readonly #options: TrainOptions;
  readonly #steps: number;
  readonly #saved: ReadonlyMap<string, Tensor>;
  #stepper: Stepper | undefined;
  best: ReadonlyMap<string, Tensor>;
  steps: StepRow[];
  state: CheckpointState;

  constructor(runtime: Runtime, options: TrainOptions, { tensors, state }: Checkpoint) {
    this.#runtime = runtime;
    this.#options = options;
    this.#saved = tensors;
    this.state = state;
    this.best = withPrefix(tensors, BEST);
    this.steps = readSteps(tensors);
    const { recipe, labels } = options;
    const epochs = epochsOf(recipe);
    this.#steps = epochs * Math.ceil(Math.ceil(labels.length / recipe.batchSize) / recipe.accumulate);
  }

  /** Whether early stopping has been reached. */
  get finished(): boolean {
    const { earlyStopping } = this.#options.recipe;
    return earlyStopping !== null && this.state.epoch - this.state.bestEpoch >= earlyStopping;
  }

  async runStage(stage: Stage): Promise<void> {
    const data = await this.#options.prepare(stage);
    try {
      const step = stepOf(this.#options, data);
      this.#stepper ??= await Stepper.create(this.#runtime, step, this.#saved);
      const stepper = this.#stepper;
      const evaluation = await this.#runtime.load(evaluationOf(this.#options, data));
      if (this.best.size === 0) await this.#begin(stage, stepper, evaluation, data);
      await stepper.use(step.graph);
      while (this.state.epochInStage < stage.epochs && !this.finished) {
        await this.#runEpoch(stepper, data);
        await this.#closeEpoch(stage, stepper, evaluation, data);
      }
      await evaluation.close();
    } finally {
      await data.close();
    }
  }

  /** Goes over to the next stage, unless early stopping has ended the last one. */
  closeStage(): void {
    if (!this.finished) this.state = { ...this.state, stage: this.state.stage + 1, epochInStage: 0 };
  }

  async close(): Promise<void> {
    await this.#stepper?.close();
  }

  /** Before the first step: what is there already is the best so far, and is measured where it is more than a guess. */
  async #begin(stage: Stage, stepper: Stepper, evaluation: Session, data: StageData): Promise<void> {
    const { recipe, onStart } = this.#options;
    this.best = await stepper.shipped();
    if (recipe.initial !== "solved") return;
    const found = await this.#validate(stepper, evaluation, data);
    this.state = {
      ...this.state,
      bestValidationLoss: found.loss,
      bestValidationAccuracy: found.accuracy,
      bestImageSize: stage.imageSize,
    };
    onStart?.(found);
  }

  /** The steps of one epoch that are still to be done. */
  async #runEpoch(stepper: Stepper, data: StageData): Promise<void> {
    const { recipe, seed, labels, signal, onStep } = this.#options;
    const { epoch } = this.state;
    const batches = batchesOf(this.#options, epoch);
    const groups = groupsOf(this.#options, batches);
    const underWay: Promise<void>[] = [];
    const prepare = async (batch: number) => {
      const rows = batches[batch];
      const random = createRandom(seed, "augmentation", epoch, batch);
      return rows && { rows, inputs: await data.inputs({ rows, epoch, random }) };
    };
    let prepared = prepare(this.state.batch);
    // A failure is thrown where it is awaited; until then it is no unhandled one.
    prepared.catch(() => undefined);
    let group = { loss: 0, correct: 0 };
    try {
      for (let batch = this.state.batch; batch < batches.length; batch++) {
        const ready = await prepared;
        const place = groups[batch];
        if (ready === undefined || place === undefined) break;
        // What is asked to stop stops between two steps.
        if (signal?.aborted && place.first) break;
        prepared = prepare(batch + 1);
        prepared.catch(() => undefined);
        const { rows } = ready;
        const step = this.state.step + 1;
        if (place.last) this.state = { ...this.state, step };
        const learningRate = this.#learningRate(step);
        const running = stepper
          .run({
            inputs: { ...ready.inputs, ...labelsAndDropout(this.#options, epoch, batch, rows) },
            ...place,
            learningRate,
            step,
            emaDecay: emaDecayAt(recipe.ema ?? 0, step),
          })
          .then(({ loss, correct }) => {
            finite(loss, epoch, step, learningRate);
            if (place.first) group = { loss: 0, correct: 0 };
            group.loss += loss * place.share;
            group.correct += correct;
            if (place.last)
              // In the precision that checkpoints keep.
              this.steps.push({
                loss: Math.fround(group.loss),
                accuracy: Math.fround(group.correct / place.photos),
                learningRate: Math.fround(learningRate),
              });
            const { state } = this;
            const lossSum = state.lossSum + loss * rows.length;
            const correctSum = state.correctSum + correct;
            this.state = { ...state, batch: batch + 1, lossSum, correctSum };
            const done = Math.min(labels.length, (batch + 1) * recipe.batchSize);
            const epochs = epochsOf(recipe);
            onStep?.({ epoch: epoch + 1, epochs, done, total: labels.length, loss: lossSum / done });
          });
        running.catch(() => undefined);
        underWay.push(running);
        if (underWay.length >= UNDER_WAY) await underWay.shift();
      }
      await Promise.all(underWay);
    } finally {
      await Promise.allSettled([prepared, ...underWay]);
    }
    if (signal?.aborted && this.state.batch < batches.length) await this.#interrupted(stepper);
  }

  async #interrupted(stepper: Stepper): Promise<never> {
    await this.#save(stepper);
    throw new HeadstartError("INTERRUPTED", `Training was interrupted in epoch ${this.state.epoch + 1}.`);
  }

  async #closeEpoch(stage: Stage, stepper: Stepper, evaluation: Session, data: StageData): Promise<void> {
    const { labels, recipe, signal, onEpoch } = this.#options;
    const found = await this.#validate(stepper, evaluation, data);
    if (signal?.aborted && found.photos < this.#options.validationLabels.length)
      await this.#interrupted(stepper);
    const { state } = this;
    const learningRate = this.#learningRate(state.step);
    finite(found.loss, state.epoch, state.step, learningRate);
    const row: EpochRow = {
      epoch: state.epoch + 1,
      stage: state.stage + 1,
      imageSize: stage.imageSize,
      loss: state.lossSum / labels.length,
      accuracy: state.correctSum / labels.length,
      validationLoss: found.loss,
      validationAccuracy: found.accuracy,
      learningRate,
    };
    const better = isBetter(found, state, recipe.monitor);
    if (better) this.best = await stepper.shipped();
    this.state = {
      ...state,
      epoch: row.epoch,
      epochInStage: state.epochInStage + 1,
      batch: 0,
      lossSum: 0,
      correctSum: 0,
      ...(better && {
        bestEpoch: row.epoch,
        bestValidationLoss: found.loss,
        bestValidationAccuracy: found.accuracy,
        bestImageSize: stage.imageSize,
      }),
      history: [...state.history, row],
    };
    await this.#save(stepper);
    await onEpoch?.(row, this.state.history, this.steps);
  }

  /** The validation photos' figures; of some of them only, where the signal has asked to stop. */
  async #validate(
    stepper: Stepper,
    evaluation: Session,
    { validation }: StageData,
  ): Promise<{ readonly loss: number; readonly accuracy: number; readonly photos: number }> {
    const { validationLabels, signal, onValidation } = this.#options;
    const total = validationLabels.length;
    const parameters = stepper.held();
    const batches = chunks(
      validationLabels.map((_, row) => row),
      validation.batchSize,
    );
    const sums = { loss: 0, correct: 0, photos: 0 };
    let prepared = validation.inputs(batches[0] ?? []);
    for (const [index, rows] of batches.entries()) {
      if (signal?.aborted) break;
      const inputs = await prepared;
      const next = batches[index + 1];
      if (next !== undefined) {
        prepared = validation.inputs(next);
        prepared.catch(() => undefined);
      }
      const label = int64(
        [rows.length],
        rows.map((row) => validationLabels[row] ?? 0),
      );
      const found = await evaluation.run<"loss" | "correct">(
        { ...inputs, label, ...parameters },
        { fetch: ["loss", "correct"] },
      );
      sums.loss += scalar(found.loss) * rows.length;
      sums.correct += scalar(found.correct);
      sums.photos += rows.length;
      onValidation?.(sums.photos, total);
    }
    await prepared.catch(() => undefined);
    return { loss: sums.loss / sums.photos, accuracy: sums.correct / sums.photos, photos: sums.photos };
  }

  async #save(stepper: Stepper): Promise<void> {
    const tensors = await stepper.read();
    for (const [name, tensor] of this.best) tensors.set(`${BEST}${name}`, tensor);
    for (const [name, tensor] of stepTensors(this.steps)) tensors.set(name, tensor);
    await saveCheckpoint(this.#options.checkpoint, { tensors, state: this.state });
  }

  #learningRate(step: number): number {
    const { schedule, optimiser } = this.#options.recipe;
    return learningRateAt(schedule, optimiser.learningRate, step - 1, this.#steps);
  }
}

/** What the names of the best epoch's tensors begin with in a checkpoint. */
const BEST = "best.";
const STEPS = ["loss", "accuracy", "learningRate"] as const satisfies readonly (keyof StepRow)[];

function stepTensors(steps: readonly StepRow[]): [string, Tensor][] {
  return STEPS.map((key) => [
    `steps.${key}`,
    float32(
      [steps.length],
      steps.map((step) => step[key]),
    ),
  ]);
}

function readSteps(tensors: ReadonlyMap<string, Tensor>): StepRow[] {
  const [loss, accuracy, learningRate] = STEPS.map((key) => {
    const tensor = tensors.get(`steps.${key}`);
    return tensor ? floats(tensor) : new Float32Array();
  });
  return Array.from(loss ?? [], (value, i) => ({
    loss: value,
    accuracy: accuracy?.[i] ?? Number.NaN,
    learningRate: learningRate?.[i] ?? Number.NaN,
  }));
}

function withPrefix(tensors: ReadonlyMap<string, Tensor>, prefix: string): Map<string, Tensor> {
  return new Map(
    [...tensors].flatMap(([name, tensor]): [string, Tensor][] =>
      name.startsWith(prefix) ? [[name.slice(prefix.length), tensor]] : [],
    ),
  );
}

function isBetter(
  found: { readonly loss: number; readonly accuracy: number },
  { bestValidationLoss, bestValidationAccuracy }: CheckpointState,
  monitor: Recipe["monitor"],
): boolean {
  if (bestValidationLoss === null) return true;
  if (monitor === "loss" || found.accuracy === bestValidationAccuracy) return found.loss < bestValidationLoss;
  return found.accuracy > (bestValidationAccuracy ?? 0);
}

function epochsOf({ stages }: Recipe): number {
  return stages.reduce((sum, stage) => sum + stage.epochs, 0);
}

function chunks<T>(list: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(list.length / size) }, (_, i) =>
    list.slice(i * size, (i + 1) * size),
  );
}

/** The photos of an epoch in the order that the seed gives, batch by batch. */
export function batchesOf({ recipe, seed, labels }: Training, epoch: number): number[][] {
  const order = createRandom(seed, "order", epoch).shuffle(labels.map((_, row) => row));
  return chunks(order, recipe.batchSize);
}

/** For each batch its place in the group whose gradients are added up, and how many photos the group has. */
export function groupsOf(training: Training, batches: readonly (readonly number[])[]) {
  const { recipe, labels } = training;
  const weights = weightsOf(training);
  return chunks(batches, recipe.accumulate).flatMap((group) => {
    const shares = batchShares(
      group.map((rows) => rows.map((row) => labels[row] ?? 0)),
      { classWeights: weights, mix: mixes(recipe) },
    );
    return group.map((_, i) => ({
      first: i === 0,
      last: i === group.length - 1,
      share: shares[i] ?? 0,
      photos: group.reduce((sum, rows) => sum + rows.length, 0),
    }));
  });
}

/** How much each class counts in the loss; undefined where all count the same. */
function weightsOf({ recipe, classes, labels }: Training): readonly number[] | undefined {
  const counts = Array.from({ length: classes }, () => 0);
  for (const label of labels) counts[label] = (counts[label] ?? 0) + 1;
  return classWeightsOf(recipe.classWeights, counts);
}

/** The inputs of a step that do not come from the photos. */
export function labelsAndDropout(
  { recipe, seed, features, labels }: Training,
  epoch: number,
  batch: number,
  rows: readonly number[],
): Record<string, Tensor> {
  const label = int64(
    [rows.length],
    rows.map((row) => labels[row] ?? 0),
  );
  if (recipe.dropout === 0) return { label };
  const mask = new Float32Array(rows.length * features);
  drawDropoutMask(createRandom(seed, "dropout", epoch, batch), mask, recipe.dropout);
  return { label, dropout_mask: float32([rows.length, features], mask) };
}

/** Stops at a loss that is no number. */
function finite(loss: number, epoch: number, step: number, rate: number): void {
  if (Number.isFinite(loss)) return;
  throw new HeadstartError(
    "INVALID_DATA",
    `The loss is no number any more: in epoch ${epoch + 1}, step ${step}, at a learning rate of ${Number(rate.toPrecision(3))}.`,
    "Try a learning rate ten times smaller (headstart lr-find looks for one), or --clip-norm 1. The last whole epoch is saved.",
  );
}

/** The step of a stage. */
export function stepOf(training: Training, { front, tail }: StageData): Step {
  const { recipe, features, classes } = training;
  return composeStep({
    featureCount: features,
    classes,
    optimiser: recipe.optimiser,
    layerDecay: recipe.layerDecay,
    dropout: recipe.dropout,
    labelSmoothing: recipe.labelSmoothing,
    mix: mixes(recipe),
    clipNorm: recipe.clipNorm,
    ema: recipe.ema !== null,
    accumulate: recipe.accumulate,
    checkpointActivations: recipe.checkpointActivations,
    batchNorm: recipe.batchNorm,
    classWeights: weightsOf(training),
    ...(front && { front }),
    ...(tail && { tail }),
  });
}

function evaluationOf(
  { recipe, features, classes }: Training,
  { tail, validation: { front } }: StageData,
): Graph {
  return composeEvaluation({
    batchNorm: recipe.batchNorm,
    featureCount: features,
    classes,
    ...(front && { front }),
    ...(tail && { tail }),
  });
}
