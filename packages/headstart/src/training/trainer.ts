import { HeadstartError } from "../errors.js";
import { float32, type Graph, int64, scalar, type Tensor } from "../onnx/index.js";
import { createRandom, type Random } from "../random.js";
import type { Held, Input, Runtime, Session } from "../runtime/index.js";
import {
  type Checkpoint,
  type CheckpointState,
  type EpochRow,
  loadCheckpoint,
  saveCheckpoint,
} from "./checkpoint.js";
import { drawDropoutMask, HEAD_PARAMETERS, initialHead } from "./head.js";
import { classWeightsOf } from "./losses.js";
import type { Optimiser } from "./optimisers.js";
import { ParameterSets } from "./parameter-sets.js";
import type { Recipe, Stage } from "./recipe.js";
import { learningRateAt } from "./schedules.js";
import { composeEvaluation, composeStep, type Step } from "./step.js";

/** What a stage trains on, at its image size. */
export interface StageData {
  /** From some inputs to `features`, in the step itself. */
  readonly front: Graph;
  /**
   * The inputs of the front for some training photos.
   *
   * @param rows - which photos
   * @param random - for what is drawn photo by photo
   */
  readonly inputs: (rows: readonly number[], random: Random) => Promise<Record<string, Input>>;
  /** Features of the validation photos, float [M, D]. */
  readonly validation: Tensor;
  /** Frees what the stage held. */
  readonly close: () => Promise<void>;
}

/** What {@link trainHead} needs. */
export interface TrainOptions {
  readonly recipe: Recipe & { readonly optimiser: Optimiser };
  readonly seed: number;
  readonly features: number;
  readonly classes: number;
  /** Class of each training photo, and of each validation photo. */
  readonly labels: readonly number[];
  readonly validationLabels: readonly number[];
  /** Called at the start of each stage. */
  readonly prepare: (stage: Stage) => Promise<StageData>;
  /** Where the state after every epoch is kept; what is there already is gone on from. */
  readonly checkpoint: string;
  readonly signal?: AbortSignal;
  readonly onStep?: (progress: {
    readonly epoch: number;
    readonly epochs: number;
    readonly done: number;
    readonly total: number;
  }) => void;
  /** Called after each epoch, with all epochs so far; training waits for it. */
  readonly onEpoch?: (row: EpochRow, history: readonly EpochRow[]) => Promise<void> | void;
}

/** The best epoch's head, and how training went. */
export interface TrainedHead {
  readonly weight: Tensor;
  readonly bias: Tensor;
  readonly imageSize: number;
  readonly bestEpoch: number;
  readonly history: readonly EpochRow[];
}

/** Steps that are asked of the runtime before the first has answered, so that it never waits. */
const UNDER_WAY = 2;

/**
 * Trains the head by gradient steps, stage after stage. Weights, optimiser state and the best epoch so far carry over from one stage to the
 * next; the epoch with the smallest validation loss of all stages is kept. Every photo is seen once an epoch.
 *
 * After each epoch, and when interrupted, everything needed to go on is saved. All that is random is drawn from the seed, the epoch and
 * the step, so a run that was interrupted ends in the same numbers as one that was not.
 *
 * @throws HeadstartError `INTERRUPTED` after saving, when the signal asks for it; `INVALID_DATA` if the loss is no number any more
 */
export async function trainHead(runtime: Runtime, options: TrainOptions): Promise<TrainedHead> {
  const { recipe, classes, features } = options;
  const saved = (await loadCheckpoint(options.checkpoint)) ?? start(options);
  const trainer = await Trainer.create(runtime, options, saved);
  const evaluation = await runtime.load(composeEvaluation({ featureCount: features, classes }));
  try {
    for (const [index, stage] of recipe.stages.entries()) {
      if (trainer.finished || index < trainer.state.stage) continue;
      // A run that was interrupted between two stages need not prepare the one that is done.
      if (trainer.state.epochInStage < stage.epochs) await trainer.runStage(stage, evaluation);
      trainer.closeStage();
    }
    const { best, state } = trainer;
    return {
      weight: tensorOf(best, "head.weight"),
      bias: tensorOf(best, "head.bias"),
      imageSize: state.bestImageSize,
      bestEpoch: state.bestEpoch,
      history: state.history,
    };
  } finally {
    await evaluation.close();
    await trainer.close();
  }
}

/** The state before the first step. */
function start({ recipe, seed, features, classes }: TrainOptions): Checkpoint {
  const tensors = initialHead(recipe.initial, features, classes, createRandom(seed, "initial head"));
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
    bestImageSize: recipe.stages[0]?.imageSize ?? 0,
    history: [],
  };
  return { tensors, state };
}

