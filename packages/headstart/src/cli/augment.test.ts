import { rmSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, expect, test } from "vitest";
import { captured } from "../../test/support/captured.js";
import { drawPhotos } from "../../test/support/photos.js";
import { newFolder } from "../../test/support/temporary.js";
import { main } from "./main.js";

const folder = newFolder();
afterAll(() => rmSync(folder, { recursive: true, force: true }));
beforeAll(() => drawPhotos(join(folder, "photos"), 1));

async function augment(...args: readonly string[]) {
  const streams = captured();
  const code = await main(["augment", ...args], streams);
  return { code, out: streams.out(), err: streams.err() };
}

test("draws an augmentation, mixup and cutmix", async () => {
  const sheet = join(folder, "sheet.png");
  const { code, out } = await augment(
    ...[join(folder, "photos"), "--augment", "standard", "--mixup", "0.2", "--cutmix", "1.0"],
    ...["--seed", "2", "--out", sheet, "--json"],
  );
  expect([code, JSON.parse(out)]).toMatchObject([0, { out: sheet, shown: 3, found: 3 }]);
  expect((await sharp(sheet).metadata()).format).toBe("png");
});

test("the help says what may be chosen, and nothing that only training needs", async () => {
  const { out } = await augment("--help");
  for (const wanted of ["--augment <much>", "--mixup", "--cutmix", "--recipe"]) expect(out).toContain(wanted);
  for (const other of ["--ema", "--stages", "--views"]) expect(out).not.toContain(other);
  const wrong = await augment(folder, "--augment", "heavy");
  expect([wrong.code, wrong.err]).toEqual([
    2,
    expect.stringContaining("none, light, standard, strong, keras"),
  ]);
});
