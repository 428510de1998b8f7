import { z } from "zod";
import { HeadstartError } from "../errors.js";
import type { Graph } from "../onnx/index.js";

/** The metadata property of a shipped model that says all about it, as JSON. */
const KEY = "headstart";

const figure = z.number().nullable();

const provenanceSchema = z.object({
  /** Version of this description. */
  format: z.literal(1),
  /** Version of Headstart that wrote the model. */
  version: z.string(),
  /** Class names, in the order of the outputs. */
  classes: z.array(z.string()).min(2),
  /** Side of the square that photos are resized to. */
  imageSize: z.int().positive(),
  resize: z.enum(["bicubic", "nearest"]),
  backbone: z.object({ name: z.string(), sha256: z.string(), licence: z.string(), source: z.string() }),
  /** The recipe that it was trained by, and the seed. */
  recipe: z.string(),
  seed: z.int(),
  /** What was measured when it was trained. */
  metrics: z.partialRecord(
    z.enum(["train", "validation", "test"]),
    z.object({ photos: z.int(), accuracy: figure, top5: figure, loss: figure }),
  ),
  /** Fingerprint of the photos it was trained on. */
  data: z.string(),
});

/** Where a shipped model comes from and how its outputs are to be read. */
export type Provenance = z.infer<typeof provenanceSchema>;

/** The metadata properties that carry a provenance. `classes` is repeated by itself for programs that know nothing of Headstart. */
export function provenanceMetadata(provenance: Provenance): ReadonlyMap<string, string> {
  return new Map([
    [KEY, JSON.stringify(provenance)],
    ["classes", JSON.stringify(provenance.classes)],
  ]);
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
