import { z } from "zod";
import type { Preprocessing } from "./preprocessing.js";

/** What is written about how photos have to be prepared for a network. */
export interface WrittenPreparation {
  /** Undefined where it is not written. */
  readonly preprocessing: Preprocessing | undefined;
  /** Where the preprocessing is written, or what was looked for, as half a sentence. */
  readonly preparation: string;
  /** Side of the square photos that the network was trained on, in pixels, where it is written. */
  readonly imageSize: number | undefined;
}

/** A configuration file, parsed; undefined where there is none. */
export interface ConfigurationFiles {
  /** `preprocessor_config.json`, as Hugging Face's image processors write it. */
  readonly preprocessor?: unknown;
  /** `config.json`, of Hugging Face's Transformers or of timm. */
  readonly config?: unknown;
}

type Triple = readonly [number, number, number];

const number = z.number();
const three = z.union([
  z.tuple([number, number, number]),
  number.transform((one): Triple => [one, one, one]),
]);
const side = z.int().positive();

/** A size as image processors write it; undefined for one that is no square. */
const size = z
  .union([
    side,
    z.object({ height: side, width: side }),
    z.object({ shortest_edge: side }),
    z.tuple([side, side]),
  ])
  .transform((given) => {
    if (typeof given === "number") return given;
    if ("shortest_edge" in given) return given.shortest_edge;
    const [height, width] = "height" in given ? [given.height, given.width] : given;
    return height === width ? height : undefined;
  })
  .optional()
  .catch(undefined);

const processorSchema = z.object({
  image_processor_type: z.string().nullish(),
  do_rescale: z.boolean().nullish(),
  rescale_factor: number.positive().nullish(),
  rescale_offset: z.boolean().nullish(),
  do_normalize: z.boolean().nullish(),
  image_mean: three.nullish(),
  image_std: three.nullish(),
  include_top: z.boolean().nullish(),
  do_flip_channel_order: z.boolean().nullish(),
  do_center_crop: z.boolean().nullish(),
  size,
  crop_size: size,
});

const timmSchema = z.object({
  mean: three,
  std: three,
  input_size: z
    .tuple([z.literal(3), side, side])
    .optional()
    .catch(undefined),
});

/**
 * How photos have to be prepared for a network, from the configuration files that stand beside it: `preprocessor_config.json` first, then
 * timm's `pretrained_cfg` in `config.json`, or the same fields at its top, as older versions of timm wrote them.
 *
 * Where these say how photos are cropped, that is not followed: Headstart squashes the whole photo to a square (bicubic) instead of cutting
 * its middle out, so that nothing at its edges is lost.
 *
 * @param files - the files that there are
 * @returns what they say; nothing is guessed where they do not say it
 */
export function writtenPreparation({ preprocessor, config }: ConfigurationFiles): WrittenPreparation {
  const looked: string[] = [];
  const imageSize = configuredSize(config);
  if (preprocessor !== undefined) {
    const found = fromProcessor(preprocessor);
    if (typeof found !== "string")
      return {
        preprocessing: found.preprocessing,
        preparation: "as preprocessor_config.json says",
        imageSize: found.imageSize ?? imageSize,
      };
    looked.push(found);
  }
  if (config !== undefined) {
    const found = fromTimm(config);
    if (found !== undefined) return { ...found, imageSize: found.imageSize ?? imageSize };
    looked.push("config.json does not say it");
  }
  return {
    preprocessing: undefined,
    preparation: looked.join(", and ") || "no preprocessor_config.json or config.json stands beside it",
    imageSize,
  };
}

/** What an image processor does, or why that cannot be told. */
function fromProcessor(
  json: unknown,
): (Pick<WrittenPreparation, "imageSize"> & { preprocessing: Preprocessing }) | string {
  const parsed = processorSchema.safeParse(json);
  if (!parsed.success) {
    const field = parsed.error.issues[0]?.path.join(".");
    return `preprocessor_config.json is not as image processors write it${field ? ` (${field})` : ""}`;
  }
  const processor = parsed.data;
  const imageSize =
    processor.do_center_crop === false ? processor.size : (processor.crop_size ?? processor.size);
  const normalises = processor.do_normalize ?? true;
  const { image_mean: mean, image_std: std } = processor;
  if (normalises && (mean == null || std == null))
    return "preprocessor_config.json does not state image_mean and image_std";
  // value -> ((value * factor - offset) - mean) / std, and EfficientNet's processor divides by std once more for its classifier.
  const factor = processor.do_rescale === false ? 1 : (processor.rescale_factor ?? 1 / 255);
  const offset = processor.do_rescale !== false && processor.rescale_offset === true ? 1 : 0;
  const [means, stds]: readonly [Triple, Triple] =
    normalises && mean != null && std != null
      ? [mean, std]
      : [
          [0, 0, 0],
          [1, 1, 1],
        ];
  const twice = processor.include_top === true && /^EfficientNet/.test(processor.image_processor_type ?? "");
  const divisors = std != null && twice ? product(stds, std) : stds;
  const flips = processor.do_flip_channel_order === true;
  const preprocessing = checked({
    channels: flips ? "BGR" : "RGB",
    mean: ordered(
      map(means, (value) => (value + offset) / factor),
      flips,
    ),
    std: ordered(
      map(divisors, (value) => value / factor),
      flips,
    ),
  });
  return preprocessing === undefined
    ? "preprocessor_config.json states an image_std that is not above 0"
    : { preprocessing, imageSize };
}

