import { float32, floats, type Graph, GraphBuilder, int64, type Tensor } from "../onnx/index.js";
import type { Runtime, Session } from "../runtime/index.js";
import { addScore, chooseClass } from "./chosen.js";

/** Places in a row and in a column at which the patch is laid. */
export const OCCLUSION_PLACES = 14;

/** Side of the patch, as a part of the photo's. */
const PATCH = 0.25;

/** What the patch is filled with, of 255. */
const GREY = 127;

/** Patches that are tried at once. */
const BATCH = 28;

/**
 * A photo with a grey patch at some places, through a classifier. Inputs: `image` uint8 [1, S, S, 3]; `class` int64 [1], the class, not -1;
 * `place` int64 [M], each a place of a square of `places` x `places` counted row after row; `clean` float [1], the score without a patch.
 * Output: `drop` float [M], how much of the score the patch takes away. The score is the class's logit, of
 * two classes less the other's.
 *
 * @param classifier - a graph with the input `image` and the outputs `probabilities` and `logits`
 * @param imageSize - S, in pixels
 * @param places - how many places a row has; the patch's middle is laid on the middle of each
 */
export function composeOcclusion(classifier: Graph, imageSize: number, places = OCCLUSION_PLACES): Graph {
  const b = new GraphBuilder(`${classifier.name} with a patch`);
  const image = b.input("image", "uint8", [1, imageSize, imageSize, 3]);
  const chosen = b.input("class", "int64", [1]);
  const place = b.input("place", "int64", ["M"]);
  const clean = b.input("clean", "float32", [1]);
  const pitch = imageSize / places;
  const middles = b.constant(
    "middles",
    float32(
      [imageSize],
      Float32Array.from({ length: imageSize }, (_, i) => i + 0.5),
    ),
  );
  const row = b.integers([places]);
  const hides = (index: string, axes: readonly number[]) => {
    const steps = b.node("Add", [b.node("Cast", [index], { to: 1 }), b.scalar(0.5)]);
    const centre = b.node("Unsqueeze", [b.node("Mul", [steps, b.scalar(pitch)]), b.integers([1])]);
    const distance = b.node("Abs", [b.node("Sub", [middles, centre])]);
    return b.node("Unsqueeze", [
      b.node("Less", [distance, b.scalar((PATCH * imageSize) / 2)]),
      b.integers(axes),
    ]);
  };
  const down = hides(b.node("Div", [place, row]), [2, 3]);
  const across = hides(b.node("Mod", [place, row]), [1, 3]);
  const grey = b.constant("grey", { type: "uint8", dims: [1], data: Uint8Array.of(GREY) });
  const hidden = b.node("Where", [b.node("And", [down, across]), grey, image]);
  const one = chooseClass(classifier);
  one.builder.output("score", "float32", ["N", 1], addScore(one));
  const everyPlace = b.node("Expand", [chosen, b.node("Shape", [place])]);
  const inner = { ...one.builder.build(), values: new Map(), metadata: new Map() };
  const outputs = b.include(inner, { image: hidden, class: everyPlace });
  const score = b.node("Squeeze", [outputs.get("score") ?? "", b.integers([1])]);
  b.output("drop", "float32", ["M"], b.node("Sub", [clean, score]));
  return b.build();
}

/**
 * How much of a class's score each part of a photo holds (Zeiler and Fergus, Visualizing and understanding convolutional networks, 2014, fig. 7): a
 * grey patch, a quarter as wide and high as the photo, is laid on place after place, and the score's fall is written down.
 */
export class Occluder {
  readonly #session: Session;

  private constructor(session: Session) {
    this.#session = session;
  }

  /**
   * Makes ready.
   *
   * @param runtime - runs the classifier
   * @param classifier - a graph with the input `image` and the outputs `probabilities` and `logits`
   * @param imageSize - side of the photos in pixels
   */
  static async load(runtime: Runtime, classifier: Graph, imageSize: number): Promise<Occluder> {
    return new Occluder(await runtime.load(composeOcclusion(classifier, imageSize)));
  }

  /**
   * The map of one photo; it takes the network {@link OCCLUSION_PLACES} x {@link OCCLUSION_PLACES} times.
   *
   * @param image - uint8 [1, S, S, 3]
   * @param chosen - the class
   * @param score - its score without a patch
   * @returns {@link OCCLUSION_PLACES} rows of as many numbers: how far the score falls, below 0 where it rises
   */
  async map(image: Tensor, chosen: number, score: number): Promise<Float32Array<ArrayBuffer>> {
    const map = new Float32Array(OCCLUSION_PLACES ** 2);
    for (let start = 0; start < map.length; start += BATCH) {
      const places = Array.from({ length: Math.min(BATCH, map.length - start) }, (_, i) => start + i);
      const { drop } = await this.#session.run(
        {
          image,
          class: int64([1], [chosen]),
          place: int64([places.length], places),
          clean: float32([1], [score]),
        },
        { fetch: ["drop"] },
      );
      map.set(floats(drop), start);
    }
    return map;
  }

  /** Frees the graph. */
  async close(): Promise<void> {
    await this.#session.close();
  }
}
