import { z } from "zod";
import type { Split } from "../data/index.js";
import { HeadstartError } from "../errors.js";
import type { Calibration } from "../evaluation/index.js";
import type { Graph } from "../onnx/index.js";

/** The metadata property of a shipped model that says all about it, as JSON. */
const KEY = "headstart";

const figure = z.number().nullable();
const fraction = z.number().min(0).max(1);

/**
 * Photos that a calibration was fitted on: training photos, each answered by a head that was fitted without it; the validation photos; or
 * others.
 */
export type CalibrationPhotos = "train" | "validation" | "other";

/** Where a shipped model comes from and how its outputs are to be read: what its metadata says. */
export interface Provenance {
  /** Version of this description. */
  readonly format: 1;
  /** Version of Headstart that wrote the model. */
  readonly version: string;
  /** Class names, in the order of the outputs. */
  readonly classes: readonly string[];
  /** Side of the square that photos are resized to, in pixels. */
  readonly imageSize: number;
  /** How photos are resized. */
  readonly resize: "bicubic" | "nearest";
  /**
   * The pretrained network: its name, the SHA-256 of its file, its licence, where its weights come from, and what it computes in here.
   */
  readonly backbone: {
    readonly name: string;
    readonly sha256: string;
    readonly licence: string;
    readonly source: string;
    readonly precision: "float32" | "int8";
  };
  /** Name of the recipe that it was trained by. */
  readonly recipe: string;
  /** The seed that it was trained with. */
  readonly seed: number;
  /** The epoch whose weights it has, 0 for those before the first; undefined where they are those of the last, or that is not known. */
  readonly epoch?: number | undefined;
  /** How its scores are to be read, and what that was learnt from; undefined where that is not known. */
  readonly calibration?: (Calibration & { readonly fittedOn: CalibrationPhotos }) | undefined;
  /** What was measured when it was trained, of each split that had photos. */
  readonly metrics: Readonly<
    Partial<
      Record<
        Split,
        {
          readonly photos: number;
          readonly accuracy: number | null;
          readonly top5: number | null;
          readonly loss: number | null;
        }
      >
    >
  >;
  /** Fingerprint of the photos that it was trained on: SHA-256 over every photo's name, class, split and content. */
  readonly data: string;
}

const provenanceSchema: z.ZodType<Provenance> = z.object({
  format: z.literal(1),
  version: z.string(),
  classes: z.array(z.string()).min(2),
  imageSize: z.int().positive(),
  resize: z.enum(["bicubic", "nearest"]),
  backbone: z.object({
    name: z.string(),
    sha256: z.string(),
    licence: z.string(),
    source: z.string(),
    precision: z.enum(["float32", "int8"]).default("float32"),
  }),
  recipe: z.string(),
  seed: z.int(),
  epoch: z.int().min(0).optional(),
  calibration: z
    .object({
      temperature: z.number().positive(),
      photos: z.int().positive(),
      fittedOn: z.enum(["train", "validation", "other"]),
      thresholds: z.array(
        z.union([
          z.object({
            asked: fraction,
            threshold: fraction,
            accuracy: fraction,
            atLeast: fraction,
            coverage: fraction,
          }),
          z.object({ asked: fraction, threshold: z.null() }),
        ]),
      ),
      sets: z.array(
        z.object({
          method: z.enum(["lac", "aps"]),
          coverage: fraction,
          threshold: fraction,
          photos: z.int().positive(),
        }),
      ),
    })
    .optional(),
  metrics: z.partialRecord(
    z.enum(["train", "validation", "test"]),
    z.object({ photos: z.int(), accuracy: figure, top5: figure, loss: figure }),
  ),
  data: z.string(),
});

/** The metadata properties that carry a provenance. `classes` is repeated by itself for programs that know nothing of Headstart. */
export function provenanceMetadata(provenance: Provenance): ReadonlyMap<string, string> {
  return new Map([
    [KEY, JSON.stringify(provenance)],
    ["classes", JSON.stringify(provenance.classes)],
  ]);
}

/** Whether a model is a classifier that Headstart made. */
export function isClassifier(graph: Pick<Graph, "metadata">): boolean {
  return graph.metadata.has(KEY);
}

/**
 * The provenance that a model carries.
 *
 * @throws HeadstartError `INVALID_MODEL` if it is not one that Headstart wrote
 */
export function readProvenance(graph: Pick<Graph, "metadata">): Provenance {
  const text = graph.metadata.get(KEY);
  if (text === undefined)
    throw new HeadstartError(
      "INVALID_MODEL",
      "This ONNX file is not a classifier that Headstart made: it says nothing about classes and preprocessing.",
      "Use it as a backbone to train one: headstart train PHOTOS --backbone FILE.onnx",
    );
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new HeadstartError("INVALID_MODEL", "The model's description is damaged.", "", { cause: error });
  }
  const parsed = provenanceSchema.safeParse(json);
  if (!parsed.success)
    throw new HeadstartError(
      "INVALID_MODEL",
      `The model's description cannot be read: ${z.prettifyError(parsed.error)}`,
      "It may come from a newer version of Headstart.",
    );
  return parsed.data;
}
