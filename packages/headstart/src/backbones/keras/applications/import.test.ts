import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import sharp from "sharp";
import { describe, expect, test } from "vitest";
import { relativeError, runOnPhotos } from "../../../../test/support/keras-applications.js";
import { patternedPhoto } from "../../../../test/support/keras-pattern.js";
import { readSafetensors } from "../../../../test/support/safetensors.js";
import { shared } from "../../../../test/support/shared.js";
import type { Tensor } from "../../../onnx/index.js";
import { openKerasFile } from "../files/index.js";
import { type Architecture, withoutTop } from "./architecture.js";
import { importApplication, importArchitecture, layersOf, weightsInOrder } from "./import.js";
import { applicationNamed } from "./registry.js";

const FIXTURES = fileURLToPath(new URL("../../../../test/fixtures/keras-applications/", import.meta.url));

// A ConvNeXt with two channels, made by bench/peers/keras_patterned.py. Its layers have other names in the
// file than in the architecture, and its stem and downsampling blocks are models inside of the model.
describe("weights are found by order", () => {
  const narrow = JSON.parse(readFileSync(`${FIXTURES}narrow.json`, "utf8")) as Architecture;
  const { preprocessing } = applicationNamed("convnexttiny");

  test("whatever the layers are called in the file", async () => {
    const file = await openKerasFile(`${FIXTURES}narrow.h5`);
    const graph = importArchitecture(narrow, weightsInOrder(layersOf(narrow, null), file), null);
    const wanted = readSafetensors(`${FIXTURES}narrow.safetensors`).get("probabilities");
    const made = await runOnPhotos(graph, patternedPhoto(32), preprocessing);
    expect(wanted && relativeError(made, wanted)).toBeLessThan(1e-5);
  });

  test("a file with weights for another number of layers is refused", async () => {
    const file = await openKerasFile(`${FIXTURES}narrow.h5`);
    const bare = withoutTop(narrow);
    expect(() => weightsInOrder(layersOf(bare, null), file)).toThrow(
      expect.objectContaining({ code: "INVALID_MODEL", message: expect.stringContaining("layers") }),
    );
  });

  test("an array of another shape is named", async () => {
    const file = await openKerasFile(`${FIXTURES}narrow.h5`);
    const wider = JSON.parse(
      JSON.stringify(narrow).replace('"kernel_size":[4,4]', '"kernel_size":[3,4]'),
    ) as Architecture;
    const sentence =
      /other_stem_conv\/kernel of the layer narrow_stem .* \[4, ?4, ?3, ?2\].* \[3, ?4, ?3, ?2\]/;
    expect(() => importArchitecture(wider, weightsInOrder(layersOf(wider, null), file), null)).toThrow(
      expect.objectContaining({ code: "INVALID_MODEL", message: expect.stringMatching(sentence) }),
    );
  });
});

describe("importApplication", () => {
  test("refuses sizes that the network does not take", async () => {
    const refused = { code: "INVALID_OPTION" };
    const options = { top: false, imageSize: 74 };
    await expect(importApplication("inceptionv3", "absent.h5", options)).rejects.toMatchObject(refused);
    await expect(
      importApplication("vgg16", "absent.h5", { top: true, imageSize: 299 }),
    ).rejects.toMatchObject(refused);
    await expect(importApplication("vgg17", "absent.h5", { top: true })).rejects.toMatchObject(refused);
    await expect(
      importApplication("vgg16", "absent.h5", { top: true, imageSize: 224 }),
    ).rejects.toMatchObject({
      code: "NOT_FOUND",
    });
  });

  test("refuses the weights of another network", async () => {
    const wrong = importApplication("resnet50", `${FIXTURES}narrow.h5`, { top: false });
    await expect(wrong).rejects.toMatchObject({ code: "INVALID_MODEL" });
  });
});

const weights = shared("golden/keras/resnet50-notop-patterned.h5");
const photo = shared("golden/keras/photo.png");
const features = shared("golden/keras/resnet50-features.safetensors");

/** A photo and its mirror image, squashed to a square as Pillow does by nearest. */
async function squashed(path: string, size: number): Promise<Tensor> {
  const { data, info } = await sharp(path).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  const pixels = Uint8Array.from({ length: 2 * size * size * 3 }, (_, index) => {
    const [view, row, column] = [size * size, size, 1].map((step) => Math.floor(index / 3 / step));
    const across = (column ?? 0) % size;
    const x = Math.floor((((view === 1 ? size - 1 - across : across) + 0.5) * info.width) / size);
    const y = Math.floor((((row ?? 0) % size) + 0.5) * (info.height / size));
    return data[(y * info.width + x) * 3 + (index % 3)] ?? 0;
  });
  return { type: "uint8", dims: [2, size, size, 3], data: pixels };
}

describe.skipIf(!weights || !photo || !features)("ResNet50 as Keras has it, which needs ../shared", () => {
  test("a photo and its mirror image at all sizes", { timeout: 60_000 }, async () => {
    const graph = await importApplication("resnet50", weights ?? "", { top: false });
    const { preprocessing } = applicationNamed("resnet50");
    for (const [key, wanted] of readSafetensors(features ?? "")) {
      const photos = await squashed(photo ?? "", Number(key.replace("features_", "")));
      expect(relativeError(await runOnPhotos(graph, photos, preprocessing), wanted)).toBeLessThan(1e-4);
    }
  });
});
