import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { shared } from "../../test/support/shared.js";
import { createRandom } from "../random.js";
import { decodePhoto, type Picture } from "./decode.js";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "headstart-decode-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** 64 x 48: left half red, right half blue, a green bar of 8 rows at the top. */
const WIDTH = 64;
const HEIGHT = 48;
const raw = Buffer.from(
  Array.from({ length: WIDTH * HEIGHT }, (_, i) => {
    if (i < 8 * WIDTH) return [0, 255, 0];
    return i % WIDTH < WIDTH / 2 ? [255, 0, 0] : [0, 0, 255];
  }).flat(),
);
const card = () => sharp(raw, { raw: { width: WIDTH, height: HEIGHT, channels: 3 } });

const full = { resize: "none" } as const;
const at = ({ pixels, width }: Picture, x: number, y: number) => [
  ...pixels.subarray((y * width + x) * 3, (y * width + x) * 3 + 3),
];

/** Whether two colours are the same but for compression. */
function near(found: readonly number[], wanted: readonly number[], tolerance = 40): void {
  for (const [i, value] of wanted.entries())
    expect(Math.abs((found[i] ?? -999) - value), `${found} is not near ${wanted}`).toBeLessThanOrEqual(
      tolerance,
    );
}

function isCard(picture: Picture): void {
  expect([picture.width, picture.height]).toEqual([WIDTH, HEIGHT]);
  near(at(picture, 30, 2), [0, 255, 0]);
  near(at(picture, 10, 30), [255, 0, 0]);
  near(at(picture, 50, 30), [0, 0, 255]);
}

type Image = ReturnType<typeof sharp>;

/** A PNG file that says it has other dimensions than it has. */
function resized(file: Buffer, width: number, height: number): Buffer {
  const changed = Buffer.from(file);
  changed.writeUInt32BE(width, 16);
  changed.writeUInt32BE(height, 20);
  changed.writeUInt32BE(crc32(changed.subarray(12, 29)), 29);
  return changed;
}

