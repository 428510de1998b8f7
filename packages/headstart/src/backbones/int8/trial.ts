import type { Graph, Tensor } from "../../onnx/index.js";
import type { Runtime, Session } from "../../runtime/index.js";
import { type Agreement, compareFeatures } from "./agreement.js";

/** Times that either network runs to be timed; they take turns, and the first time only makes memory ready. */
const ROUNDS = 4;

/** Compares networks with the float one on some photos. */
export class Trial {
  readonly #runtime: Runtime;
  readonly #front: (graph: Graph) => Graph;
  readonly #image: Tensor;
  readonly #float: Session;
  readonly #expected: Tensor;

  private constructor(
    runtime: Runtime,
    front: (graph: Graph) => Graph,
    image: Tensor,
    float: Session,
    expected: Tensor,
  ) {
    this.#runtime = runtime;
    this.#front = front;
    this.#image = image;
    this.#float = float;
    this.#expected = expected;
  }

  /**
   * @param runtime - runs the networks
   * @param graph - the float network, from `image` to `features`
   * @param front - puts the way from photos before a network
   * @param image - the photos
   */
  static async start(
    runtime: Runtime,
    graph: Graph,
    front: (graph: Graph) => Graph,
    image: Tensor,
  ): Promise<Trial> {
    const session = await runtime.load(front(graph));
    const { features } = await session.run<"features">({ image });
    return new Trial(runtime, front, image, session, features);
  }

  /** How far the features of another network agree with those of the float one. */
  async agreement(graph: Graph): Promise<Agreement> {
    const session = await this.#runtime.load(this.#front(graph));
    try {
      const { features } = await session.run<"features">({ image: this.#image });
      return await compareFeatures(this.#runtime, this.#expected, features);
    } finally {
      await session.close();
    }
  }

  /** Milliseconds a photo of the float network and of another. */
  async times(graph: Graph): Promise<{ float: number; int8: number }> {
    const session = await this.#runtime.load(this.#front(graph));
    const quickest = { float: Number.POSITIVE_INFINITY, int8: Number.POSITIVE_INFINITY };
    try {
      for (let round = 0; round < ROUNDS; round++)
        for (const [which, one] of [["float", this.#float] as const, ["int8", session] as const]) {
          const start = performance.now();
          await one.run({ image: this.#image });
          const taken = (performance.now() - start) / (this.#image.dims[0] ?? 1);
          if (round > 0) quickest[which] = Math.min(quickest[which], taken);
        }
    } finally {
      await session.close();
    }
    return quickest;
  }

  /** Frees memory. */
  async close(): Promise<void> {
    await this.#float.close();
  }
}
