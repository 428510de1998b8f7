import { readFile } from "node:fs/promises";
import sharp from "sharp";
import { afterAll, describe, expect, test } from "vitest";
import { channel, patterned, worstDifference } from "../../test/support/figures.js";
import { readSafetensors } from "../../test/support/safetensors.js";
import { shared } from "../../test/support/shared.js";
import { floats, GraphBuilder, uint8 } from "../onnx/index.js";
import { Runtime } from "../runtime/index.js";
import { decodePhoto } from "./decode.js";
import { PhotoLoader } from "./loader.js";
import { resizeStage } from "./resize.js";

const runtime = Runtime.start({ threads: 1 });
afterAll(() => runtime.close());

/** The patterned picture as a PNG file. */
function png(width: number, height: number): Promise<Buffer> {
  return sharp(patterned(width, height).data, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer();
}

async function load(source: string | Uint8Array | Blob, size: number, resize: "bicubic" | "nearest") {
  const loader = await PhotoLoader.create(runtime, size, resize);
  expect(loader).toMatchObject({ size, resize });
  const pixels = new Uint8Array(size * size * 3);
  const { truncated } = await loader.load(source, pixels);
  await loader.close();
  return { pixels, truncated };
}

describe("PhotoLoader", () => {
  test("nearest takes Pillow's pixels", async () => {
    const { pixels, truncated } = await load(await png(13, 9), 4, "nearest");
    expect(truncated).toBe(false);
    // Red channel, from Pillow 13.0.
    const expected = [27, 87, 167, 227, 41, 101, 181, 241, 55, 115, 195, 255, 69, 129, 209, 13];
    expect(channel(pixels, 0)).toEqual(expected);
  });

  test("bicubic is what decodePhoto makes", async () => {
    const file = await png(40, 30);
    const { pixels } = await load(new Blob([new Uint8Array(file)]), 16, "bicubic");
    expect(pixels).toEqual((await decodePhoto(file, { resize: "bicubic", size: 16 })).pixels);
  });

  test("one loader takes photos of different sizes, side by side", async () => {
    const loader = await PhotoLoader.create(runtime, 5, "nearest");
    const sizes = [
      [5, 5],
      [9, 4],
      [31, 17],
      [5, 5],
    ] as const;
    const found = await Promise.all(
      sizes.map(async ([width, height]) => {
        const pixels = new Uint8Array(75);
        await loader.load(await png(width, height), pixels);
        return pixels;
      }),
    );
    expect(found[0]).toEqual(patterned(5, 5).data);
    expect(found[3]).toEqual(found[0]);
    expect(found[2]?.subarray(0, 3)).toEqual(patterned(31, 17).data.subarray((31 + 3) * 3, (31 + 4) * 3));
    await loader.close();
  });

  test.each(["bicubic", "nearest"] as const)("%s says what cannot be loaded", async (resize) => {
    const loader = await PhotoLoader.create(runtime, 4, resize);
    const into = new Uint8Array(48);
    await expect(loader.load("absent.jpg", into)).rejects.toMatchObject({ code: "NOT_FOUND" });
    await expect(loader.load(Buffer.from("text"), into)).rejects.toMatchObject({ code: "INVALID_PHOTO" });
    await expect(loader.load(await png(9, 9), new Uint8Array(47))).rejects.toMatchObject({
      code: "INVALID_OPTION",
      message: expect.stringContaining("48 bytes"),
    });
    await loader.close();
  });

  test("a cut-off JPEG is loaded as far as it goes", async () => {
    const { data } = patterned(64, 64);
    const jpeg = await sharp(data, { raw: { width: 64, height: 64, channels: 3 } })
      .jpeg()
      .toBuffer();
    for (const resize of ["nearest", "bicubic"] as const) {
      const { truncated, pixels } = await load(jpeg.subarray(0, jpeg.length * 0.7), 8, resize);
      expect(truncated).toBe(true);
      expect(new Set(pixels).size).toBeGreaterThan(10);
    }
  });

  const golden = shared("golden/keras/resize.safetensors");
  test.skipIf(!golden).each([64, 224, 299])(
    "a photo as Keras loads it at %i (needs ../shared)",
    async (size) => {
      const { pixels } = await load(shared("golden/keras/photo.png") ?? "", size, "nearest");
      expect(pixels).toEqual(readSafetensors(golden ?? "").get(`nearest_${size}`)?.data);
    },
  );
});

describe("bicubic while decoding and in the graph", () => {
  /** Mean and largest difference between the two ways. */
  async function compare(file: Uint8Array, size: number) {
    const whole = await decodePhoto(file, { resize: "none" });
    const b = new GraphBuilder("bicubic");
    const image = b.input("image", "uint8", [1, "H", "W", 3]);
    const planes = b.node("Cast", [b.node("Transpose", [image], { perm: [0, 3, 1, 2] })], { to: 1 });
    const rows = b.node("Transpose", [resizeStage(size, "bicubic")(b, planes)], { perm: [0, 2, 3, 1] });
    b.output("resized", "float32", [1, size, size, 3], rows);
    const session = await runtime.load(b.build());
    const { resized } = await session.run<"resized">({
      image: uint8([1, whole.height, whole.width, 3], whole.pixels),
    });
    await session.close();
    const [graph, decoded] = [floats(resized), (await decodePhoto(file, { resize: "bicubic", size })).pixels];
    const sum = graph.reduce((total, value, i) => total + Math.abs(value - (decoded[i] ?? Number.NaN)), 0);
    return { mean: sum / graph.length, worst: worstDifference(graph, decoded) };
  }

  /** Waves, smooth as photos are. */
  function waves(width: number, height: number): Promise<Buffer> {
    const data = new Uint8Array(width * height * 3);
    for (let i = 0; i < data.length; i++) {
      const [x, y] = [Math.floor(i / 3) % width, Math.floor(i / 3 / width)];
      data[i] = 128 + 100 * Math.sin((x * (1 + (i % 3))) / 23) * Math.cos(y / 17);
    }
    return sharp(data, { raw: { width, height, channels: 3 } })
      .png()
      .toBuffer();
  }

  test.each([
    [300, 200, 64],
    [101, 333, 96],
  ])("agree on %i x %i shrunk to %i, to a grey level or two", async (width, height, size) => {
    const { mean, worst } = await compare(await waves(width, height), size);
    expect(mean).toBeLessThan(0.35);
    expect(worst).toBeLessThanOrEqual(2);
  });

  test("differ more on a picture that is enlarged, where libvips rounds places", async () => {
    const { mean, worst } = await compare(await waves(50, 40), 64);
    expect(mean).toBeLessThan(2);
    expect(worst).toBeLessThanOrEqual(7);
  });

  const photo = shared("golden/keras/photo.png");
  test.skipIf(!photo)("agree on a photo (needs ../shared)", async () => {
    const { mean, worst } = await compare(await readFile(photo ?? ""), 224);
    expect(mean).toBeLessThan(0.2);
    expect(worst).toBeLessThanOrEqual(5);
  });
});
