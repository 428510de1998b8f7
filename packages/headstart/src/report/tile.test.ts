import sharp, { type Sharp } from "sharp";
import { describe, expect, test } from "vitest";
import { plainPhoto } from "../../test/support/picture.js";
import { photoTile, pixelTile, type Tile } from "./tile.js";

function at({ pixels, width }: Tile, x: number, y: number): number[] {
  return [...pixels.subarray((y * width + x) * 3, (y * width + x) * 3 + 3)];
}

/** Left half red, right half blue, 40 x 20. */
async function halves(): Promise<Sharp> {
  const blue = await plainPhoto(20, 20, "#0000ff");
  const both = await sharp(await plainPhoto(40, 20, "#ff0000"))
    .composite([{ input: blue, left: 20, top: 0 }])
    .png()
    .toBuffer();
  return sharp(both);
}

describe("photoTile", () => {
  test("shows the whole photo on white", async () => {
    const tile = await photoTile(await (await halves()).toBuffer(), 40);
    expect([tile.width, tile.height, tile.pixels.length]).toEqual([40, 40, 4800]);
    expect(at(tile, 5, 4)).toEqual([255, 255, 255]);
    expect(at(tile, 5, 20)).toEqual([255, 0, 0]);
    expect(at(tile, 35, 20)).toEqual([0, 0, 255]);
    expect(at(tile, 5, 36)).toEqual([255, 255, 255]);
  });

  test("turns it as its EXIF orientation says", async () => {
    // Orientation 6: the stored picture has to be turned by 90 degrees clockwise, so its left side comes to the top.
    const turned = await (await halves())
      .withMetadata({ orientation: 6 })
      .jpeg({ quality: 100, chromaSubsampling: "4:4:4" })
      .toBuffer();
    const tile = await photoTile(turned, 40);
    expect(at(tile, 4, 20)).toEqual([255, 255, 255]);
    expect(at(tile, 20, 5)[0]).toBeGreaterThan(240);
    expect(at(tile, 20, 35)[2]).toBeGreaterThan(240);
  });

  test("makes 8-bit RGB of grey, CMYK, 16-bit and transparent photos", async () => {
    const red = sharp(await plainPhoto(30, 30, "#c83232"));
    const files = [
      await red.clone().greyscale().png().toBuffer(),
      await red.clone().toColourspace("cmyk").jpeg().toBuffer(),
      await red.clone().toColourspace("rgb16").png().toBuffer(),
      await red.clone().ensureAlpha(0).png().toBuffer(),
    ];
    for (const file of files) {
      const tile = await photoTile(file, 32);
      expect([tile.width, tile.height, tile.pixels.length]).toEqual([32, 32, 32 * 32 * 3]);
    }
    expect(at(await photoTile(files[2] ?? "", 32), 16, 16)).toEqual([200, 50, 50]);
    expect(at(await photoTile(files[3] ?? "", 32), 16, 16)).toEqual([255, 255, 255]);
  });

  test("a truncated JPEG comes as far as it goes", async () => {
    const whole = await sharp({
      create: {
        width: 200,
        height: 200,
        channels: 3,
        background: "#aabbcc",
        noise: { type: "gaussian", mean: 128, sigma: 40 },
      },
    })
      .jpeg()
      .toBuffer();
    const tile = await photoTile(whole.subarray(0, Math.floor(whole.length * 0.6)), 64);
    expect(tile.width).toBe(64);
  });

  test("refuses what is no photo", async () => {
    await expect(photoTile(Buffer.from("not a photo at all"), 32)).rejects.toThrow();
    await expect(photoTile(Buffer.alloc(0), 32)).rejects.toThrow();
    const drawing = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>');
    await expect(photoTile(drawing, 32)).rejects.toMatchObject({ code: "INVALID_PHOTO" });
  });
});

test("pixelTile shows raw pixels whole", async () => {
  const tile = await pixelTile({ pixels: new Uint8Array(10 * 20 * 3).fill(7), width: 10, height: 20 }, 40);
  expect(at(tile, 20, 20)).toEqual([7, 7, 7]);
  expect(at(tile, 5, 20)).toEqual([255, 255, 255]);
});
