import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { worstDifference } from "../../test/support/figures.js";
import { runGraph } from "../../test/support/run-graph.js";
import { readSafetensors } from "../../test/support/safetensors.js";
import { shared } from "../../test/support/shared.js";
import {
  cut,
  float32,
  floats,
  type Graph,
  numbersOf,
  OPSET,
  readModel,
  type Tensor,
  tensorOf,
  toFloat32,
  toQdq,
  upgrade,
} from "../onnx/index.js";
import { externalReader } from "./external.js";
import { cutNetwork } from "./network.js";

const folder = fileURLToPath(new URL("../../test/fixtures/onnx/", import.meta.url));
const expected = new Map([
  ...readSafetensors(`${folder}torch.safetensors`),
  ...readSafetensors(`${folder}keras.safetensors`),
]);

/** A network as it is before it is cut. */
function current(graph: Graph): Graph {
  return toFloat32(toQdq(upgrade(graph, OPSET)));
}

function read(name: string): Graph {
  const file = `${folder}${name}.onnx`;
  return current(readModel(readFileSync(file), { external: externalReader(file) }));
}

/** Three photos [3, 3, size, size] as bench/peers/onnx_fixtures.py makes them; Keras saw the same numbers with the channels last. */
function photos(size: number, framework: "torch" | "keras" | "bytes"): Tensor {
  const values = new Float32Array(3 * 3 * size * size);
  for (let i = 0; i < values.length; i++) {
    const value = framework === "bytes" ? (i * 37) % 101 : ((i * 37) % 101) / 50 - 1;
    const [photo, rest] = [Math.floor(i / (3 * size * size)), i % (3 * size * size)];
    const to = framework === "torch" ? i : (photo * 3 + (rest % 3)) * size * size + Math.floor(rest / 3);
    values[to] = value;
  }
  return float32([3, 3, size, size], values);
}

const average = "They are the average over all places of the last feature maps.";
const token = "They are the first token, the class token.";

describe("a classifier as its exporter wrote it makes the framework's own features", () => {
  test.each<[name: string, size: number, reason: string, tolerance?: number]>([
    ["resnet-dynamo", 32, `view feeds node_linear (Gemm), the last fully connected layer. ${average}`],
    ["resnet-torchscript", 32, `(Gemm), the last fully connected layer. ${average}`],
    ["resnet-external", 32, average],
    ["resnet-float16", 32, average, 5e-3],
    ["resnet-float16-inside", 32, average, 5e-3],
    ["resnet-qdq", 32, `${average} They are taken before they are quantised.`, 5e-2],
    ["resnet-qdq-one", 32, `${average} They are taken before they are quantised.`, 5e-2],
    ["resnet-qoperator", 32, `${average} They are taken before they are quantised.`, 5e-2],
    [
      "squeezenet-dynamo",
      32,
      "a 1x1 convolution that acts as the last fully connected layer before pooling.",
    ],
    ["vgg-torchscript", 16, "feeds /11/Gemm (Gemm), the last fully connected layer."],
    ["vit-torchscript", 16, token],
    ["vit-torchvision", 16, token],
    ["vit-mean-dynamo", 16, "They are the average over all tokens."],
    ["deit-distilled-dynamo", 16, `${token} Two heads are averaged; these are the features of the first.`],
    ["convnext-dynamo", 32, average],
    ["swin-dynamo", 16, average],
    ["mobilenetv3-dynamo", 32, "feeds node_linear (Gemm)"],
    ["efficientnet-torchscript", 32, average],
    [
      "hub-dynamo",
      16,
      "The scores were taken to be the output logits, not last_hidden_state or pooler_output.",
    ],
    ["best-torchscript", 16, "The scores were taken to be the output scores, not classes."],
    ["bytes-torchscript", 16, average],
    ["keras-mobile", 32, "(MatMul), the last fully connected layer."],
    ["keras-flatten", 16, "(Gemm), the last fully connected layer."],
  ])("%s", async (name, size, reason, tolerance = 1e-4) => {
    const network = await cutNetwork(read(name), { file: name });
    expect(network.reason).toContain(reason);
    const framework = name.startsWith("keras") ? "keras" : name.startsWith("bytes") ? "bytes" : "torch";
    const wanted =
      expected.get(`${name}.features`) ??
      expected.get(
        `${name.includes("one") || name.endsWith("inside") ? "resnet-torchscript" : "resnet-dynamo"}.features`,
      );
    if (wanted === undefined) throw new Error(`${name} is not in the fixtures.`);
    const { features } = await runGraph(network.graph, { image: photos(size, framework) });
    expect(features?.dims).toEqual(wanted.dims);
    expect(network.features).toBe(wanted.dims[1]);
    const [found, target] = [floats(features ?? wanted), floats(wanted)];
    const scale = target.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    expect(worstDifference(found, target)).toBeLessThan(tolerance * scale);
    expect(network.graph.inputs).toMatchObject([{ name: "image", type: "float32" }]);
    expect(network.fixedImageSize).toBe(
      /^resnet-(dynamo|float16|external|qdq|qoperator)$/.test(name) ? undefined : size,
    );
  });

  test("every fixture is among them, or named elsewhere", () => {
    expect(readdirSync(folder).filter((name) => name.endsWith(".onnx"))).toHaveLength(24);
  });
});

