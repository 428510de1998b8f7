import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { KerasWeights } from "../../src/backbones/keras/weights.js";
import { floats, type Tensor } from "../../src/onnx/index.js";
import { readSafetensors } from "./safetensors.js";

const folder = fileURLToPath(new URL("../fixtures/keras-import/", import.meta.url));
const tensors = readSafetensors(`${folder}tensors.safetensors`);

/** A small model that Keras made, with what it makes of its inputs. */
export interface KerasGolden {
  readonly name: string;
  /** Whether it cannot be run at another size. */
  readonly fixed: boolean;
  readonly config: unknown;
  /** The layers that have weights, in Keras's order. */
  readonly layers: readonly string[];
  readonly weights: KerasWeights;
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
}

/** The models of bench/peers/keras_goldens.py. */
export function kerasGoldens(): KerasGolden[] {
  const { cases } = JSON.parse(readFileSync(`${folder}cases.json`, "utf8")) as {
    cases: Pick<KerasGolden, "name" | "fixed" | "config" | "layers">[];
  };
  return cases.map((one) => ({
    ...one,
    weights: {
      read: (path, wanted) =>
        wanted.map(({ shape }, i) => {
          const key = `${one.name}/${path.join("/")}:${i}`;
          const tensor = tensors.get(key);
          if (tensor?.dims.join() !== shape.join())
            throw new Error(`${key} is [${tensor?.dims}], not [${shape}]`);
          return tensor;
        }),
    },
    inputs: numbered(`${one.name}/input`),
    outputs: numbered(`${one.name}/output`),
  }));
}

function numbered(name: string): Tensor[] {
  const found: Tensor[] = [];
  for (let next = tensors.get(`${name}:0`); next !== undefined; next = tensors.get(`${name}:${found.length}`))
    found.push(next);
  return found;
}

/** The largest difference between two tensors of one shape, in parts of the largest number of the second. */
export function relativeDifference(one: Tensor | undefined, other: Tensor): number {
  if (one?.dims.join() !== other.dims.join()) return Number.POSITIVE_INFINITY;
  const [a, b] = [floats(one), floats(other)];
  const most = b.reduce((max, x) => Math.max(max, Math.abs(x)), 1e-6);
  return a.reduce((max, x, i) => Math.max(max, Math.abs(x - (b[i] ?? Number.NaN))), 0) / most;
}
