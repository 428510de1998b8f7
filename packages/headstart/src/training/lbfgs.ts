import { float32, type Graph, GraphBuilder, scalar } from "../onnx/index.js";
import type { Held, Runtime, Session } from "../runtime/index.js";

/** Pairs of steps and gradient differences that are remembered; 10 as in SciPy. */
const MEMORY = 10;

/** Armijo's constant: the share of the promised decrease that a step must bring. */
const SUFFICIENT = 1e-4;

/** How often a step is shortened before the search gives up. */
const SHORTENINGS = 20;

/**
 * A smooth function of a vector: returns its value at a point, and writes its gradient there into `gradient`. A value that is not finite
 * makes the minimiser take a shorter step.
 */
export type Objective = (point: Held, gradient: Held) => Promise<number>;

/** When {@link Lbfgs.minimise} stops. */
export interface MinimiseOptions {
  /** Most iterations. */
  readonly iterations: number;
  /** Stops when the largest component of the gradient is below this. */
  readonly tolerance: number;
  /** Stops when iterations lower the value by less than this part of it (default 1e-7, what 32 bits can tell apart) ... */
  readonly gain?: number;
  /** ... so many times in a row (default 2: one may have taken a step that was too short). */
  readonly patience?: number;
  /** Called after each iteration with the point that it reached and the value there. */
  readonly onIteration?: (iteration: number, point: Held, value: number) => Promise<void> | void;
}

/**
 * Limited-memory BFGS: minimises a smooth function from its gradients. The vectors stay with the runtime and the arithmetic on them is
 * three small graphs; only single numbers come back.
 *
 * Source: J. Nocedal and S. Wright, Numerical Optimization, 2nd edition, algorithms 7.4 (two-loop recursion), 7.5 and 3.1 (backtracking).
 */
export class Lbfgs {
  readonly #runtime: Runtime;
  readonly #direction: Session;
  readonly #move: Session;
  readonly #difference: Session;

  private constructor(runtime: Runtime, direction: Session, move: Session, difference: Session) {
    this.#runtime = runtime;
    this.#direction = direction;
    this.#move = move;
    this.#difference = difference;
  }

  /** Loads the graphs that the minimiser needs. */
  static async load(runtime: Runtime): Promise<Lbfgs> {
    const [direction, move, difference] = await Promise.all([
      runtime.load(composeDirection()),
      runtime.load(composeMove()),
      runtime.load(composeDifference()),
    ]);
    return new Lbfgs(runtime, direction, move, difference);
  }

