import type { PhotoStage } from "../backbones/index.js";
import { float32, type GraphBuilder, int64, type Tensor } from "../onnx/index.js";
import type { Random } from "../random.js";
import { drawBeta } from "./beta.js";
import type { Recipe } from "./recipe.js";

/** A recipe's choices for mixing photos. */
export type Mixing = Pick<Recipe, "mixup" | "cutmix">;

/** What is drawn to mix the photos of a batch. */
export interface Mix {
  /** int64 [N]: the photo of the batch that each is mixed with. */
  readonly partner: Tensor;
  /** float [N, 4]: left, top, right and bottom of the box that is mixed, in pixels; pixels from left and top up to, not including, right and bottom. */
  readonly mix_box: Tensor;
  /** float [N]: part of the photo itself in the box; the rest is its partner's. */
  readonly mix_weight: Tensor;
  /** float [N]: part of the photo itself in the whole view, and so of its own label in the target; the rest is the partner's label's. */
  readonly share: Tensor;
}

/** Whether photos are mixed at all. */
export function mixes({ mixup, cutmix }: Mixing): boolean {
  return mixup > 0 || cutmix > 0;
}

/**
 * Mixes every photo with its partner inside a box: mix_weight times the photo and 1 - mix_weight times the partner. Outside the box the photo
 * is as it was. Mixup is a box that is the whole photo; cutmix is a weight of 0.
 *
 * Declares the inputs `partner`, `mix_box` and `mix_weight`, see {@link Mix}.
 *
 * @param size - side of the square photos, in pixels
 */
export function mixStage(size: number): PhotoStage {
  return (b, image) => {
    const partner = b.input("partner", "int64", ["N"]);
    const box = b.input("mix_box", "float32", ["N", 4]);
    const weight = b.input("mix_weight", "float32", ["N"]);
    const [left = "", top = "", right = "", bottom = ""] = b.nodes("Split", [box], 4, {
      axis: 1,
      num_outputs: 4,
    });
    const places = b.constant(
      "places",
      float32(
        [size],
        Array.from({ length: size }, (_, i) => i),
      ),
    );
    const columns = b.node("Reshape", [inside(b, places, left, right), b.integers([-1, 1, 1, size])]);
    const rows = b.node("Reshape", [inside(b, places, top, bottom), b.integers([-1, 1, size, 1])]);
    const amount = b.node("Sub", [b.scalar(1), b.node("Reshape", [weight, b.integers([-1, 1, 1, 1])])]);
    const others = b.node("Mul", [b.node("Mul", [amount, columns]), rows]);
    const own = b.node("Mul", [image, b.node("Sub", [b.scalar(1), others])]);
    return b.node("Add", [own, b.node("Mul", [b.node("Gather", [image, partner], { axis: 0 }), others])]);
  };
}

/**
 * Draws how the photos of a batch are mixed. The partners are a random order of the batch, so a photo may be its own. Weight and size of the
 * box are drawn once a batch, as timm does by default:
 * - mixup (Zhang et al., 2018): the whole photo, with a weight from Beta(mixup, mixup).
 * - cutmix (Yun et al., 2019): with l from Beta(cutmix, cutmix), a box whose sides are sqrt(1 - l) times the photo's, in whole pixels, its
 *   centre anywhere; what lies outside the photo is cut off. The share of the label is what is left of the photo.
 * - both: each batch takes one of them, either as often.
 *
 * @param random - where numbers come from
 * @param rows - N, the number of photos
 * @param size - side of the square photos, in pixels
 */
export function drawMix(random: Random, { mixup, cutmix }: Mixing, rows: number, size: number): Mix {
  const cuts = cutmix > 0 && (mixup === 0 || random.uniform() < 0.5);
  const weight = cuts ? 0 : drawBeta(random, mixup);
  const box = cuts ? drawBox(random, 1 - drawBeta(random, cutmix), size) : [0, 0, size, size];
  const [left = 0, top = 0, right = 0, bottom = 0] = box;
  const share = 1 - ((1 - weight) * (right - left) * (bottom - top)) / size ** 2;
  const order = random.shuffle(Array.from({ length: rows }, (_, row) => row));
  return {
    partner: int64([rows], order),
    mix_box: float32(
      [rows, 4],
      order.flatMap(() => box),
    ),
    mix_weight: float32(
      [rows],
      order.map(() => weight),
    ),
    share: float32(
      [rows],
      order.map(() => share),
    ),
  };
}

/** Left, top, right and bottom of a box of about `area` of the photo, cut off at the photo's edges. */
function drawBox(random: Random, area: number, size: number): readonly number[] {
  const side = Math.floor(Math.sqrt(area) * size);
  const before = Math.floor(side / 2);
  const [left, top] = [random.integer(size) - before, random.integer(size) - before];
  const within = (place: number) => Math.min(Math.max(place, 0), size);
  return [left, top, left + side, top + side].map(within);
}

/** float [N, S]: 1 for places from `first` up to, not including, `end`, which are [N, 1]; else 0. */
function inside(b: GraphBuilder, places: string, first: string, end: string): string {
  const both = b.node("And", [b.node("GreaterOrEqual", [places, first]), b.node("Less", [places, end])]);
  return b.node("Cast", [both], { to: FLOAT });
}

/** ONNX's number for float32 in `Cast`. */
const FLOAT = 1;
