import fc from "fast-check";
import sharp from "sharp";
import { describe, expect, test } from "vitest";
import { sniff } from "./sniff.js";

const bytes = (text: string) => Uint8Array.from(Buffer.from(text, "latin1"));

describe("sniff", () => {
  test.each(["jpeg", "png", "webp", "gif", "tiff", "avif"] as const)("%s is a photo", async (format) => {
    const file = await sharp({ create: { width: 8, height: 8, channels: 3, background: "red" } })
      .toFormat(format)
      .toBuffer();
    expect(sniff(file)).toEqual({ format });
    expect(sniff(Uint8Array.from(file).subarray(0, 40))).toEqual({ format });
  });

  test.each([
    ["", "empty file"],
    ["<svg xmlns='http://www.w3.org/2000/svg'/>", "not a photo (SVG drawing)"],
    ["\xef\xbb\xbf<?xml version='1.0'?>\n<!-- drawn -->\n<svg>", "not a photo (SVG drawing)"],
    ["<?xml version='1.0'?><data/>", "not a photo (XML file)"],
    ["<!DOCTYPE html><p>", "not a photo (HTML page)"],
    ["%PDF-1.7\n", "not a photo (PDF document)"],
    ["just text", "not a photo (text)"],
    ["BMW is a maker of cars", "not a photo (text)"],
    ["BM\x40\0\0\0\0\0\0\0\x36\0\0\0", "a BMP picture, which cannot be read; save it as JPEG or PNG"],
    ["\0\0\0\x18ftypheic\0\0\0\0mif1heic", "a HEIC picture, which cannot be read; save it as JPEG or PNG"],
    ["\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "a HEIC picture, which cannot be read; save it as JPEG or PNG"],
    ["\0\0\0\x18ftypisom\0\0\0\0isommp41", "not a photo (MP4 or QuickTime video)"],
    ["P6\n2 2\n255\n", "a PBM, PGM or PPM picture, which cannot be read; save it as JPEG or PNG"],
    ["8BPS\0\x01", "a Photoshop picture, which cannot be read; save it as JPEG or PNG"],
    ["PK\x03\x04", "not a photo (ZIP archive or office document)"],
    ["RIFF\0\0\0\0WAVE", "not a photo (WAV sound)"],
    ["\x80\x81\x82", "not a photo (unknown format)"],
    ["\0\0\0", "not a photo (unknown format)"],
    ["\xff\xd8", "not a photo (unknown format)"],
  ])("%j: %s", (text, reason) => {
    expect(sniff(bytes(text))).toEqual({ reason });
  });

  test("AVIF whose major brand is general is a photo", () => {
    expect(sniff(bytes("\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf"))).toEqual({ format: "avif" });
  });

  test("text cut in the middle of a character is still text", () => {
    expect(sniff(new TextEncoder().encode(`${"a".repeat(4095)}é`))).toEqual({ reason: "not a photo (text)" });
  });

  test("answers for any bytes", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 64 }),
        (head) => "reason" in sniff(head) !== "format" in sniff(head),
      ),
    );
  });
});
