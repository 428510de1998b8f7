import { describe, expect, test } from "vitest";
import { writtenClasses, writtenPreparation } from "./written.js";

const IMAGENET = {
  channels: "RGB",
  mean: [123.675, 116.28, 103.53],
  std: [58.395, 57.12, 57.375],
};

/** Numbers within rounding. */
function near(value: { channels: string; mean: readonly number[]; std: readonly number[] }) {
  return {
    channels: value.channels,
    mean: value.mean.map((one) => expect.closeTo(one, 6)),
    std: value.std.map((one) => expect.closeTo(one, 6)),
  };
}

describe("preprocessor_config.json", () => {
  test.each<[string, unknown, { channels: string; mean: number[]; std: number[] }, number | undefined]>([
    [
      "of ViT",
      {
        do_normalize: true,
        do_rescale: true,
        do_resize: true,
        image_mean: [0.5, 0.5, 0.5],
        image_processor_type: "ViTImageProcessor",
        image_std: [0.5, 0.5, 0.5],
        resample: 2,
        rescale_factor: 0.00392156862745098,
        size: { height: 224, width: 224 },
      },
      { channels: "RGB", mean: [127.5, 127.5, 127.5], std: [127.5, 127.5, 127.5] },
      224,
    ],
    [
      "of an older version, with a number for the size",
      {
        do_normalize: true,
        do_resize: true,
        feature_extractor_type: "ViTFeatureExtractor",
        image_mean: [0.485, 0.456, 0.406],
        image_std: [0.229, 0.224, 0.225],
        size: 384,
      },
      IMAGENET,
      384,
    ],
    [
      "of ConvNeXT, which crops",
      {
        crop_pct: 0.875,
        image_mean: [0.485, 0.456, 0.406],
        image_processor_type: "ConvNextImageProcessor",
        image_std: [0.229, 0.224, 0.225],
        size: { shortest_edge: 224 },
      },
      IMAGENET,
      224,
    ],
    [
      "of BEiT, with a crop smaller than the size",
      {
        crop_size: { height: 224, width: 224 },
        do_center_crop: true,
        image_mean: [0.5, 0.5, 0.5],
        image_std: [0.5, 0.5, 0.5],
        size: { shortest_edge: 256 },
      },
      { channels: "RGB", mean: [127.5, 127.5, 127.5], std: [127.5, 127.5, 127.5] },
      224,
    ],
    [
      "with a crop that is not made",
      { crop_size: 224, do_center_crop: false, do_normalize: false, size: [256, 256] },
      { channels: "RGB", mean: [0, 0, 0], std: [255, 255, 255] },
      256,
    ],
    [
      "that does not rescale",
      { do_rescale: false, image_mean: 127, image_std: [128, 128, 128], size: { height: 200, width: 300 } },
      { channels: "RGB", mean: [127, 127, 127], std: [128, 128, 128] },
      undefined,
    ],
    [
      "of EfficientNet, which divides twice for its classifier",
      {
        do_normalize: true,
        image_mean: [0.485, 0.456, 0.406],
        image_processor_type: "EfficientNetImageProcessor",
        image_std: [0.229, 0.224, 0.225],
        include_top: true,
        rescale_offset: false,
        rescale_factor: 1 / 255,
        size: { height: 224, width: 224 },
      },
      { channels: "RGB", mean: IMAGENET.mean, std: [0.229 ** 2 * 255, 0.224 ** 2 * 255, 0.225 ** 2 * 255] },
      224,
    ],
    [
      "with an offset",
      { do_normalize: false, rescale_factor: 1 / 127.5, rescale_offset: true, size: 224 },
      { channels: "RGB", mean: [127.5, 127.5, 127.5], std: [127.5, 127.5, 127.5] },
      224,
    ],
    [
      "of MobileViT, which takes BGR",
      {
        do_flip_channel_order: true,
        image_mean: [0, 0.25, 0.5],
        image_std: [1, 2, 3],
        crop_size: { height: 256, width: 256 },
      },
      { channels: "BGR", mean: [127.5, 63.75, 0], std: [765, 510, 255] },
      256,
    ],
  ])("%s", (_, preprocessor, preprocessing, imageSize) => {
    expect(writtenPreparation({ preprocessor, config: {} })).toEqual({
      preprocessing: near(preprocessing),
      preparation: "as preprocessor_config.json says",
      imageSize,
    });
  });

  test("without a size, that of config.json is taken", () => {
    const preprocessor = { image_mean: [0, 0, 0], image_std: [1, 1, 1] };
    expect(writtenPreparation({ preprocessor, config: { image_size: 288 } }).imageSize).toBe(288);
    expect(writtenPreparation({ preprocessor, config: { image_size: [192, 192] } }).imageSize).toBe(192);
  });

  test.each([
    ["without mean", { size: 224 }, "preprocessor_config.json does not state image_mean and image_std"],
    [
      "with a wrong mean",
      { image_mean: [1, 2], image_std: 1 },
      "preprocessor_config.json is not as image processors write it (image_mean)",
    ],
    ["that is a list", [], "preprocessor_config.json is not as image processors write it"],
    [
      "with a divisor of 0",
      { image_mean: 0, image_std: 0 },
      "preprocessor_config.json states an image_std that is not above 0",
    ],
  ])("%s says nothing", (_, preprocessor, preparation) => {
    expect(writtenPreparation({ preprocessor })).toEqual({
      preprocessing: undefined,
      preparation,
      imageSize: undefined,
    });
  });
});