/** Where a run stands, and what it does next. */
class Trainer {
  readonly #runtime: Runtime;
  readonly #options: TrainOptions;
  readonly #steps: number;
  readonly #sets: ParameterSets;
  best: ReadonlyMap<string, Tensor>;
  state: CheckpointState;

  static async create(
    runtime: Runtime,
    options: TrainOptions,
    { tensors, state }: Checkpoint,
  ): Promise<Trainer> {
    const { parameters, slots } = stepOf(options);
    const sets = await ParameterSets.create(runtime, [...parameters, ...slots], tensors);
    const best = new Map(
      HEAD_PARAMETERS.map((name) => [name, tensors.get(`best.${name}`) ?? tensorOf(tensors, name)]),
    );
    return new Trainer(runtime, options, sets, best, state);
  }

  private constructor(
    runtime: Runtime,
    options: TrainOptions,
    sets: ParameterSets,
    best: ReadonlyMap<string, Tensor>,
    state: CheckpointState,
  ) {
    this.#runtime = runtime;
    this.#options = options;
    this.#sets = sets;
    this.best = best;
    this.state = state;
    const { recipe, labels } = options;
    const epochs = recipe.stages.reduce((sum, stage) => sum + stage.epochs, 0);
    this.#steps = epochs * Math.ceil(labels.length / recipe.batchSize);
  }

  /** Whether early stopping has been reached. */
  get finished(): boolean {
    const { earlyStopping } = this.#options.recipe;
    return earlyStopping !== null && this.state.epoch - this.state.bestEpoch >= earlyStopping;
  }

  async runStage(stage: Stage, evaluation: Session): Promise<void> {
    const data = await this.#options.prepare(stage);
    try {
      const session = await this.#runtime.load(stepOf(this.#options, data.front).graph);
      const { validationLabels } = this.#options;
      const features = await this.#runtime.hold(data.validation);
      const label = await this.#runtime.hold(int64([validationLabels.length], validationLabels));
      while (this.state.epochInStage < stage.epochs && !this.finished) {
        await this.#runEpoch(session, data);
        await this.#closeEpoch(stage, evaluation, { features, label });
      }
      await session.close();
      await this.#runtime.drop(features, label);
    } finally {
      await data.close();
    }
  }

  /** Goes over to the next stage, unless early stopping has ended the last one. */
  closeStage(): void {
    if (!this.finished) this.state = { ...this.state, stage: this.state.stage + 1, epochInStage: 0 };
  }

  async close(): Promise<void> {
    await this.#sets.close();
  }

