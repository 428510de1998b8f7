import { afterAll, expect, test } from "vitest";
import { uniform } from "../../../test/support/check-gradients.js";
import { relativeError } from "../../../test/support/keras-applications.js";
import { runGraph } from "../../../test/support/run-graph.js";
import { float32, floats, type Graph, type Tensor, uint8 } from "../../onnx/index.js";
import { Runtime } from "../../runtime/index.js";
import { loadBackbone } from "../backbone.js";
import { int8Backbone } from "../int8/index.js";
import { type Divided, divide, trained } from "./index.js";

const runtime = Runtime.start({ threads: 2 });
afterAll(() => runtime.close());

const backbone = await loadBackbone();

/** Other weights and running statistics than a network's own. */
function moved({ parameters, statistics, tail }: Divided): Map<string, Tensor> {
  const by = (factor: number, tensor: Tensor) =>
    float32(
      tensor.dims,
      floats(tensor).map((value) => value * factor),
    );
  const values = new Map(parameters.map(({ name, value }, i) => [name, by(0.9 + 0.01 * (i % 20), value)]));
  for (const { mean } of statistics)
    values.set(mean, by(1.1, tail.initializers.get(mean) ?? float32([0], [])));
  return values;
}

async function featuresOf(graph: Graph, feeds: Readonly<Record<string, Tensor>>): Promise<Tensor> {
  const { features } = await runGraph(graph, feeds);
  if (features === undefined) throw new Error("There are no features.");
  return features;
}

const photos = (size: number) => float32([2, 3, size, size], uniform(4, 6 * size * size));

/** The features that trunk and tail make with other weights. */
async function inParts(
  { trunk, tail }: Divided,
  values: Map<string, Tensor>,
  image: Tensor,
): Promise<Tensor> {
  const activations = trunk === undefined ? image : await featuresOf(trunk.graph, { image });
  const inputs = new Set(tail.inputs.map(({ name }) => name));
  const weights = [...values].filter(([name]) => inputs.has(name));
  const statistics = [...values].filter(([name]) => !inputs.has(name));
  const initializers = new Map([...tail.initializers, ...statistics]);
  return await featuresOf({ ...tail, initializers }, { activations, ...Object.fromEntries(weights) });
}

test.each(["last-stage", "all"])(
  "the trained network makes what trunk and tail make: %s",
  async (fineTune) => {
    const divided = divide(backbone, fineTune, 64);
    const values = moved(divided);
    const made = trained(backbone, divided, values);
    const image = photos(64);
    const expected = await inParts(divided, values, image);
    const found = await featuresOf(made.graph, { image });
    expect(relativeError(found, expected)).toBeLessThan(1e-5);
    expect(relativeError(found, await featuresOf(backbone.graph, { image }))).toBeGreaterThan(0.1);
    // It takes other sizes as before.
    expect(made.graph.inputs).toEqual(backbone.graph.inputs);
    expect((await featuresOf(made.graph, { image: photos(96) })).dims).toEqual([2, 1280]);
    expect(made).toMatchObject({ name: backbone.name, precision: "float32", features: 1280 });
  },
);

test("with its own weights it is the network that it was; the digest tells weights apart", async () => {
  const divided = divide(backbone, "last-stage", 64);
  const own = new Map(divided.parameters.map(({ name, value }) => [name, value]));
  const image = photos(64);
  const again = trained(backbone, divided, own);
  expect(
    relativeError(await featuresOf(again.graph, { image }), await featuresOf(backbone.graph, { image })),
  ).toBeLessThan(1e-6);
  const digests = [backbone, again, trained(backbone, divided, moved(divided))].map(({ digest }) => digest);
  expect(new Set(digests).size).toBe(3);
  expect(trained(backbone, divided, own).digest).toBe(again.digest);
});

test("a trunk in int8 stays in front of the tail", async () => {
  const divided = divide(backbone, "last-stage", 64);
  if (divided.trunk === undefined) throw new Error("Nothing is frozen.");
  const bytes = (seed: number) =>
    uint8([4, 64, 64, 3], Uint8Array.from(uniform(seed, 4 * 64 * 64 * 3, 0, 256)));
  const { backbone: trunk } = await int8Backbone(runtime, divided.trunk, [bytes(1), bytes(2)]);
  const values = moved(divided);
  const made = trained(backbone, { ...divided, trunk }, values);
  expect(made).toMatchObject({ precision: "int8", imageSize: 64, features: 1280 });
  expect(made.graph.inputs).toMatchObject([{ name: "image", shape: ["N", 3, 64, 64] }]);
  const image = photos(64);
  const expected = await inParts({ ...divided, trunk }, values, image);
  expect(relativeError(await featuresOf(made.graph, { image }), expected)).toBeLessThan(1e-4);
  expect(made.digest).not.toBe(trained(backbone, divided, values).digest);
});

test("weights of another shape or name are refused", () => {
  const divided = divide(backbone, "last-stage", 64);
  const [first] = divided.parameters;
  const refused = (name: string, tensor: Tensor) => () =>
    trained(backbone, divided, new Map([[name, tensor]]));
  expect(refused(first?.name ?? "", float32([2], [1, 2]))).toThrow(
    expect.objectContaining({
      code: "INVALID_MODEL",
      message:
        "The trained weight blocks.11.expand.weight is float32 [2], but efficientnet-lite0 has float32 [672, 112, 1, 1].",
    }),
  );
  expect(refused("stem.weight", float32([1], [1]))).toThrow("no such weight");
});
