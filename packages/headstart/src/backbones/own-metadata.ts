import { z } from "zod";
import type { WrittenPreparation } from "./written.js";

const metadataSchema = z.object({
  format: z.literal(1),
  imageSize: z.int().positive(),
  classes: z.array(z.string()).min(1),
});

/**
 * What a classifier that Headstart shipped says of itself. It holds its preprocessing: it takes pixels from 0 to 255 as they are, at any size,
 * and resizes them itself. So it is a backbone too, cut at its features like any other classifier.
 *
 * @param metadata - the metadata of an ONNX model
 * @returns undefined for a model that Headstart did not write
 */
export function ownMetadata(
  metadata: ReadonlyMap<string, string>,
): (WrittenPreparation & { readonly classes: readonly string[] }) | undefined {
  let json: unknown;
  try {
    json = JSON.parse(metadata.get("headstart") ?? "null");
  } catch {
    return undefined;
  }
  const parsed = metadataSchema.safeParse(json);
  if (!parsed.success) return undefined;
  const { imageSize, classes } = parsed.data;
  return {
    preprocessing: { channels: "RGB", mean: [0, 0, 0], std: [1, 1, 1] },
    preparation: "not at all, because Headstart wrote the model, which prepares them itself",
    imageSize,
    classes,
  };
}
