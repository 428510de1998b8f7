import { parseArgs } from "node:util";
import {
  type Backbone,
  composeFront,
  composePhotos,
  divide,
  int8Backbone,
} from "../../packages/headstart/dist/backbones/index.js";
import { float32, int64, type Tensor, uint8 } from "../../packages/headstart/dist/onnx/index.js";
import { createRandom } from "../../packages/headstart/dist/random.js";
import { Runtime } from "../../packages/headstart/dist/runtime/index.js";
import { initialHead, type Optimiser } from "../../packages/headstart/dist/training/index.js";
import { ParameterSets } from "../../packages/headstart/dist/training/parameter-sets.js";
import { composeStep } from "../../packages/headstart/dist/training/step.js";
import { median } from "./measure.js";
import { FEATURES, isNetworkName, network } from "./networks.js";

/**
 * Times training steps in a process of its own, as `peers/torch_step.py` does: NETWORK, what trains (`last-stage` or `all`), and options. Prints one
 * JSON document.
 */
const CLASSES = 1000;
const CALIBRATION = 2;

const OPTIMISERS: Readonly<Record<string, Optimiser>> = {
  sgd: { kind: "sgd", learningRate: 1, momentum: 0.9 },
  adamw: { kind: "adamw", learningRate: 1, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01 },
};

async function main(argv: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      front: { type: "string", default: "float" },
      batch: { type: "string", default: "32" },
      size: { type: "string", default: "224" },
      threads: { type: "string", default: "2" },
      optimiser: { type: "string", default: "sgd" },
      steps: { type: "string", default: "5" },
      warmup: { type: "string", default: "2" },
    },
  });
  const [name = "", trains = "all"] = positionals;
  const optimiser = OPTIMISERS[values.optimiser];
  if (!isNetworkName(name) || optimiser === undefined) throw new Error(`${argv.join(" ")} is not known.`);
  const [batch, size] = [Number(values.batch), Number(values.size)];
  const backbone = backboneOf(name, size);
  const runtime = Runtime.start({ threads: Number(values.threads) });
  const started = performance.now();
  const divided = divide(backbone, trains, size);
  const trunk =
    divided.trunk && values.front === "int8"
      ? (await int8Backbone(runtime, divided.trunk, [photos(8, size, 1), photos(8, size, CALIBRATION)]))
          .backbone
      : divided.trunk;
  const calibrated = performance.now();
  const photosFront = trunk ? composeFront(trunk, undefined, "activations") : composePhotos(backbone);
  const step = composeStep({
    front: values.front === "stored" ? undefined : photosFront,
    tail: { graph: divided.tail, parameters: divided.parameters, statistics: divided.statistics },
    featureCount: FEATURES[name],
    classes: CLASSES,
    optimiser,
    dropout: 0,
    labelSmoothing: 0,
  });
  const composed = performance.now();
  const session = await runtime.load(step.graph, { training: true });
  const loaded = performance.now();
  const start = new Map<string, Tensor>([
    ...divided.parameters.map(({ name: parameter, value }) => [parameter, value] as const),
    ...initialHead("glorot-uniform", FEATURES[name], CLASSES, createRandom(1)),
  ]);
  const carried = await ParameterSets.create(runtime, step.carried, start);
  const inputs =
    values.front === "stored"
      ? { activations: await activations(runtime, trunk, batch, size) }
      : { image: photos(batch, size, 0) };
  const label = int64(
    [batch],
    Array.from({ length: batch }, (_, i) => i % 10),
  );
  const [times, losses]: [number[], number[]] = [[], []];
  for (let number = -Number(values.warmup); number < Number(values.steps); number++) {
    const { inputs: parameters, into } = carried.swap();
    const rates = { learning_rate: float32([], [1e-6]), step: float32([], [losses.length + 1]) };
    const begin = performance.now();
    const { loss } = await session.run(
      { ...inputs, label, ...rates, ...parameters },
      { into, fetch: ["loss"] },
    );
    if (number >= 0) times.push(performance.now() - begin);
    losses.push(new Float32Array(loss.data.slice().buffer)[0] ?? Number.NaN);
  }
  await runtime.close();
  const document = {
    milliseconds: median(times),
    times,
    losses,
    compose_milliseconds: calibrated === started ? composed - started : composed - calibrated,
    load_milliseconds: loaded - composed,
    peak_bytes: process.resourceUsage().maxRSS * 1024,
  };
  process.stdout.write(`${JSON.stringify(document)}\n`);
}

function backboneOf(name: keyof typeof FEATURES, size: number): Backbone {
  return {
    choice: name,
    name,
    file: `${name}.onnx`,
    digest: name,
    graph: network(name, size),
    features: FEATURES[name],
    tensor: "features",
    reason: "It was built so.",
    parameters: 0,
    preprocessing: { channels: "RGB", mean: [127, 127, 127], std: [64, 64, 64] },
    preparation: "as it was built",
    imageSize: size,
    minimumImageSize: 32,
    licence: "",
    source: "",
    top1: undefined,
    classes: undefined,
    precision: "float32",
  };
}

/** Photos of random dots. */
function photos(count: number, size: number, seed: number): Tensor {
  const random = createRandom(seed);
  return uint8(
    [count, size, size, 3],
    Uint8Array.from({ length: count * size * size * 3 }, () => Math.floor(256 * random.uniform())),
  );
}

/** What is stored of photos at the boundary. */
async function activations(
  runtime: Runtime,
  trunk: Backbone | undefined,
  batch: number,
  size: number,
): Promise<Tensor> {
  if (trunk === undefined) throw new Error("Nothing is frozen, so nothing can be stored.");
  const session = await runtime.load(composeFront(trunk));
  const { features } = await session.run<"features">({ image: photos(batch, size, 0) });
  await session.close();
  return features;
}

await main(process.argv.slice(2));
