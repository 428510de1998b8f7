import { expect, test } from "vitest";
import {
  addMaps,
  CLASSES,
  mapClassifier,
  mapPhotos,
  pooledNetwork,
  transformer,
} from "../../test/support/map-networks.js";
import { runGraph } from "../../test/support/run-graph.js";
import { float32, floats, type Graph, int64, uint8 } from "../onnx/index.js";
import { composeCam, type MapGraph } from "./cam.js";
import { composeGradCam } from "./grad-cam.js";

const CHOSEN = [0, 1, 2];

async function mapOf(made: MapGraph | undefined, output = "map"): Promise<Float32Array> {
  if (made === undefined) throw new Error("There are no maps.");
  const outputs = await runGraph(made.graph, {
    image: mapPhotos(CHOSEN.length),
    class: int64([CHOSEN.length], CHOSEN),
  });
  return floats(outputs[output] ?? float32([0], []));
}

test("at the last maps before an average, it is what is above 0 of the class activation map, over the number of places", async () => {
  const network = pooledNetwork();
  const made = composeGradCam(network);
  expect(made.layer).toMatchObject({ name: "deep", channels: 8, height: 4, width: 4 });
  const cam = await mapOf(composeCam(network));
  const map = await mapOf(made);
  expect(map.some((value) => value > 0)).toBe(true);
  for (const [i, value] of map.entries()) expect(value).toBeCloseTo(Math.max(0, cam[i] ?? 0) / 16, 6);
});

test("at an inner layer, weights are the slopes that central differences find", async () => {
  const network = pooledNetwork();
  const map = await mapOf(composeGradCam(network, "shallow"));
  const weights = await slopes(network, "shallow", 8);
  const { shallow } = await runGraph(
    { ...network, outputs: [{ name: "shallow", type: "float32", shape: ["N", 8, 8, 8] }] },
    { image: mapPhotos(CHOSEN.length) },
  );
  if (shallow === undefined) throw new Error("There are no maps.");
  for (const [i, value] of map.entries()) {
    const [photo, place] = [Math.floor(i / 64), i % 64];
    let sum = 0;
    for (let channel = 0; channel < 8; channel++)
      sum += (weights[photo]?.[channel] ?? 0) * (floats(shallow)[(photo * 8 + channel) * 64 + place] ?? 0);
    expect(value).toBeCloseTo(Math.max(0, sum), 3);
  }
});

/** For each photo and channel, how the logit changes with the channel, over the number of places. */
async function slopes(network: Graph, layer: string, channels: number): Promise<number[][]> {
  const nodes = network.nodes.flatMap((node) => {
    const moved = { ...node, inputs: node.inputs.map((name) => (name === layer ? "moved" : name)) };
    if (!node.outputs.includes(layer)) return [moved];
    const add = { op: "Add", domain: "", name: "move", inputs: [layer, "shift"], outputs: ["moved"] };
    return [node, { ...add, attributes: new Map() }];
  });
  const shift = { name: "shift", type: "float32", shape: [1, channels, 1, 1] } as const;
  const moving = { ...network, nodes, inputs: [...network.inputs, shift] };
  const logitsAt = async (channel: number, by: number) => {
    const values = Float32Array.from({ length: channels }, (_, i) => (i === channel ? by : 0));
    const { logits } = await runGraph(moving, {
      image: mapPhotos(CHOSEN.length),
      shift: float32([1, channels, 1, 1], values),
    });
    return CHOSEN.map((one, row) => floats(logits ?? float32([0], []))[row * CLASSES + one] ?? Number.NaN);
  };
  const found: number[][] = CHOSEN.map(() => []);
  for (let channel = 0; channel < channels; channel++) {
    const [up, down] = [await logitsAt(channel, 1e-3), await logitsAt(channel, -1e-3)];
    for (const [row, list] of found.entries())
      list.push(((up[row] ?? Number.NaN) - (down[row] ?? Number.NaN)) / 2e-3 / 64);
  }
  return found;
}

