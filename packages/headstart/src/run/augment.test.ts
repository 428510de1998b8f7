import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { drawPhotos } from "../../test/support/photos.js";
import { newFolder } from "../../test/support/temporary.js";
import { RECIPES, type Recipe } from "../training/index.js";
import { type AugmentOptions, drawAugmented, SHEET_LIMIT } from "./augment.js";

const folder = newFolder();
afterAll(() => rmSync(folder, { recursive: true, force: true }));
beforeAll(async () => {
  await drawPhotos(join(folder, "photos"), 1);
  writeFileSync(join(folder, "photos", "notes.txt"), "no photo");
});

const out = (name: string) => join(folder, name);
const small: Recipe = {
  ...RECIPES["keras-classic"],
  name: "small",
  stages: [{ epochs: 1, imageSize: 48 }],
};

describe("drawAugmented", () => {
  test("draws a row for each photo, and says what was left out", async () => {
    const sheet = await drawAugmented([join(folder, "photos")], { recipe: small, out: out("sheet.png") });
    expect(sheet).toMatchObject({ shown: 3, found: 3, out: out("sheet.png") });
    expect(sheet.skipped.map(({ name }) => name)).toEqual([join(folder, "photos", "notes.txt")]);
    const { format, width, height } = await sharp(sheet.out).metadata();
    expect(format).toBe("png");
    expect(width).toBeGreaterThan(8 * 160);
    expect(height).toBeGreaterThan(3 * 160);
  });

  test("the same seed draws the same sheet, another seed another", async () => {
    const photo = [join(folder, "photos", "cat", "01.jpg")];
    const draw = async (seed: number, name: string) => {
      await drawAugmented(photo, { recipe: small, seed, views: 2, out: out(name) });
      return readFileSync(out(name));
    };
    const [first, again, other] = [await draw(1, "a.png"), await draw(1, "b.png"), await draw(2, "c.png")];
    expect(again.equals(first)).toBe(true);
    expect(other.equals(first)).toBe(false);
  });

  test("a recipe that changes nothing draws views that are the photo", async () => {
    const still: Recipe = {
      ...small,
      augmentation: { rotation: 0, shear: 0, zoom: [1, 1], horizontalFlip: false },
    };
    const photo = join(folder, "photos", "dog", "01.jpg");
    await drawAugmented([photo], { recipe: still, views: 1, out: out("still.png") });
    const { data, info } = await sharp(out("still.png"))
      .removeAlpha()
      .raw()
      .toBuffer({ resolveWithObject: true });
    // The two squares, 160 pixels wide, stand in one row.
    const square = (left: number) =>
      Array.from({ length: 160 }, (_, y) => {
        const start = ((info.height - 184 + y) * info.width + left) * 3;
        return data.subarray(start, start + 160 * 3).toString("hex");
      });
    const second = info.width - 24 - 160;
    expect(square(second)).toEqual(square(24));
  });

  test("draws an augmentation by its name, and mixes the photos of the sheet with each other", async () => {
    const photos = [join(folder, "photos")];
    const files = new Set<string>();
    for (const [index, choices] of [
      { augmentation: "none", mixup: 0.4 },
      { augmentation: "none", cutmix: 1 },
      { augmentation: "light" },
      { augmentation: "strong", mixup: 0.2, cutmix: 1 },
    ].entries()) {
      const options = { recipe: small, views: 2, ...choices };
      const sheet = await drawAugmented(photos, { ...options, out: out(`named-${index}.png`) });
      await drawAugmented(photos, { ...options, out: out("again.png") });
      expect(sheet.shown).toBe(3);
      expect(readFileSync(out("again.png")).equals(readFileSync(sheet.out))).toBe(true);
      files.add(readFileSync(sheet.out, "base64"));
    }
    expect(files.size).toBe(4);
  });

  test("refuses to mix a single photo, unknown names, and choices that change nothing", async () => {
    const photo = [join(folder, "photos", "cat", "01.jpg")];
    const refused = (choices: AugmentOptions) => expect(drawAugmented(photo, choices)).rejects;
    await refused({ recipe: small, mixup: 0.2 }).toMatchObject({
      code: "INVALID_OPTION",
      message: expect.stringContaining("there is only one"),
    });
    await refused({ augmentation: "heavy" }).toMatchObject({ hint: expect.stringContaining("standard") });
    await refused({ augmentation: "none" }).toMatchObject({
      message: expect.stringContaining("fine-tune takes photos as they are with that augmentation"),
    });
  });

  test("refuses a recipe that does not augment, and what holds no photo", async () => {
    await expect(drawAugmented([folder], { recipe: "default" })).rejects.toMatchObject({
      code: "INVALID_OPTION",
      message: expect.stringContaining("does not augment"),
    });
    await expect(drawAugmented([folder], { recipe: small, views: 0 })).rejects.toMatchObject({
      code: "INVALID_OPTION",
    });
    await expect(drawAugmented([join(folder, "photos", "notes.txt")])).rejects.toMatchObject({
      code: "INVALID_PHOTO",
      hint: expect.stringContaining("notes.txt"),
    });
    await expect(drawAugmented([join(folder, "nowhere")])).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  test("shows no more photos than a sheet holds", async () => {
    const many = join(folder, "many");
    mkdirSync(many);
    const photo = readFileSync(join(folder, "photos", "fox", "01.jpg"));
    for (let i = 0; i < SHEET_LIMIT + 2; i++) writeFileSync(join(many, `${i}.jpg`), photo);
    const sheet = await drawAugmented([many], { recipe: small, views: 1, out: out("many.png") });
    expect(sheet).toMatchObject({ shown: SHEET_LIMIT, found: SHEET_LIMIT + 2 });
  });
});
