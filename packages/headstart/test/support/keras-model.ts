import { File, type Group, ready } from "h5wasm/node";
import { createRandom } from "../../src/random.js";

/** A layer of a Keras model, as its configuration has it, with the dimensions of its arrays. */
export interface KerasLayer {
  readonly className: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly arrays?: Readonly<Record<string, readonly number[]>>;
}

/** How a {@link writeKerasClassifier} ends and begins. */
export interface KerasClassifier {
  /** The model's name. */
  readonly name?: string;
  readonly outputs?: number;
  readonly activation?: "softmax" | "sigmoid" | "linear";
  /** Whether it divides pixels by 255 itself. */
  readonly rescales?: boolean;
  /** Put in front of its last layer. */
  readonly extra?: KerasLayer;
}

/** Side of the photos that a {@link writeKerasClassifier} takes. */
export const KERAS_SIZE = 16;

/**
 * Writes a small classifier as Keras 2 saves a whole model in an `.h5` file, with weights that a seed gives: perhaps a rescaling, a
 * convolution of four channels, the global average, and a fully connected layer.
 */
export async function writeKerasClassifier(path: string, choices: KerasClassifier = {}): Promise<string> {
  const { name = "classifier", outputs = 3, activation = "softmax", rescales = false, extra } = choices;
  const layers: KerasLayer[] = [
    {
      className: "InputLayer",
      config: { name: "photo", batch_input_shape: [null, KERAS_SIZE, KERAS_SIZE, 3] },
    },
    ...(rescales ? [{ className: "Rescaling", config: { name: "scale", scale: 1 / 255, offset: 0 } }] : []),
    {
      className: "Conv2D",
      config: {
        name: "conv",
        filters: 4,
        kernel_size: [3, 3],
        strides: [2, 2],
        padding: "same",
        activation: "relu",
      },
      arrays: { "kernel:0": [3, 3, 3, 4], "bias:0": [4] },
    },
    ...(extra === undefined ? [] : [extra]),
    { className: "GlobalAveragePooling2D", config: { name: "pool" } },
    {
      className: "Dense",
      config: { name: "answer", units: outputs, activation },
      arrays: { "kernel:0": [4, outputs], "bias:0": [outputs] },
    },
  ];
  await writeKerasModel(path, name, layers);
  return path;
}

/** Writes a Sequential model as Keras 2 saves it in an `.h5` file. */
async function writeKerasModel(path: string, name: string, layers: readonly KerasLayer[]): Promise<void> {
  await ready;
  const file = new File(path, "w");
  const config = {
    class_name: "Sequential",
    config: { name, layers: layers.map(({ className, config }) => ({ class_name: className, config })) },
  };
  file.create_attribute("keras_version", "2.15.0");
  file.create_attribute("backend", "tensorflow");
  file.create_attribute("model_config", JSON.stringify(config));
  const named = layers.map(({ config, arrays = {} }) => ({ name: String(config.name), arrays }));
  writeLayers(file.create_group("model_weights"), named);
  file.close();
}

/** Layers with the dimensions of their arrays. */
type Arrays = readonly {
  readonly name: string;
  readonly arrays: Readonly<Record<string, readonly number[]>>;
}[];

/** Writes weights only, as Keras publishes them, with values that a seed gives. */
export async function writeKerasWeights(path: string, layers: Arrays): Promise<void> {
  await ready;
  const file = new File(path, "w");
  writeLayers(file, layers);
  file.close();
}

function writeLayers(root: Group, layers: Arrays): void {
  const random = createRandom(2, "keras model");
  root.create_attribute(
    "layer_names",
    layers.map(({ name }) => name),
  );
  for (const { name: layer, arrays } of layers) {
    const group = root.create_group(layer);
    const names = Object.keys(arrays).map((array) => `${layer}/${array}`);
    if (names.length === 0) continue;
    group.create_attribute("weight_names", names);
    const inner = group.create_group(layer);
    for (const [name, shape] of Object.entries(arrays)) {
      const values = new Float32Array(shape.reduce((count, dim) => count * dim, 1));
      const range = Math.sqrt(3 / Math.max(1, values.length / (shape.at(-1) ?? 1)));
      const data = random.fill(values, (r) =>
        shape.length > 1 ? r.between(-range, range) : r.between(0.5, 1),
      );
      inner.create_dataset({ name, data, shape: [...shape] });
    }
  }
}