test("of a network that reads a class token, it is taken before the last attention, without the class token", async () => {
  const made = composeGradCam(transformer("class token"));
  expect(made.layer).toMatchObject({ name: "block0.out", height: 4, width: 4, prefix: 1 });
  const map = await mapOf(made);
  expect(map).toHaveLength(48);
  expect(map.some((value) => value > 0)).toBe(true);
  expect(() => composeGradCam(transformer("class token"), "block1.out")).toThrow(
    expect.objectContaining({
      code: "INVALID_OPTION",
      message: expect.stringContaining("the class token alone"),
      hint: expect.stringContaining("block0.out"),
    }),
  );
});

test("of a network that averages its tokens, it is taken at the last of them", () => {
  expect(composeGradCam(transformer("average")).layer).toMatchObject({ name: "norm", prefix: 0 });
});

test("layers that there are not are refused, with names like them", () => {
  const refused = (name: string) => {
    try {
      composeGradCam(pooledNetwork(), name);
    } catch (error) {
      return error;
    }
    return undefined;
  };
  expect(refused("deap")).toMatchObject({ code: "INVALID_OPTION", hint: "Layers with names like it: deep." });
  expect(refused("nothing like it")).toMatchObject({ hint: expect.stringContaining("shallow") });
  expect(refused("pool")).toMatchObject({
    code: "INVALID_OPTION",
    message: "The layer pool makes float32 [N, 8, 1, 1], which has no place for each part of the photo.",
    hint: expect.stringContaining("deep"),
  });
  expect(refused("head.bias")).toMatchObject({ code: "INVALID_OPTION" });
});

/** Maps, something, the average and a linear layer. */
function withObstacle(obstacle: (network: Parameters<typeof addMaps>[0], maps: string) => string): Graph {
  return mapClassifier((network, image) => {
    const { b, drawn } = network;
    const maps = addMaps(network, image);
    const pooled = b.node("GlobalAveragePool", [obstacle(network, maps)]);
    return b.node("Gemm", [b.node("Flatten", [pooled]), drawn("head.weight", [8, CLASSES])]);
  });
}

test("int8 layers are refused unless the layer stands behind them", async () => {
  const network = withObstacle(({ b }, maps) => {
    const scale = [b.scalar(0.05), b.constant("zero", uint8([], [0]))];
    const whole = b.node("QuantizeLinear", [maps, ...scale]);
    return b.node("DequantizeLinear", [whole, ...scale], {}, { name: "behind" });
  });
  const made = composeGradCam(network);
  expect(made.layer.name).toBe("behind");
  expect((await mapOf(made)).some((value) => value > 0)).toBe(true);
  expect(() => composeGradCam(network, "shallow")).toThrow(
    expect.objectContaining({
      code: "UNSUPPORTED",
      message: expect.stringContaining("computes in int8"),
      hint: "Layers that have a map: behind.",
    }),
  );
});

test("an operator without a gradient is named", () => {
  const network = withObstacle(({ b }, maps) =>
    b.node("MeanVarianceNormalization", [maps], {}, { name: "mvn" }),
  );
  expect(composeGradCam(network).layer.name).toBe("mvn");
  expect(() => composeGradCam(network, "deep")).toThrow(
    expect.objectContaining({
      code: "UNSUPPORTED",
      message: expect.stringContaining("mvn (MeanVarianceNormalization)"),
      hint: "Layers that have a map: mvn.",
    }),
  );
});

test("a network without places has no map", () => {
  const network = mapClassifier(({ b, drawn }, image) => {
    const flat = b.node("Flatten", [b.node("GlobalAveragePool", [image])]);
    return b.node("Gemm", [flat, drawn("head.weight", [3, CLASSES])]);
  });
  expect(() => composeGradCam(network)).toThrow(
    expect.objectContaining({ code: "UNSUPPORTED", hint: expect.stringContaining("--method occlusion") }),
  );
});
