import sharp from "sharp";
import { describe, expect, test } from "vitest";
import { readHeader } from "./header.js";

const plain = { width: 40, height: 24, channels: 3, background: "#678" } as const;

describe("readHeader", () => {
  test.each([1, 2, 3, 4, 5, 6, 7, 8])(
    "of a JPEG says what the decoder says: orientation %i",
    async (orientation) => {
      const bytes = await sharp({ create: plain }).withMetadata({ orientation }).jpeg().toBuffer();
      const { autoOrient } = await sharp(bytes).metadata();
      expect(await readHeader(bytes)).toEqual({ ...autoOrient, orientation, format: "jpeg" });
      expect(autoOrient.width).toBe(orientation < 5 ? 40 : 24);
    },
  );

  test.each(["png", "webp", "gif", "tiff", "avif"] as const)("of another format: %s", async (format) => {
    const bytes = await sharp({ create: plain }).toFormat(format).toBuffer();
    expect(await readHeader(bytes)).toEqual({ width: 40, height: 24, orientation: 1, format });
  });

  test("of a JPEG that is cut off where it says its size is asked of the decoder, which refuses", async () => {
    const bytes = await sharp({ create: plain }).jpeg().toBuffer();
    await expect(readHeader(bytes.subarray(0, 40))).rejects.toThrow();
    expect(await readHeader(bytes.subarray(0, -40))).toMatchObject({ width: 40, height: 24 });
  });
});