describe("decodePhoto", () => {
  test.each([
    ["JPEG", () => card().jpeg({ quality: 95, chromaSubsampling: "4:4:4" })],
    ["progressive JPEG", () => card().jpeg({ quality: 95, progressive: true, chromaSubsampling: "4:4:4" })],
    ["CMYK JPEG", () => card().toColourspace("cmyk").jpeg({ quality: 95 })],
    ["PNG", () => card().png()],
    ["palette PNG", () => card().png({ palette: true, colours: 8 })],
    ["16-bit PNG", () => card().toColourspace("rgb16").png()],
    ["WebP", () => card().webp({ lossless: true })],
    ["GIF", () => card().gif()],
    ["TIFF", () => card().tiff({ compression: "lzw" })],
    ["AVIF", () => card().avif({ quality: 90, effort: 0 })],
  ] as const)("%s becomes 8-bit RGB", async (name, make) => {
    const picture = await decodePhoto(await make().toBuffer(), full);
    expect(picture.pixels.byteLength).toBe(WIDTH * HEIGHT * 3);
    expect(picture.pixels.byteLength).toBe(picture.pixels.buffer.byteLength);
    expect(picture.truncated).toBe(false);
    if (name !== "CMYK JPEG") isCard(picture);
  });

  test("grey, grey with alpha, 16-bit grey and one bit become three equal channels", async () => {
    const grey = card().toColourspace("b-w");
    const files = [
      await grey.clone().jpeg().toBuffer(),
      await grey.clone().png().toBuffer(),
      await grey.clone().ensureAlpha().png().toBuffer(),
      await card().toColourspace("grey16").png().toBuffer(),
      await sharp(await grey.clone().threshold(100).png().toBuffer())
        .png({ palette: true, colours: 2 })
        .toBuffer(),
    ];
    for (const file of files) {
      const { pixels, width, height } = await decodePhoto(file, full);
      expect(pixels.byteLength).toBe(width * height * 3);
      for (let i = 0; i < pixels.length; i += 3)
        expect([pixels[i + 1], pixels[i + 2]]).toEqual([pixels[i], pixels[i]]);
    }
  });

  test("transparency is laid on white", async () => {
    const glass = await sharp({
      create: { width: 4, height: 4, channels: 4, background: { r: 255, g: 0, b: 0, alpha: 0.5 } },
    })
      .png()
      .toBuffer();
    near(at(await decodePhoto(glass, full), 1, 1), [255, 127, 127], 2);
    near(at(await decodePhoto(glass, { resize: "bicubic", size: 2 }), 1, 1), [255, 127, 127], 2);
    const nothing = await sharp({
      create: { width: 4, height: 4, channels: 4, background: { r: 0, g: 0, b: 0, alpha: 0 } },
    })
      .webp({ lossless: true })
      .toBuffer();
    expect(at(await decodePhoto(nothing, full), 1, 1)).toEqual([255, 255, 255]);
  });

  test.each([1, 2, 3, 4, 5, 6, 7, 8])("orientation %i is honoured", async (orientation) => {
    const upright = await sharp(await card().png().toBuffer());
    const undo: Readonly<Record<number, (image: Image) => Image>> = {
      1: (image) => image,
      2: (image) => image.flop(),
      3: (image) => image.rotate(180),
      4: (image) => image.flip(),
      5: (image) => image.rotate(270).flop(),
      6: (image) => image.rotate(270),
      7: (image) => image.rotate(90).flop(),
      8: (image) => image.rotate(90),
    };
    const stored = await sharp(await (undo[orientation] ?? ((image) => image))(upright).png().toBuffer())
      .withMetadata({ orientation })
      .jpeg({ quality: 95, chromaSubsampling: "4:4:4" })
      .toBuffer();
    isCard(await decodePhoto(stored, full));
  });

  test("an animation shows its first picture", async () => {
    const frame = (background: string) =>
      sharp({ create: { width: 8, height: 8, channels: 3, background } })
        .png()
        .toBuffer();
    const frames = await Promise.all(["red", "blue"].map(frame));
    for (const format of ["gif", "webp"] as const) {
      const file = await sharp(frames, { join: { animated: true } })
        .toFormat(format)
        .toBuffer();
      const picture = await decodePhoto(file, full);
      expect([picture.width, picture.height]).toEqual([8, 8]);
      near(at(picture, 4, 4), [255, 0, 0], 8);
    }
  });

  test("bicubic squashes to a square and averages", async () => {
    const picture = await decodePhoto(await card().png().toBuffer(), { resize: "bicubic", size: 16 });
    expect([picture.width, picture.height, picture.pixels.length]).toEqual([16, 16, 768]);
    near(at(picture, 2, 12), [255, 0, 0], 6);
    near(at(picture, 13, 12), [0, 0, 255], 6);
    near(at(picture, 8, 0), [0, 255, 0], 20);
  });

  test("pixels go into a given array, which must fit", async () => {
    const into = new Uint8Array(16 * 16 * 3 + 10);
    const slot = into.subarray(10);
    const file = await card().png().toBuffer();
    const picture = await decodePhoto(file, { resize: "bicubic", size: 16, into: slot });
    expect(picture.pixels).toBe(slot);
    expect(slot).toEqual((await decodePhoto(file, { resize: "bicubic", size: 16 })).pixels);
    expect([...into.subarray(0, 10)]).toEqual(Array(10).fill(0));
    await expect(decodePhoto(file, { resize: "bicubic", size: 8, into: slot })).rejects.toThrow(
      /room for 768/,
    );
  });

  test("a path, bytes and a Blob give the same pixels; an odd name does not matter", async () => {
    const file = await card().jpeg().toBuffer();
    const path = join(folder, "Ünïcode  'quotes' 😀");
    await writeFile(path, file);
    const { pixels } = await decodePhoto(file, full);
    expect((await decodePhoto(path, full)).pixels).toEqual(pixels);
    expect((await decodePhoto(new Blob([Uint8Array.from(file)]), full)).pixels).toEqual(pixels);
  });

  test("a cut JPEG is decoded as far as it goes, and counted", async () => {
    const noise = Buffer.from(Array.from({ length: 64 * 64 * 3 }, (_, i) => (i * 7919) % 251));
    const file = await sharp(noise, { raw: { width: 64, height: 64, channels: 3 } })
      .jpeg()
      .toBuffer();
    for (const options of [full, { resize: "bicubic", size: 32 } as const]) {
      const whole = await decodePhoto(file, options);
      const cut = await decodePhoto(file.subarray(0, file.length * 0.6), options);
      expect([whole.truncated, cut.truncated]).toEqual([false, true]);
      near([...cut.pixels.subarray(0, 600)], [...whole.pixels.subarray(0, 600)], 2);
    }
  });

  test("a cut PNG is decoded as far as it goes, and counted", async () => {
    const random = createRandom("noise");
    const noise = Buffer.from(Array.from({ length: 512 * 512 * 3 }, () => random.integer(256)));
    const file = await sharp(noise, { raw: { width: 512, height: 512, channels: 3 } })
      .png()
      .toBuffer();
    const cut = await decodePhoto(file.subarray(0, file.length * 0.6), full);
    expect(cut.truncated).toBe(true);
    expect([...cut.pixels.subarray(0, 300)]).toEqual([...noise.subarray(0, 300)]);
  });

  test("a JPEG with garbage in its middle is decoded as far as it goes, and counted", async () => {
    const random = createRandom("garbage");
    const noise = Buffer.from(Array.from({ length: 128 * 128 * 3 }, () => random.integer(256)));
    const file = await sharp(noise, { raw: { width: 128, height: 128, channels: 3 } })
      .jpeg()
      .toBuffer();
    const whole = await decodePhoto(file, full);
    const half = Math.floor(file.length / 2);
    const damaged = Buffer.from(file).fill(0xff, half, half + 40);
    const picture = await decodePhoto(damaged, full);
    expect(picture.truncated).toBe(true);
    near([...picture.pixels.subarray(0, 600)], [...whole.pixels.subarray(0, 600)], 2);
  });

  test("one pixel, and a picture much wider than high", async () => {
    const create = (width: number, height: number) =>
      sharp({ create: { width, height, channels: 3, background: "#102030" } })
        .png()
        .toBuffer();
    for (const [width, height] of [
      [1, 1],
      [3000, 2],
    ] as const) {
      const file = await create(width, height);
      const picture = await decodePhoto(file, full);
      expect([picture.width, picture.height, picture.truncated]).toEqual([width, height, false]);
      const { pixels } = await decodePhoto(file, { resize: "bicubic", size: 8 });
      expect([...pixels]).toEqual(Array(64).fill([0x10, 0x20, 0x30]).flat());
    }
  });

  test("a BMP is refused with the advice to convert it", async () => {
    const file = Buffer.alloc(58);
    file.write("BM");
    file.writeUInt32LE(58, 2);
    await expect(decodePhoto(file, full)).rejects.toThrow(
      "The file cannot be used: a BMP picture, which cannot be read; save it as JPEG or PNG.",
    );
  });

  test("a header without a picture is refused, in every format", async () => {
    for (const format of ["jpeg", "png", "gif", "webp", "tiff", "avif"] as const) {
      const file = await card().toFormat(format).toBuffer();
      for (const length of [16, 40, 64])
        await expect(decodePhoto(file.subarray(0, length), full), format).rejects.toMatchObject({
          code: "INVALID_PHOTO",
        });
    }
  });

  test("too many pixels are refused before they are decoded", async () => {
    const file = await card().png().toBuffer();
    await expect(decodePhoto(file, { ...full, pixelLimit: 3000 })).rejects.toMatchObject({
      code: "INVALID_PHOTO",
      message: "The photo has more than 3,000 pixels.",
    });
    await expect(decodePhoto(file, { ...full, pixelLimit: WIDTH * HEIGHT })).resolves.toBeDefined();
    const bomb = resized(file, 30000, 30000);
    const started = performance.now();
    await expect(decodePhoto(bomb, { resize: "bicubic", size: 8 })).rejects.toThrow(
      /more than 268,402,689 pixels/,
    );
    expect(performance.now() - started).toBeLessThan(500);
  });

  test("what is not a photo is refused with a sentence", async () => {
    const refused = (content: string) => decodePhoto(Buffer.from(content), full);
    await expect(refused("")).rejects.toThrow("The file cannot be used: empty file.");
    await expect(refused("<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>")).rejects.toThrow(
      /SVG drawing/,
    );
    await expect(refused("%PDF-1.4")).rejects.toThrow(/PDF document/);
    await expect(refused("hello")).rejects.toMatchObject({ code: "INVALID_PHOTO" });
  });

  test("a missing file is NOT_FOUND, a folder INVALID_PHOTO", async () => {
    await expect(decodePhoto(join(folder, "none.jpg"), full)).rejects.toMatchObject({ code: "NOT_FOUND" });
    await expect(decodePhoto(folder, full)).rejects.toMatchObject({ code: "INVALID_PHOTO" });
  });
});

