import { fileURLToPath } from "node:url";
import type { WantedWeight } from "../../src/backbones/keras/weights.js";
import { floats, type Tensor } from "../../src/onnx/index.js";

/** Path of one of the small Keras files that bench/peers/keras_files.py makes. */
export function kerasFixture(name: string): string {
  return fileURLToPath(new URL(`../fixtures/keras-files/${name}`, import.meta.url));
}

/** Arrays of a layer that {@link startOf} and the fixtures know: a 1x1 convolution and batch normalisation. */
export const CONV: readonly WantedWeight[] = [
  { name: "kernel", shape: [1, 1, 3, 2] },
  { name: "bias", shape: [2] },
];
export const NORM: readonly WantedWeight[] = ["gamma", "beta", "moving_mean", "moving_variance"].map(
  (name) => ({
    name,
    shape: [2],
  }),
);

/** The first element of an array of the fixtures; each element after it is one more. */
export function startOf(layer: string, array: string): number {
  return (100 * sum(layer) + sum(array)) % 1000;
}

/** What an array of the fixtures holds. */
export function patternOf(layer: string, { name, shape }: WantedWeight): number[] {
  const start = startOf(layer, name);
  return Array.from({ length: shape.reduce((size, dim) => size * dim, 1) }, (_, index) => start + index);
}

/** Elements of tensors. */
export function elements(tensors: readonly Tensor[]): number[][] {
  return tensors.map((tensor) => [...floats(tensor)]);
}

function sum(text: string): number {
  return [...text].reduce((total, character) => total + (character.codePointAt(0) ?? 0), 0);
}
