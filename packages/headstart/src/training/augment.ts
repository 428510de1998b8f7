import type { PhotoStage } from "../backbones/index.js";
import { LUMINANCE } from "../data/colour.js";
import { float32 } from "../onnx/index.js";

/**
 * Applies to every photo the affine map drawn for it: each pixel of the result is read from where the map sends it, bilinearly, and from
 * the nearest edge where that is outside the photo.
 *
 * Declares the input `affine`, float [N, 2, 3]: rows that take (x, y, 1) of a pixel in the result to x and y in the photo, in pixels.
 *
 * @param size - side of the square photos, in pixels
 */
export function affineStage(size: number): PhotoStage {
  return (b, image) => {
    const affine = b.input("affine", "float32", ["N", 2, 3]);
    // GridSample counts from -1 at the centre of the first pixel to 1 at the centre of the last (align_corners = 1).
    const scaled = b.node("Mul", [affine, b.scalar(2 / (size - 1))]);
    const normalised = b.node("Sub", [scaled, b.constant("origin", float32([1, 1, 3], [0, 0, 1]))]);
    const points = b.constant("points", float32([size * size, 3], gridPoints(size)));
    const places = b.node("MatMul", [points, b.node("Transpose", [normalised], { perm: [0, 2, 1] })]);
    const grid = b.node("Reshape", [places, b.integers([0, size, size, 2])]);
    return b.node("GridSample", [image, grid], { align_corners: 1, mode: "linear", padding_mode: "border" });
  };
}

/**
 * Applies to every photo the colour matrix drawn for it, and clips the result to 0 and 255.
 *
 * Declares the input `colour`, float [N, 3, 4]: rows that take red, green and blue of a pixel and the mean luminance of the photo to red,
 * green and blue.
 *
 * @param size - side of the square photos, in pixels
 */
export function colourStage(size: number): PhotoStage {
  return (b, image) => {
    const colour = b.input("colour", "float32", ["N", 3, 4]);
    const [matrix = "", ofMean = ""] = b.nodes("Split", [colour, b.integers([3, 1])], 2, { axis: 2 });
    const means = b.node("ReduceMean", [image, b.integers([2, 3])], { keepdims: 0 });
    const luminance = b.node("MatMul", [means, b.constant("luminance", float32([3, 1], LUMINANCE))]);
    const offset = b.node("Mul", [ofMean, b.node("Reshape", [luminance, b.integers([-1, 1, 1])])]);
    const pixels = b.node("Reshape", [image, b.integers([0, 3, size * size])]);
    const mixed = b.node("MatMul", [matrix, pixels]);
    const changed = b.node("Add", [mixed, offset]);
    const clipped = b.node("Clip", [changed, b.scalar(0), b.scalar(255)]);
    return b.node("Reshape", [clipped, b.integers([0, 3, size, size])]);
  };
}

/** (x, y, 1) of every pixel of a square, row by row. */
function gridPoints(size: number): Float32Array<ArrayBuffer> {
  const points = new Float32Array(size * size * 3);
  for (let i = 0; i < size * size; i++) points.set([i % size, Math.floor(i / size), 1], i * 3);
  return points;
}
