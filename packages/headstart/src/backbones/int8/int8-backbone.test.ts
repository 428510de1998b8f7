import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { float32, GraphBuilder, OPSET, type Tensor, uint8, writeModel } from "../../onnx/index.js";
import { Runtime } from "../../runtime/index.js";
import { type Backbone, loadBackbone } from "../backbone.js";
import { composeFront } from "../front.js";
import { compareFeatures } from "./agreement.js";
import { int8Backbone, int8ReportSchema, withInt8Graph } from "./index.js";

const runtime = Runtime.start({ threads: 2 });
afterAll(() => runtime.close());

const demo = fileURLToPath(new URL("../../../../../demo/photos/", import.meta.url));

/** Every fifth class in turn, so that each batch has photos of all. */
const files = (() => {
  const classes = readdirSync(demo).filter((name) => !name.includes("."));
  const each = classes.map((name) => readdirSync(`${demo}${name}`).map((file) => `${demo}${name}/${file}`));
  return Array.from({ length: 12 }, (_, i) => each.flatMap((paths) => paths[i] ?? [])).flat();
})();

/** A batch of demo photos, squashed to a square. */
async function batch(from: number, to: number, size = 224): Promise<Tensor> {
  const pixels = await Promise.all(
    files
      .slice(from, to)
      .map((file) => sharp(file).resize(size, size, { fit: "fill" }).removeAlpha().raw().toBuffer()),
  );
  return uint8([to - from, size, size, 3], new Uint8Array(Buffer.concat(pixels)));
}

async function featuresOf(backbone: Backbone, image: Tensor): Promise<Tensor> {
  const session = await runtime.load(composeFront(backbone));
  const { features } = await session.run<"features">({ image });
  await session.close();
  return features;
}

describe("the embedded backbone in int8", () => {
  let float: Backbone;
  let batches: Tensor[];
  let made: Awaited<ReturnType<typeof int8Backbone>>;

  beforeAll(async () => {
    float = await loadBackbone();
    batches = [await batch(0, 8), await batch(8, 24), await batch(24, 40)];
    made = await int8Backbone(runtime, float, batches);
  });

  test("agrees with float on photos that it has not seen, at other sizes too", async () => {
    for (const [image, least] of [
      [await batch(40, 60), 0.994],
      [await batch(40, 44, 299), 0.99],
    ] as const) {
      const expected = await featuresOf(float, image);
      const found = await compareFeatures(runtime, expected, await featuresOf(made.backbone, image));
      expect(found.mean).toBeGreaterThan(least);
      expect(found.least).toBeGreaterThan(0.975);
    }
  });

  test("says how it was made", () => {
    const { report, backbone } = made;
    expect(report).toMatchObject({ photos: 32, trialPhotos: 8, layers: 49, float: [] });
    expect(report.agreement.mean).toBeGreaterThan(0.994);
    expect(report.bytes.float / report.bytes.int8).toBeGreaterThan(3.5);
    expect(int8ReportSchema.parse(JSON.parse(JSON.stringify(report)))).toEqual(report);
    expect(backbone).toMatchObject({ name: float.name, features: 1280, precision: "int8" });
    expect(backbone.digest).not.toBe(float.digest);
    expect([...backbone.graph.opsets]).toEqual([["", OPSET]]);
  });

  test("comes out the same each time, and as a file", async () => {
    const again = await int8Backbone(runtime, float, batches);
    expect(again.backbone.digest).toBe(made.backbone.digest);
    const read = withInt8Graph(float, writeModel(made.backbone.graph));
    expect(read.digest).toBe(made.backbone.digest);
    const [image] = batches;
    if (image === undefined) throw new Error("There are no photos.");
    const expected = await featuresOf(made.backbone, image);
    expect(await featuresOf(read, image)).toEqual(expected);
  });

  test("cannot be brought to int8 again", async () => {
    await expect(int8Backbone(runtime, made.backbone, batches)).rejects.toMatchObject({
      code: "UNSUPPORTED",
    });
  });
});

describe("int8Backbone", () => {
  /** A backbone of one convolution and a pool, or of the pool alone. */
  async function small(convolution: boolean, weight = 0.5): Promise<Backbone> {
    const b = new GraphBuilder("small");
    const image = b.input("image", "float32", ["N", 3, "H", "W"]);
    const kernel = b.constant("kernel", float32([3, 3, 1, 1], [weight, 0, 0, 0, weight, 0, 0, 0, weight]));
    const maps = convolution ? b.node("Conv", [image, kernel]) : image;
    const pooled = b.node("Flatten", [b.node("GlobalAveragePool", [maps])]);
    b.output("features", "float32", ["N", 3], pooled);
    return { ...(await loadBackbone()), name: "small", features: 3, graph: b.build() };
  }

  test("one batch calibrates and is the trial", async () => {
    const { report } = await int8Backbone(runtime, await small(true), [await batch(0, 5, 32)]);
    expect(report).toMatchObject({ photos: 5, trialPhotos: 5, layers: 1 });
  });

  test("refuses a network without layers, no photos, and values that are no numbers", async () => {
    const photos = [await batch(0, 2, 32)];
    await expect(int8Backbone(runtime, await small(false), photos)).rejects.toMatchObject({
      code: "UNSUPPORTED",
      message: "The backbone small has no layer that can work in int8.",
    });
    await expect(int8Backbone(runtime, await small(true), [])).rejects.toMatchObject({
      code: "INVALID_DATA",
      message: "There are no photos to calibrate on.",
    });
    const infinite = await small(true, Number.POSITIVE_INFINITY);
    await expect(int8Backbone(runtime, infinite, photos)).rejects.toMatchObject({ code: "INVALID_DATA" });
  });
});