/** What happens to every file of the shared folder of odd photos: its size, whether it counts as damaged, or why it is refused. */
const ODD: readonly (readonly [string, readonly [number, number, boolean] | RegExp])[] = [
  ["UPPER.JPG", [400, 300, false]],
  ["alpha.png", [400, 300, false]],
  ["animated.gif", [400, 300, false]],
  ["animated.webp", [400, 300, false]],
  ["bomb-30000x30000.png", /more than 268,402,689 pixels/],
  ["cmyk.jpg", [400, 300, false]],
  ["empty.jpg", /empty file/],
  ["exif-orientation-6.jpg", [400, 300, false]],
  ["garbage-middle.jpg", [400, 300, true]],
  ["grey-16bit.png", [400, 300, false]],
  ["grey-alpha.png", [400, 300, false]],
  ["grey.jpg", [400, 300, false]],
  ["header-only.jpg", /cannot be decoded: premature end of JPEG image/],
  ["one-bit.png", [400, 300, false]],
  ["one-pixel.png", [1, 1, false]],
  ["palette.png", [400, 300, false]],
  ["plain.bmp", /a BMP picture, which cannot be read; save it as JPEG or PNG/],
  ["plain.gif", [400, 300, false]],
  ["plain.jpg", [400, 300, false]],
  ["plain.tiff", [400, 300, false]],
  ["plain.webp", [400, 300, false]],
  ["png-named.jpg", [400, 300, false]],
  ["progressive.jpg", [400, 300, false]],
  ["script.svg", /SVG drawing/],
  ["text.jpg", /not a photo \(text\)/],
  ["truncated.jpg", [400, 300, true]],
  ["very-wide.jpg", [3000, 20, false]],
  ["Ünïcode  spaces & 'quotes'.jpg", [400, 300, false]],
];

