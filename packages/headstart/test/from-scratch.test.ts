import { expect, test } from "vitest";
import { float32, GraphBuilder, int64, scalar, type Tensor } from "../src/onnx/index.js";
import { createRandom, type Random } from "../src/random.js";
import { Runtime } from "../src/runtime/index.js";
import {
  composeEvaluation,
  composeStep,
  initialHead,
  learningRateAt,
  type Optimiser,
  ParameterSets,
  type Tail,
} from "../src/training/index.js";

const SIDE = 32;
const PIXELS = 3 * SIDE * SIDE;
const TRAINING = 2000;
const HELD_OUT = 500;
const BATCH = 50;
const EPOCHS = 8;
const CHANNELS = [12, 24, 48];
const OPTIMISER: Optimiser = {
  kind: "adamw",
  learningRate: 0.006,
  beta1: 0.9,
  beta2: 0.99,
  epsilon: 1e-8,
  weightDecay: 0.01,
};

/** Whether a point is inside a shape that fills the square from -1 to 1. */
const SHAPES: readonly ((x: number, y: number) => boolean)[] = [
  (x, y) => Math.hypot(x, y) < 1, // circle
  (x, y) => Math.max(Math.abs(x), Math.abs(y)) < 0.85, // square
  (x, y) => Math.abs(y) < 0.9 && Math.abs(x) < (y + 0.9) / 1.8, // triangle
  (x, y) => Math.min(Math.abs(x), Math.abs(y)) < 0.3 && Math.max(Math.abs(x), Math.abs(y)) < 1, // cross
  (x, y) => Math.hypot(x, y) < 1 && Math.hypot(x, y) > 0.6, // ring
];

test("a small network learns shapes from scratch, right for at least 99 % of those it has not seen", async () => {
  const runtime = Runtime.start({ threads: 2 });
  try {
    const data = drawShapes(createRandom(1, "training"), TRAINING);
    const tail = network();
    const options = { tail, featureCount: CHANNELS.at(-1) ?? 0, classes: SHAPES.length };
    const step = composeStep({
      ...options,
      optimiser: OPTIMISER,
      dropout: 0,
      labelSmoothing: 0.05,
      clipNorm: 1,
    });
    const sets = await ParameterSets.create(runtime, step.carried, initial(tail, options));
    const session = await runtime.load(step.graph);
    const steps = (EPOCHS * TRAINING) / BATCH;
    for (let number = 0; number < steps; number++) {
      const at = (number * BATCH) % TRAINING;
      const { inputs, into } = sets.swap();
      await session.run(
        {
          activations: float32(
            [BATCH, 3, SIDE, SIDE],
            data.images.subarray(at * PIXELS, (at + BATCH) * PIXELS),
          ),
          label: int64([BATCH], data.labels.slice(at, at + BATCH)),
          learning_rate: float32(
            [],
            [learningRateAt({ kind: "one-cycle" }, OPTIMISER.learningRate, number, steps)],
          ),
          step: float32([], [number + 1]),
          ...inputs,
        },
        { into, fetch: [] },
      );
    }
    const evaluation = await runtime.load(composeEvaluation(options));
    const unseen = drawShapes(createRandom(1, "held out"), HELD_OUT);
    const { correct } = await evaluation.run<"correct">({
      activations: float32([HELD_OUT, 3, SIDE, SIDE], unseen.images),
      label: int64([HELD_OUT], unseen.labels),
      ...sets.held(step.parameters.map(({ name }) => name)),
    });
    expect(scalar(correct) / HELD_OUT).toBeGreaterThanOrEqual(0.99);
  } finally {
    await runtime.close();
  }
});

/** Images [count, 3, SIDE, SIDE] from 0 to 1 up to their noise, each of one shape of random place, size and colours, and what they show. */
function drawShapes(random: Random, count: number) {
  const images = new Float32Array(count * PIXELS);
  const labels = Array.from({ length: count }, () => random.integer(SHAPES.length));
  for (const [image, label] of labels.entries()) {
    const radius = random.between(6, 13);
    const [left, top] = [random.between(radius, SIDE - radius), random.between(radius, SIDE - radius)];
    const dark = [0, 1, 2].map(() => random.between(0, 0.4));
    const light = [0, 1, 2].map(() => random.between(0.6, 1));
    const [inside, outside] = random.uniform() < 0.5 ? [dark, light] : [light, dark];
    const isInside = SHAPES[label] ?? (() => false);
    for (let y = 0; y < SIDE; y++)
      for (let x = 0; x < SIDE; x++) {
        const colour = isInside((x + 0.5 - left) / radius, (y + 0.5 - top) / radius) ? inside : outside;
        for (const [channel, value] of colour.entries())
          images[((image * 3 + channel) * SIDE + y) * SIDE + x] = value + random.between(-0.15, 0.15);
      }
  }
  return { images, labels };
}

/** Three times convolution, ReLU and maximum of 2 x 2 pixels; then the average over all places. */
function network(): Tail {
  const b = new GraphBuilder("shapes");
  const parameters: { name: string; shape: number[]; depth: number }[] = [];
  const parameter = (name: string, shape: number[]) => {
    parameters.push({ name, shape, depth: 0 });
    return b.input(name, "float32", shape);
  };
  const images = b.input("activations", "float32", ["N", 3, SIDE, SIDE]);
  let x = b.node("Sub", [images, b.scalar(0.5)]);
  for (const [layer, channels] of CHANNELS.entries()) {
    const weight = parameter(`conv${layer}.weight`, [channels, CHANNELS[layer - 1] ?? 3, 3, 3]);
    const bias = parameter(`conv${layer}.bias`, [channels]);
    const convolved = b.node("Conv", [x, weight, bias], { kernel_shape: [3, 3], pads: [1, 1, 1, 1] });
    x = b.node("MaxPool", [b.node("Relu", [convolved])], { kernel_shape: [2, 2], strides: [2, 2] });
  }
  const features = b.node("ReduceMean", [x, b.integers([2, 3])], { keepdims: 0 });
  b.output("features", "float32", ["N", CHANNELS.at(-1) ?? 0], features);
  return { graph: b.build(), parameters };
}

/** Filters from the normal range of He et al. (Delving deep into rectifiers, 2015), drawn evenly: within sqrt(6 / inputs); biases of zero. */
function initial(
  { parameters }: Tail,
  { featureCount, classes }: { readonly featureCount: number; readonly classes: number },
): Map<string, Tensor> {
  const random = createRandom(1, "network");
  const filters = parameters
    .filter(({ shape }) => shape.length > 1)
    .map(({ name, shape }): [string, Tensor] => {
      const inputs = shape.slice(1).reduce((product, size) => product * size, 1);
      const values = new Float32Array(inputs * (shape[0] ?? 0));
      const limit = Math.sqrt(6 / inputs);
      return [
        name,
        float32(
          shape,
          random.fill(values, (r) => r.between(-limit, limit)),
        ),
      ];
    });
  return new Map<string, Tensor>([
    ...filters,
    ...initialHead("glorot-uniform", featureCount, classes, random),
  ]);
}
