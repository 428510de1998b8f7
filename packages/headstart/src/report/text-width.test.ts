import fc from "fast-check";
import sharp from "sharp";
import { describe, expect, test } from "vitest";
import { registerFonts } from "./fonts.js";
import { svgDocument, text } from "./svg.js";
import { shorten, textWidth, wrap } from "./text-width.js";

/** Width of what is really drawn. */
async function drawnWidth(content: string, size: number, bold: boolean): Promise<number> {
  await registerFonts();
  const document = svgDocument(1500, 60, [text(20, 40, content, { size, bold, fill: "#000000" })]);
  const { info } = await sharp(Buffer.from(document))
    .trim({ background: "#ffffff" })
    .toBuffer({ resolveWithObject: true });
  return info.width;
}

describe("textWidth", () => {
  test.each([
    "daisy",
    "Illicit lily, (till) [if] 'fjord'",
    "WOMBAT MAMMOTH @ 100 %",
    "golden retriever_0123456789",
    "Größe Ångström Çağ",
    "Ромашка аптечная",
    "μαργαρίτα",
  ])("is at least what %j takes, and not much more", async (content) => {
    for (const bold of [false, true]) {
      const drawn = await drawnWidth(content, 20, bold);
      const estimate = textWidth(content, 20, bold);
      expect(estimate).toBeGreaterThanOrEqual(drawn - 1);
      expect(estimate).toBeLessThan(drawn * 1.5 + 5);
    }
  });

  test("counts marks on letters for nothing, and Chinese and emoji as wide", () => {
    expect(textWidth("e\u0301", 10)).toBe(textWidth("e", 10));
    expect(textWidth("日", 10)).toBeGreaterThanOrEqual(10);
    expect(textWidth("🌼", 10)).toBeGreaterThanOrEqual(13);
  });
});

describe("shorten", () => {
  test("keeps what fits and shortens what does not", () => {
    expect(shorten("daisy", 100, 14)).toBe("daisy");
    expect(shorten("Nova scotia duck tolling retriever", 100, 14)).toMatch(/^Nova scoti?a?…$/);
  });

  test("does not cut inside a character", () => {
    expect(shorten("👨‍👩‍👧‍👦".repeat(9), 100, 10)).toMatch(/^(👨‍👩‍👧‍👦)*…$/u);
  });

  test("fits whenever an ellipsis does, and is a beginning of the text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), fc.integer({ min: 15, max: 200 }), (content, width) => {
        const short = shorten(content, width, 14);
        expect(textWidth(short, 14)).toBeLessThanOrEqual(width);
        if (short.endsWith("…"))
          expect(content.replace(/\s+/g, " ").startsWith(short.slice(0, -1))).toBe(true);
      }),
    );
  });
});

describe("wrap", () => {
  test("breaks between words and shortens the last line", () => {
    expect(wrap("one two three", 1000, 14, 3)).toEqual(["one two three"]);
    expect(wrap("one two three", 45, 14, 3)).toEqual(["one", "two", "three"]);
    const two = wrap("one two three four five", 60, 14, 2);
    expect(two).toHaveLength(2);
    expect(two[1]).toMatch(/…$/);
  });
});
