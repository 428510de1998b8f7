import { elementCount, float32, type Tensor } from "../onnx/index.js";
import type { Held, Runtime } from "../runtime/index.js";
import type { StepTensor } from "./update.js";

/**
 * Parameters and optimiser slots, left with the runtime in two sets: a step reads one and writes the other, then they swap roles. So
 * nothing is allocated in a step.
 */
export class ParameterSets {
  readonly #runtime: Runtime;
  #now: ReadonlyMap<string, Held>;
  #next: ReadonlyMap<string, Held>;

  private constructor(runtime: Runtime, now: ReadonlyMap<string, Held>, next: ReadonlyMap<string, Held>) {
    this.#runtime = runtime;
    this.#now = now;
    this.#next = next;
  }

  /**
   * @param runtime - holds the tensors
   * @param tensors - names and shapes of all of them
   * @param values - what they start from, by name; zeros where there is nothing
   */
  static async create(
    runtime: Runtime,
    tensors: readonly StepTensor[],
    values: ReadonlyMap<string, Tensor>,
  ): Promise<ParameterSets> {
    const hold = async () =>
      new Map(
        await Promise.all(
          tensors.map(async ({ name, shape }): Promise<[string, Held]> => {
            const zeros = () => float32(shape, new Float32Array(elementCount(shape)));
            return [name, await runtime.hold(values.get(name) ?? zeros())];
          }),
        ),
      );
    return new ParameterSets(runtime, await hold(), await hold());
  }

  /** What the next step reads, by name, and what it writes, by output name; from here on, the latter is what is read. */
  swap(): { readonly inputs: Record<string, Held>; readonly into: Record<string, Held> } {
    const inputs = Object.fromEntries(this.#now);
    const into = Object.fromEntries([...this.#next].map(([name, held]) => [`${name}.next`, held]));
    [this.#now, this.#next] = [this.#next, this.#now];
    return { inputs, into };
  }

  /** Some of the tensors as they are now, to be inputs of another graph. */
  held(names: readonly string[]): Record<string, Held> {
    return Object.fromEntries([...this.#now].filter(([name]) => names.includes(name)));
  }

  /** Values of some of the tensors as they are now; by default of all. */
  async read(names: readonly string[] = [...this.#now.keys()]): Promise<Map<string, Tensor>> {
    const values = Object.entries(this.held(names)).map(
      async ([name, held]): Promise<[string, Tensor]> => [name, await this.#runtime.read(held)],
    );
    return new Map(await Promise.all(values));
  }

  /** Lets the memory go. */
  async close(): Promise<void> {
    await this.#runtime.drop(...this.#now.values(), ...this.#next.values());
  }
}