describe("timm's config.json", () => {
  const fields = {
    mean: [0.485, 0.456, 0.406],
    std: [0.229, 0.224, 0.225],
    input_size: [3, 240, 240],
    crop_pct: 0.9,
  };

  test("in pretrained_cfg, or at its top", () => {
    expect(writtenPreparation({ config: { architecture: "vit", pretrained_cfg: fields } })).toEqual({
      preprocessing: near(IMAGENET),
      preparation: "as pretrained_cfg in config.json says",
      imageSize: 240,
    });
    expect(writtenPreparation({ config: fields })).toMatchObject({
      preparation: "as config.json says",
      imageSize: 240,
    });
  });

  test("stands back behind an image processor that says enough", () => {
    const config = { pretrained_cfg: fields };
    const preprocessor = { do_normalize: false };
    expect(writtenPreparation({ preprocessor, config }).preparation).toBe("as preprocessor_config.json says");
    expect(writtenPreparation({ preprocessor: {}, config }).preparation).toBe(
      "as pretrained_cfg in config.json says",
    );
  });
});

test("says where it looked", () => {
  expect(writtenPreparation({}).preparation).toBe(
    "no preprocessor_config.json or config.json stands beside it",
  );
  expect(writtenPreparation({ config: { model_type: "vit", image_size: 224 } })).toEqual({
    preprocessing: undefined,
    preparation: "config.json does not say it",
    imageSize: 224,
  });
  expect(writtenPreparation({ preprocessor: {}, config: null }).preparation).toBe(
    "preprocessor_config.json does not state image_mean and image_std, and config.json does not say it",
  );
});

test.each<[string, unknown, readonly string[] | undefined]>([
  ["Transformers", { id2label: { "1": "dog", "0": "cat", "2": "fox" } }, ["cat", "dog", "fox"]],
  ["timm", { label_names: ["n01", "n02"], label_descriptions: { n02: "goldfish" } }, ["n01", "goldfish"]],
  ["timm, within", { pretrained_cfg: { label_names: { 0: "a", 1: "b" } } }, ["a", "b"]],
  ["an older timm", { labels: ["a", "b"] }, ["a", "b"]],
  ["numbers only", { id2label: { 0: "LABEL_0", 1: "LABEL_1" } }, undefined],
  ["a gap", { id2label: { 0: "cat", 2: "fox" } }, undefined],
  ["none", { id2label: {} }, undefined],
  ["no names", { id2label: { 0: 7 } }, undefined],
  ["no file", undefined, undefined],
])("class names: %s", (_, config, names) => {
  expect(writtenClasses(config)).toEqual(names);
});