const squeezenet = shared("models/squeezenet-fp16.onnx");
test.skipIf(!squeezenet)(
  "SqueezeNet in half precision, for one photo, takes any number (needs ../shared)",
  async () => {
    const whole = readModel(readFileSync(squeezenet ?? ""));
    const network = await cutNetwork(current(whole), { file: "squeezenet-fp16.onnx" });
    expect(network).toMatchObject({ features: 512, fixedImageSize: 224 });
    expect(network.reason).toBe(
      "fire9/concat_2 feeds conv10_1 (Conv), a 1x1 convolution that acts as the last fully connected layer before pooling.",
    );
    // Most weights are still stored in half precision.
    const stored = [...network.graph.initializers.values()].filter(({ type }) => type === "float16");
    expect(stored.reduce((sum, { data }) => sum + data.byteLength, 0)).toBeGreaterThan(1_400_000);
    const pixels = Array.from(
      { length: 2 * 3 * 224 * 224 },
      (_, i) => ((i * 37) % 251) - 120 + (i > 150_528 ? 5 : 0),
    );
    const image = float32([2, 3, 224, 224], pixels);
    const { features } = await runGraph(network.graph, { image });
    const found = floats(features ?? float32([0], []));
    const half = cut(whole, "fire9/concat_2");
    for (const photo of [0, 1]) {
      const values = pixels.slice(photo * 150_528, (photo + 1) * 150_528);
      const single = await runGraph(half, { data_0: tensorOf("float16", [1, 3, 224, 224], values) });
      const expected = single.features === undefined ? [] : Array.from(numbersOf(single.features));
      const rows = found.subarray(photo * 512, (photo + 1) * 512);
      expect(worstDifference(rows, expected)).toBeLessThan(5e-3 * Math.max(...expected));
    }
  },
);

test("a tensor that is asked for takes the place of what would be found", async () => {
  const whole = read("features-dynamo");
  const found = await cutNetwork(whole, { file: "features-dynamo" });
  expect(found.reason).toMatch(/the network has no head\. They are the first token, the class token\.$/);
  const chosen = await cutNetwork(whole, { file: "features-dynamo", features: "output" });
  expect(chosen.reason).toBe("output was asked for.");
  const { features } = await runGraph(chosen.graph, { image: photos(16, "torch") });
  const wanted = expected.get("features-dynamo.features");
  expect(worstDifference(floats(features ?? photos(1, "torch")), wanted ? floats(wanted) : [])).toBeLessThan(
    1e-4,
  );
});
