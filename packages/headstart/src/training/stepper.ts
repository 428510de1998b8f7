import { float32, type Graph, scalar, type Tensor } from "../onnx/index.js";
import type { Held, Input, Runtime, Session } from "../runtime/index.js";
import { ParameterSets } from "./parameter-sets.js";
import type { Step } from "./step.js";

/** One batch of a step, and its place in the group of batches that the parameters move for. */
export interface StepBatch {
  /** What the step graph reads besides parameters and rates. */
  readonly inputs: Readonly<Record<string, Input>>;
  /** Whether it is the first of its group. */
  readonly first: boolean;
  /** Whether it is the last of its group, after which the parameters move. */
  readonly last: boolean;
  /** Its photos as a share of those of its group. */
  readonly share: number;
  readonly learningRate: number;
  /** Which step the group is, counted from 1. */
  readonly step: number;
  /** Part of the running mean of the parameters that is kept; not used without one. */
  readonly emaDecay: number;
}

/** What a step found, before it moved the parameters. */
export interface StepFigures {
  /** Mean over the batch. */
  readonly loss: number;
  /** Photos answered right. */
  readonly correct: number;
}

/** Runs step graphs on parameters that stay with the runtime, one graph after another. */
export class Stepper {
  readonly #runtime: Runtime;
  readonly #step: Step;
  readonly #carried: ParameterSets;
  /** Gradients added up over the batches of a group; undefined where every batch is a step. */
  readonly #gradients: ParameterSets | undefined;
  readonly #update: Session | undefined;
  #session: Session | undefined;

  private constructor(
    runtime: Runtime,
    step: Step,
    carried: ParameterSets,
    gradients: ParameterSets | undefined,
    update: Session | undefined,
  ) {
    this.#runtime = runtime;
    this.#step = step;
    this.#carried = carried;
    this.#gradients = gradients;
    this.#update = update;
  }

  /**
   * @param runtime - runs the graphs and holds what is carried from step to step
   * @param step - any step of the run; those that {@link use} takes carry the same tensors
   * @param values - what the tensors start from, by name; zeros where there is nothing
   */
  static async create(runtime: Runtime, step: Step, values: ReadonlyMap<string, Tensor>): Promise<Stepper> {
    const carried = await ParameterSets.create(runtime, step.carried, values);
    if (step.update === undefined) return new Stepper(runtime, step, carried, undefined, undefined);
    const gradients = await ParameterSets.create(runtime, step.accumulators, new Map());
    return new Stepper(runtime, step, carried, gradients, await runtime.load(step.update));
  }

  /** Makes a step graph ready, in place of the one before. */
  async use(graph: Graph): Promise<void> {
    await this.#session?.close();
    this.#session = undefined;
    this.#session = await this.#runtime.load(graph, { training: true });
  }

  /** Runs one batch. What is asked for before an earlier batch has answered waits for its turn. */
  async run(batch: StepBatch): Promise<StepFigures> {
    const session = this.#session;
    if (session === undefined) throw new Error("No step graph is in use.");
    const rates = {
      learning_rate: float32([], [batch.learningRate]),
      step: float32([], [batch.step]),
      ...(this.#step.means.length > 0 && { ema_decay: float32([], [batch.emaDecay]) }),
    };
    const fetch = ["loss", "correct"] as const;
    if (this.#gradients === undefined || this.#update === undefined) {
      const { inputs, into } = this.#carried.swap();
      return figures(await session.run({ ...batch.inputs, ...rates, ...inputs }, { into, fetch }));
    }
    const gradients = this.#gradients.swap();
    const running = session.run(
      {
        ...batch.inputs,
        keep: float32([], [batch.first ? 0 : 1]),
        batch_share: float32([], [batch.share]),
        ...this.#carried.held(this.#step.parameters.map(({ name }) => name)),
        ...gradients.inputs,
      },
      { into: gradients.into, fetch },
    );
    if (!batch.last) return figures(await running);
    const { inputs, into } = this.#carried.swap();
    const updating = this.#update.run(
      { ...rates, ...inputs, ...this.#gradients.held(this.#step.accumulators.map(({ name }) => name)) },
      { into, fetch: [] },
    );
    const [found] = await Promise.all([running, updating]);
    return figures(found);
  }

  /** What is measured and shipped, as it is now, to be inputs of another graph: parameters, or their running means, and running statistics. */
  held(): Record<string, Held> {
    const sources = this.#sources();
    const held = this.#carried.held(sources.map(([, source]) => source));
    return Object.fromEntries(
      sources.flatMap(([name, source]) => (held[source] ? [[name, held[source]]] : [])),
    );
  }

  /** Values of what {@link held} gives. */
  async shipped(): Promise<Map<string, Tensor>> {
    const sources = this.#sources();
    const values = await this.#carried.read(sources.map(([, source]) => source));
    return new Map(
      sources.flatMap(([name, source]): [string, Tensor][] => {
        const value = values.get(source);
        return value ? [[name, value]] : [];
      }),
    );
  }

  /** Values of everything that is carried from step to step. */
  async read(): Promise<Map<string, Tensor>> {
    return await this.#carried.read();
  }

  /** Lets the memory go. */
  async close(): Promise<void> {
    await this.#session?.close();
    await this.#update?.close();
    await this.#carried.close();
    await this.#gradients?.close();
  }

  /** Each parameter and running statistic, and the tensor that holds what is shipped of it. */
  #sources(): [name: string, source: string][] {
    const { parameters, statistics, means } = this.#step;
    const sources = new Map(means.map(({ name, parameter }) => [parameter, name]));
    return [...parameters, ...statistics].map(({ name }) => [name, sources.get(name) ?? name]);
  }
}

function figures({ loss, correct }: Readonly<Record<"loss" | "correct", Tensor>>): StepFigures {
  return { loss: scalar(loss), correct: scalar(correct) };
}