/** What timm's configuration says, on values from 0 to 1. */
function fromTimm(json: unknown): WrittenPreparation | undefined {
  const nested = z.object({ pretrained_cfg: timmSchema }).safeParse(json);
  const top = nested.success ? undefined : timmSchema.safeParse(json);
  const found = nested.success ? nested.data.pretrained_cfg : top?.data;
  if (found === undefined) return undefined;
  const preprocessing = checked({
    channels: "RGB",
    mean: map(found.mean, (value) => value * 255),
    std: map(found.std, (value) => value * 255),
  });
  if (preprocessing === undefined) return undefined;
  const [, height, width] = found.input_size ?? [];
  return {
    preprocessing,
    preparation: `as ${nested.success ? "pretrained_cfg in " : ""}config.json says`,
    imageSize: height === width ? height : undefined,
  };
}

/** The image size in the configuration of a Transformers network. */
function configuredSize(json: unknown): number | undefined {
  const parsed = z.object({ image_size: size }).safeParse(json);
  return parsed.success ? parsed.data.image_size : undefined;
}

function checked(preprocessing: Preprocessing): Preprocessing | undefined {
  const { mean, std } = preprocessing;
  const sound = mean.every(Number.isFinite) && std.every((value) => Number.isFinite(value) && value > 0);
  return sound ? preprocessing : undefined;
}

function map([a, b, c]: Triple, change: (value: number) => number): Triple {
  return [change(a), change(b), change(c)];
}

function product([a, b, c]: Triple, [d, e, f]: Triple): Triple {
  return [a * d, b * e, c * f];
}

function ordered([a, b, c]: Triple, reversed: boolean): Triple {
  return reversed ? [c, b, a] : [a, b, c];
}

const names = z.union([z.array(z.string()), z.record(z.string(), z.string())]);

const classesSchema = z.object({
  id2label: names.optional().catch(undefined),
  label_names: names.optional().catch(undefined),
  labels: names.optional().catch(undefined),
  label_descriptions: z.record(z.string(), z.string()).optional().catch(undefined),
});

/**
 * Names of a network's classes in the order of its outputs, from `config.json`: `id2label` of Transformers, `label_names` of timm, with
 * its `label_descriptions` in their place where it has them.
 *
 * @param config - the file, parsed
 * @returns undefined where no names are written, some are missing, or they are only numbered (`LABEL_0`)
 */
export function writtenClasses(config: unknown): readonly string[] | undefined {
  for (const level of [config, nestedIn(config)]) {
    const parsed = classesSchema.safeParse(level);
    if (!parsed.success) continue;
    const { id2label, label_names, labels, label_descriptions: described } = parsed.data;
    const found = inOrder(id2label ?? label_names ?? labels);
    if (found === undefined || found.every((name, i) => name === `LABEL_${i}`)) continue;
    return found.map(
      (name) => (described && Object.hasOwn(described, name) ? described[name] : undefined) ?? name,
    );
  }
  return undefined;
}

function nestedIn(config: unknown): unknown {
  const parsed = z.object({ pretrained_cfg: z.unknown() }).safeParse(config);
  return parsed.success ? parsed.data.pretrained_cfg : undefined;
}

/** Names that are listed, or stand under the numbers 0, 1, 2 and so on. */
function inOrder(
  given: readonly string[] | Readonly<Record<string, string>> | undefined,
): string[] | undefined {
  if (given === undefined) return undefined;
  const list = new Map(Object.entries(given));
  const found = Array.from({ length: list.size }, (_, i) => list.get(String(i)));
  return found.length > 0 && found.every((name) => name !== undefined) ? found : undefined;
}