describe.skipIf(!shared("photos/odd"))("the shared odd photos (needs ../shared)", () => {
  test.each(ODD)("%s", async (name, wanted) => {
    const path = shared(`photos/odd/${name}`) ?? "";
    for (const options of [full, { resize: "bicubic", size: 224 } as const]) {
      const result = decodePhoto(path, options);
      if (wanted instanceof RegExp) {
        await expect(result).rejects.toThrow(wanted);
        continue;
      }
      const { width, height, pixels, truncated } = await result;
      const size = options.resize === "none" ? wanted.slice(0, 2) : [224, 224];
      expect([width, height, truncated]).toEqual([...size, wanted[2]]);
      expect(pixels.length).toBe(width * height * 3);
    }
  });

  test.each([
    ["plain.webp", 2],
    ["plain.tiff", 1],
    ["png-named.jpg", 1],
    ["progressive.jpg", 8],
    ["exif-orientation-6.jpg", 1],
  ])("%s shows the same picture as plain.jpg", async (name, most) => {
    const read = (file: string) =>
      decodePhoto(shared(`photos/odd/${file}`) ?? "", { resize: "bicubic", size: 64 });
    const [plain, other] = [(await read("plain.jpg")).pixels, (await read(name)).pixels];
    const difference =
      plain.reduce((sum, value, i) => sum + Math.abs(value - (other[i] ?? 0)), 0) / plain.length;
    expect(difference).toBeLessThan(most);
  });
});