  /**
   * Minimises `objective`.
   *
   * @param objective - the function
   * @param start - a held float vector to start from; it holds the result at the end, or where the search stood when `objective` or
   *   `onIteration` failed
   * @param size - its length
   * @param options - when to stop
   * @returns the value at the result and the number of iterations
   */
  async minimise(
    objective: Objective,
    start: Held,
    size: number,
    options: MinimiseOptions,
  ): Promise<{ value: number; iterations: number }> {
    const zeros = () => this.#runtime.hold(float32([size], new Float32Array(size)));
    const steps = await Promise.all(Array.from({ length: MEMORY }, zeros));
    const changes = await Promise.all(Array.from({ length: MEMORY }, zeros));
    const spare = await zeros();
    let point = start;
    let trial = spare;
    const direction = await zeros();
    let gradient = await zeros();
    let nextGradient = await zeros();
    // The runtime does one thing after another, so what only it needs is asked for ahead and waited for with the next answer.
    let ahead: Promise<unknown>[] = [];
    try {
      let value = await objective(point, gradient);
      let little = 0;
      for (let iteration = 1; iteration <= options.iterations; iteration++) {
        const [found] = await Promise.all([
          this.#direction.run(
            { gradient, ...named("step", steps), ...named("change", changes) },
            { into: { direction }, fetch: ["slope", "largest", "length"] },
          ),
          ...ahead,
        ]);
        const slope = scalar(found.slope);
        if (scalar(found.largest) <= options.tolerance || !(slope < 0))
          return { value, iterations: iteration - 1 };
        // Without a remembered pair the direction is the gradient itself, of any length: the first step is one unit long at most.
        let scale = iteration === 1 ? Math.min(1, 1 / scalar(found.length)) : 1;
        let next = Number.POSITIVE_INFINITY;
        for (let tries = 0; tries <= SHORTENINGS; tries++, scale /= 2) {
          const by = float32([], [scale]);
          const moved = this.#move.run({ point, direction, scale: by }, { into: { moved: trial } });
          [next] = await Promise.all([objective(trial, nextGradient), moved]);
          if (next <= value + SUFFICIENT * scale * slope) break;
          next = Number.POSITIVE_INFINITY;
        }
        // No shorter step is better: the value cannot be told from its neighbours in 32 bits.
        if (next === Number.POSITIVE_INFINITY) return { value, iterations: iteration - 1 };
        const step = rotate(steps);
        const change = rotate(changes);
        ahead = [
          this.#difference.run({ to: trial, from: point }, { into: { difference: step } }),
          this.#difference.run({ to: nextGradient, from: gradient }, { into: { difference: change } }),
        ];
        [point, trial] = [trial, point];
        [gradient, nextGradient] = [nextGradient, gradient];
        const gained = value - next;
        value = next;
        await options.onIteration?.(iteration, point, value);
        // The first steps know little of the curvature and gain little.
        little = gained <= (options.gain ?? 1e-7) * Math.abs(value) ? little + 1 : 0;
        if (iteration >= MEMORY / 2 && little >= (options.patience ?? 2))
          return { value, iterations: iteration };
      }
      return { value, iterations: options.iterations };
    } finally {
      await Promise.allSettled(ahead);
      if (point !== start)
        await this.#move.run(
          { point, direction: point, scale: float32([], [0]) },
          { into: { moved: start } },
        );
      await this.#runtime.drop(...steps, ...changes, spare, direction, gradient, nextGradient);
    }
  }

  /** Frees the graphs. */
  async close(): Promise<void> {
    await Promise.all([this.#direction, this.#move, this.#difference].map((session) => session.close()));
  }
}

/** The oldest of the remembered vectors, moved to the end to be overwritten as the newest. */
function rotate(vectors: Held[]): Held {
  const oldest = vectors.shift();
  if (oldest === undefined) throw new Error("Nothing is remembered.");
  vectors.push(oldest);
  return oldest;
}

function named(name: string, vectors: readonly Held[]): Record<string, Held> {
  return Object.fromEntries(vectors.map((vector, i) => [`${name}_${i}`, vector]));
}

/** Minus the gradient times the inverse Hessian as the remembered pairs (oldest first) know it; a pair of zeros changes nothing. */
function composeDirection(): Graph {
  const b = new GraphBuilder("L-BFGS direction");
  const gradient = b.input("gradient", "float32", ["P"]);
  const pairs = Array.from({ length: MEMORY }, (_, i) => ({
    step: b.input(`step_${i}`, "float32", ["P"]),
    change: b.input(`change_${i}`, "float32", ["P"]),
  })).map(({ step, change }) => {
    const curvature = dot(b, step, change);
    return { step, change, curvature, inverse: inverseOrZero(b, curvature) };
  });
  let q = gradient;
  const weights: string[] = [];
  for (const { step, change, inverse } of pairs.toReversed()) {
    const weight = b.node("Mul", [inverse, dot(b, step, q)]);
    weights.unshift(weight);
    q = b.node("Sub", [q, b.node("Mul", [weight, change])]);
  }
  const newest = pairs[MEMORY - 1];
  if (newest === undefined) throw new Error("unreachable");
  const squared = dot(b, newest.change, newest.change);
  const ratio = b.node("Mul", [newest.curvature, inverseOrZero(b, squared)]);
  const some = b.node("Greater", [ratio, b.scalar(0)]);
  let r = b.node("Mul", [b.node("Where", [some, ratio, b.scalar(1)]), q]);
  pairs.forEach(({ step, change, inverse }, i) => {
    const correction = b.node("Sub", [weights[i] ?? "", b.node("Mul", [inverse, dot(b, change, r)])]);
    r = b.node("Add", [r, b.node("Mul", [correction, step])]);
  });
  const direction = b.node("Neg", [r]);
  b.output("direction", "float32", ["P"], direction);
  b.output("slope", "float32", [], dot(b, gradient, direction));
  b.output("largest", "float32", [], b.node("ReduceMax", [b.node("Abs", [gradient])], { keepdims: 0 }));
  b.output("length", "float32", [], b.node("ReduceL2", [gradient], { keepdims: 0 }));
  return b.build();
}

/** Inner product of two vectors. Of vectors this is several times as fast in ONNX Runtime as MatMul. */
function dot(b: GraphBuilder, one: string, other: string): string {
  return b.node("ReduceSum", [b.node("Mul", [one, other])], { keepdims: 0 });
}

/** 1 / value where the value is above nothing, else 0. */
function inverseOrZero(b: GraphBuilder, value: string): string {
  const positive = b.node("Greater", [value, b.scalar(1e-20)]);
  const safe = b.node("Where", [positive, value, b.scalar(1)]);
  return b.node("Where", [positive, b.node("Div", [b.scalar(1), safe]), b.scalar(0)]);
}

function composeMove(): Graph {
  const b = new GraphBuilder("L-BFGS move");
  const point = b.input("point", "float32", ["P"]);
  const direction = b.input("direction", "float32", ["P"]);
  const scale = b.input("scale", "float32", []);
  b.output("moved", "float32", ["P"], b.node("Add", [point, b.node("Mul", [scale, direction])]));
  return b.build();
}

function composeDifference(): Graph {
  const b = new GraphBuilder("L-BFGS difference");
  const to = b.input("to", "float32", ["P"]);
  const from = b.input("from", "float32", ["P"]);
  b.output("difference", "float32", ["P"], b.node("Sub", [to, from]));
  return b.build();
}
