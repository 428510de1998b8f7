import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, describe, expect, test } from "vitest";
import { scene, writeJpeg } from "../../../test/support/scenes.js";
import { shared } from "../../../test/support/shared.js";
import { folderWith } from "../../../test/support/temporary.js";
import { floats, uint8 } from "../../onnx/index.js";
import { Runtime } from "../../runtime/index.js";
import { decodePhoto } from "../decode.js";
import { type Appearance, appearanceRow, readAppearances, readGrey, SMALL } from "./appearance.js";
import { composeAppearance } from "./appearance-graph.js";
import { photoFindings, unreadableFindings } from "./file-findings.js";
import { readHeader } from "./header.js";
import type { Seen } from "./shortcuts.js";

const runtime = Runtime.start({ threads: 1 });
afterAll(() => runtime.close());

/** What a photo looks like, decoded to squares of some size. */
async function look(path: string, size = SMALL): Promise<{ appearance: Appearance; grey: Float32Array }> {
  const { pixels, truncated } = await decodePhoto(path, { resize: "bicubic", size });
  const session = await runtime.load(composeAppearance(size));
  const found = await session.run<"appearance">({ photo: uint8([1, size, size, 3], pixels) });
  await session.close();
  const features = appearanceRow(await readHeader(readFileSync(path)), floats(found.appearance));
  const block = { features, length: features.length, truncated: [truncated] };
  const [appearance] = readAppearances(block);
  if (appearance === undefined) throw new Error("no appearance");
  return { appearance, grey: readGrey(block) };
}

function seen(name: string, appearance: Appearance): Seen {
  return { name, path: name, className: "cat", digest: name, bytes: 1, side: "train", appearance };
}

async function kinds(path: string, name = path): Promise<string[]> {
  return photoFindings([seen(name, (await look(path)).appearance)]).map(({ kind }) => kind);
}

/** A photo of grey noise with a border, as a file. */
async function file(width: number, height: number, options: { orientation?: number; plain?: boolean } = {}) {
  const pixels = new Uint8Array(width * height * 3).map((_, i) =>
    options.plain ? 90 : (Math.floor(i / 3) * 7919) % 256,
  );
  let image = sharp(pixels, { raw: { width, height, channels: 3 } });
  if (options.orientation !== undefined) image = image.withMetadata({ orientation: options.orientation });
  const path = join(folderWith({}), "photo.jpg");
  writeFileSync(path, await image.jpeg().toBuffer());
  return path;
}

describe("appearance", () => {
  test("size, colour and border of a photo", async () => {
    const folder = folderWith({});
    const path = join(folder, "photo.png");
    const inner = { create: { width: 56, height: 28, channels: 3, background: "#0000ff" } } as const;
    await sharp({ create: { width: 64, height: 32, channels: 3, background: "#ff0000" } })
      .composite([{ input: inner, left: 4, top: 2 }])
      .png()
      .toFile(path);
    const { appearance, grey } = await look(path);
    expect([appearance.width, appearance.height, appearance.format]).toEqual([64, 32, "png"]);
    const share = (56 * 28) / (64 * 32);
    expect(appearance.colour[0]).toBeCloseTo(1 - share, 1);
    expect(appearance.colour[2]).toBeCloseTo(share, 1);
    expect(appearance.border[0]).toBeGreaterThan(0.9);
    expect(appearance.borderSpread).toBeLessThan(0.02);
    expect(appearance.contrast).toBeGreaterThan(0.05);
    expect(grey).toHaveLength(SMALL * SMALL);
    expect(grey[0]).toBeCloseTo(0.299, 1);
    expect(grey[(SMALL * SMALL) / 2 + SMALL / 2]).toBeCloseTo(0.114, 1);
  });

  test.each([96, 80])("is the same, but for rounding, from pixels that were decoded at %d", async (size) => {
    const path = join(folderWith({}), "scene.jpg");
    await writeJpeg(path, scene("cat", 1, 200).resize(300, 200, { fit: "fill" }));
    const [one, other] = [(await look(path)).grey, (await look(path, size)).grey];
    expect(one).toHaveLength(other.length);
    const differences = [...one].map((value, i) => Math.abs(value - (other[i] ?? 0)));
    expect(Math.max(...differences)).toBeLessThan(0.1);
    expect(differences.reduce((a, b) => a + b) / differences.length).toBeLessThan(0.02);
  });
});

describe("photos", () => {
  test("nothing is said of an ordinary one", async () => {
    expect(await kinds(await file(80, 60), "1.jpg")).toEqual([]);
    expect(await kinds(await file(80, 60), "1.JPEG")).toEqual([]);
  });

  test("tiny, narrow, of one colour, turned, called by the wrong extension", async () => {
    expect(await kinds(await file(31, 60), "1.jpg")).toEqual(["tiny"]);
    expect(await kinds(await file(300, 60), "1.jpg")).toEqual(["narrow"]);
    expect(await kinds(await file(80, 60, { plain: true }), "1.jpg")).toEqual(["blank"]);
    expect(await kinds(await file(80, 60, { orientation: 6 }), "1.jpg")).toEqual(["rotated"]);
    expect(await kinds(await file(80, 60), "1.png")).toEqual(["extension"]);
    expect(await kinds(await file(80, 60), "1")).toEqual(["extension"]);
  });

  test("a turned photo has its upright size", async () => {
    const { appearance } = await look(await file(80, 60, { orientation: 6 }));
    expect([appearance.width, appearance.height, appearance.orientation]).toEqual([60, 80, 6]);
  });

  test("huge and truncated", async () => {
    const { appearance } = await look(await file(80, 60));
    const odd = photoFindings([
      seen("1.jpg", { ...appearance, width: 10_000, height: 6000, truncated: true }),
    ]);
    expect(odd.map(({ kind, severity }) => `${kind} ${severity}`)).toEqual([
      "truncated warning",
      "huge note",
    ]);
  });

  const odd = shared("photos/odd");
  test.skipIf(!odd)("odd files (needs ../shared)", async () => {
    const at = (name: string) => kinds(join(odd ?? "", name), name);
    expect(await at("truncated.jpg")).toContain("truncated");
    expect(await at("png-named.jpg")).toContain("extension");
    expect(await at("exif-orientation-6.jpg")).toContain("rotated");
    expect(await at("very-wide.jpg")).toContain("narrow");
    expect(await at("one-pixel.png")).toEqual(expect.arrayContaining(["tiny", "blank"]));
    expect(await at("plain.tiff")).toEqual([]);
  });
});

test("files that no photo is read from", () => {
  const skipped = [
    { name: "a.jpg", reason: "empty file" },
    { name: "b.svg", reason: "not a photo (SVG drawing)" },
    { name: "c.bmp", reason: "a BMP picture, which cannot be read; save it as JPEG or PNG" },
    { name: "d.jpg", reason: "beside the class folders, so it has no label" },
  ];
  const findings = unreadableFindings(skipped, [
    { name: "e.jpg", reason: "The photo cannot be decoded: no data." },
  ]);
  expect(findings.map(({ kind, severity, movable }) => [kind, severity, movable])).toEqual([
    ["broken", "error", ["e.jpg"]],
    ["empty", "error", ["a.jpg"]],
    ["not-a-photo", "warning", ["b.svg"]],
    ["not-a-photo", "warning", ["c.bmp"]],
    ["unused", "note", []],
  ]);
});