  /** The steps of one epoch that are still to be done. */
  async #runEpoch(session: Session, data: StageData): Promise<void> {
    const { recipe, seed, labels, signal, onStep } = this.#options;
    const { epoch } = this.state;
    const order = createRandom(seed, "order", epoch).shuffle(labels.map((_, row) => row));
    const batches = Array.from({ length: Math.ceil(order.length / recipe.batchSize) }, (_, i) =>
      order.slice(i * recipe.batchSize, (i + 1) * recipe.batchSize),
    );
    const epochs = recipe.stages.reduce((sum, stage) => sum + stage.epochs, 0);
    const underWay: Promise<void>[] = [];
    const prepare = async (batch: number) => {
      const rows = batches[batch];
      return (
        rows && { rows, inputs: await data.inputs(rows, createRandom(seed, "augmentation", epoch, batch)) }
      );
    };
    let prepared = prepare(this.state.batch);
    // A failure is thrown where it is awaited; until then it is no unhandled one.
    prepared.catch(() => undefined);
    try {
      for (let batch = this.state.batch; batch < batches.length; batch++) {
        const ready = await prepared;
        if (ready === undefined) break;
        prepared = prepare(batch + 1);
        prepared.catch(() => undefined);
        if (signal?.aborted) break;
        const running = this.#step(session, epoch, batch, ready.rows, ready.inputs).then(
          ({ loss, correct }) => {
            const { state } = this;
            this.state = {
              ...state,
              batch: batch + 1,
              lossSum: state.lossSum + loss * ready.rows.length,
              correctSum: state.correctSum + correct,
            };
            onStep?.({
              epoch: epoch + 1,
              epochs,
              done: Math.min(order.length, (batch + 1) * recipe.batchSize),
              total: order.length,
            });
          },
        );
        running.catch(() => undefined);
        underWay.push(running);
        if (underWay.length >= UNDER_WAY) await underWay.shift();
      }
      await Promise.all(underWay);
    } finally {
      await Promise.allSettled([prepared, ...underWay]);
    }
    if (signal?.aborted && this.state.batch < batches.length) {
      await this.#save();
      throw new HeadstartError("INTERRUPTED", `Training was interrupted in epoch ${epoch + 1}.`);
    }
  }

  /** One step; the sets swap roles at once, since the runtime does one thing after another. */
  async #step(
    session: Session,
    epoch: number,
    batch: number,
    rows: readonly number[],
    inputs: Record<string, Input>,
  ): Promise<{ loss: number; correct: number }> {
    const { recipe, labels, seed, features } = this.#options;
    const step = this.state.step + 1;
    this.state = { ...this.state, step };
    const rate = this.#learningRate(step);
    const { inputs: parameters, into } = this.#sets.swap();
    const found = await session.run<"loss" | "correct">(
      {
        ...inputs,
        ...(recipe.dropout > 0 && {
          dropout_mask: dropoutMask(
            createRandom(seed, "dropout", epoch, batch),
            rows.length,
            features,
            recipe.dropout,
          ),
        }),
        label: int64(
          [rows.length],
          rows.map((row) => labels[row] ?? 0),
        ),
        learning_rate: float32([], [rate]),
        step: float32([], [step]),
        ...parameters,
      },
      { into, fetch: ["loss", "correct"] },
    );
    const loss = finite(found.loss, epoch, step, rate);
    return { loss, correct: scalar(found.correct) };
  }

  async #closeEpoch(
    stage: Stage,
    evaluation: Session,
    validation: { readonly features: Held; readonly label: Held },
  ): Promise<void> {
    const { labels, validationLabels, onEpoch } = this.#options;
    const { state } = this;
    const found = await evaluation.run<"loss" | "correct">(
      { ...validation, ...this.#sets.held(HEAD_PARAMETERS) },
      { fetch: ["loss", "correct"] },
    );
    const validationLoss = finite(found.loss, state.epoch, state.step, this.#learningRate(state.step));
    const row: EpochRow = {
      epoch: state.epoch + 1,
      stage: state.stage + 1,
      imageSize: stage.imageSize,
      loss: state.lossSum / labels.length,
      accuracy: state.correctSum / labels.length,
      validationLoss,
      validationAccuracy: scalar(found.correct) / validationLabels.length,
      learningRate: this.#learningRate(state.step),
    };
    const better =
      state.bestEpoch === 0 || validationLoss < (state.bestValidationLoss ?? Number.POSITIVE_INFINITY);
    if (better) this.best = await this.#sets.read(HEAD_PARAMETERS);
    this.state = {
      ...state,
      epoch: row.epoch,
      epochInStage: state.epochInStage + 1,
      batch: 0,
      lossSum: 0,
      correctSum: 0,
      ...(better && {
        bestEpoch: row.epoch,
        bestValidationLoss: validationLoss,
        bestImageSize: stage.imageSize,
      }),
      history: [...state.history, row],
    };
    await this.#save();
    await onEpoch?.(row, this.state.history);
  }

  async #save(): Promise<void> {
    const tensors = await this.#sets.read();
    for (const [name, tensor] of this.best) tensors.set(`best.${name}`, tensor);
    await saveCheckpoint(this.#options.checkpoint, { tensors, state: this.state });
  }

  #learningRate(step: number): number {
    const { schedule, optimiser } = this.#options.recipe;
    return learningRateAt(schedule, optimiser.learningRate, step - 1, this.#steps);
  }
}

function dropoutMask(random: Random, rows: number, features: number, rate: number): Tensor {
  const mask = new Float32Array(rows * features);
  drawDropoutMask(random, mask, rate);
  return float32([rows, features], mask);
}

/** A loss that is a number. */
function finite(loss: Tensor, epoch: number, step: number, rate: number): number {
  const value = scalar(loss);
  if (Number.isFinite(value)) return value;
  throw new HeadstartError(
    "INVALID_DATA",
    `The loss is no number any more: in epoch ${epoch + 1}, step ${step}, at a learning rate of ${rate}.`,
    "Try a learning rate ten times smaller. The last whole epoch is saved.",
  );
}

function stepOf({ recipe, features, classes, labels }: TrainOptions, front?: Graph): Step {
  const { optimiser, dropout, labelSmoothing } = recipe;
  const counts = Array.from({ length: classes }, () => 0);
  for (const label of labels) counts[label] = (counts[label] ?? 0) + 1;
  return composeStep({
    featureCount: features,
    classes,
    optimiser,
    dropout,
    labelSmoothing,
    ...(recipe.classWeights === "balanced" && { classWeights: classWeightsOf("balanced", counts) }),
    ...(front && { front }),
  });
}

function tensorOf(tensors: ReadonlyMap<string, Tensor>, name: string): Tensor {
  const tensor = tensors.get(name);
  if (tensor === undefined) throw new HeadstartError("INVALID_RUN", `The checkpoint lacks ${name}.`);
  return tensor;
}
