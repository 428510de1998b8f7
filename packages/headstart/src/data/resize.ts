import type { PhotoStage } from "../backbones/index.js";
import { float } from "../onnx/index.js";

/** How photos are brought to the image size: squashed to a square, bicubic with averaging, or by taking the nearest pixel. */
export type Resize = "bicubic" | "nearest";

/**
 * Squashes photos of any size to `size` x `size` in the graph.
 *
 * `bicubic` is Pillow's `BICUBIC` (a = -0.5, averaging when it shrinks), rounded to whole values as 8-bit pixels are; `nearest` is Pillow's
 * `NEAREST`, which takes the pixel at floor((x + 0.5) * scale). Where that falls exactly between two pixels, either may be taken: Pillow
 * itself decides by rounding errors there.
 */
export function resizeStage(size: number, resize: Resize): PhotoStage {
  return (b, image) => {
    // All four sizes, the first two as they are: ONNX Runtime 1.30 moves a Transpose across a Resize with `axes` wrongly.
    const kept = b.node("Shape", [image], { end: 2 });
    const sizes = b.node("Concat", [kept, b.integers([size, size])], { axis: 0 });
    if (resize === "nearest")
      return b.node("Resize", [image, "", "", sizes], {
        mode: "nearest",
        coordinate_transformation_mode: "half_pixel",
        nearest_mode: "round_prefer_ceil",
      });
    const resized = b.node("Resize", [image, "", "", sizes], {
      mode: "cubic",
      coordinate_transformation_mode: "half_pixel",
      cubic_coeff_a: float(-0.5),
      antialias: 1,
      // At the edges, weights of pixels that are not there are shared out among those that are, as Pillow does.
      exclude_outside: 1,
    });
    return b.node("Round", [b.node("Clip", [resized, b.scalar(0), b.scalar(255)])]);
  };
}
