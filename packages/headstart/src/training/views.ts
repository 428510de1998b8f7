import type { PhotoStage } from "../backbones/index.js";
import { changesColours, drawView, movesPixels } from "../data/index.js";
import { float32, type Tensor } from "../onnx/index.js";
import type { Random } from "../random.js";
import { affineStage, colourStage } from "./augment.js";
import { drawMix, mixes, mixStage } from "./mixing.js";
import type { Recipe } from "./recipe.js";

/** A recipe's choices for what is done to photos at random. */
export type ViewChoices = Pick<Recipe, "augmentation" | "mixup" | "cutmix">;

/**
 * Makes of every photo the view that was drawn for it by {@link drawInputs}: moved, recoloured, mixed with another of its batch. Only what
 * the choices allow is in the graph, with only those inputs: `affine` of {@link affineStage}, `colour` of {@link colourStage}, and
 * `partner`, `mix_box` and `mix_weight` of {@link mixStage}.
 *
 * @param size - side of the square photos, in pixels
 */
export function viewStage(choices: ViewChoices, size: number): PhotoStage {
  const stages = stagesOf(choices).map((stage) => STAGES[stage](size));
  return (b, image) => stages.reduce((value, stage) => stage(b, value), image);
}

/**
 * Draws the inputs that {@link viewStage} declares for a batch: first the views of the photos in order, then how they are mixed.
 *
 * @param random - where numbers come from
 * @param rows - N, the number of photos in the batch
 * @param size - side of the square photos, in pixels
 * @returns the inputs by name; and, where photos are mixed, `share`, float [N], which the loss reads: part of the target that is the
 *   photo's own label, the rest being its partner's
 */
export function drawInputs(
  random: Random,
  choices: ViewChoices,
  rows: number,
  size: number,
): Record<string, Tensor> {
  const { augmentation } = choices;
  const stages = stagesOf(choices);
  const affine = new Float32Array(rows * 6);
  const colour = new Float32Array(rows * 12);
  for (let row = 0; augmentation !== null && row < rows; row++) {
    const view = drawView(random, augmentation, size);
    affine.set(view.affine, row * 6);
    colour.set(view.colour, row * 12);
  }
  return {
    ...(stages.includes("affine") && { affine: float32([rows, 2, 3], affine) }),
    ...(stages.includes("colour") && { colour: float32([rows, 3, 4], colour) }),
    ...(stages.includes("mix") && drawMix(random, choices, rows, size)),
  };
}

const STAGES = { affine: affineStage, colour: colourStage, mix: mixStage };

/** What is done to photos, in order. */
function stagesOf(choices: ViewChoices): readonly (keyof typeof STAGES)[] {
  const { augmentation } = choices;
  return [
    ...(augmentation !== null && movesPixels(augmentation) ? (["affine"] as const) : []),
    ...(augmentation !== null && changesColours(augmentation) ? (["colour"] as const) : []),
    ...(mixes(choices) ? (["mix"] as const) : []),
  ];
}
