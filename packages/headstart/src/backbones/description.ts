import { z } from "zod";
import { preprocessingSchema } from "./preprocessing.js";

/**
 * What stands in the description of a backbone: `backbone.json` in a package, or `NAME.json` beside a file `NAME.onnx`. It says what an
 * ONNX file cannot: how photos have to be prepared, and where the weights come from.
 */
export const descriptionSchema = z.object({
  name: z.string().min(1),
  /** The ONNX file, beside the description. */
  file: z.string().regex(/^[^/\\]+\.onnx$/, "must be the name of an .onnx file in the same folder"),
  /** SHA-256 of the file, where the description vouches for it. */
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional(),
  licence: z.string().default("not stated"),
  source: z.string().default("not stated"),
  /** Side of the square photos it was trained on, in pixels. */
  imageSize: z.int().positive(),
  /** The smallest image size that it takes. */
  minimumImageSize: z.int().positive().default(32),
  preprocessing: preprocessingSchema,
  /** Share of ImageNet's validation photos that it gets right, in percent, as published. */
  top1: z.number().optional(),
});

/** A backbone's description, validated; see {@link descriptionSchema}. */
export type BackboneDescription = z.infer<typeof descriptionSchema>;
