import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { z } from "zod";
import { HeadstartError } from "../errors.js";
import { storageError } from "../files.js";
import { preprocessingSchema } from "./preprocessing.js";

/** Names, or objects that have one. */
const classesSchema = z.array(
  z.union([z.string(), z.object({ name: z.string() }).transform(({ name }) => name)]),
);

function fileName(ending: RegExp) {
  return z
    .string()
    .refine(
      (name) => /^[^/\\]+$/.test(name) && ending.test(name),
      "must be the name of a file in the same folder",
    );
}

/**
 * What stands in the description of a network: `backbone.json` in a package, or `NAME.json` beside a file `NAME.onnx`, `NAME.h5` or
 * `NAME.keras`. It says what the file cannot: how photos have to be prepared, and where the weights come from.
 */
const descriptionSchema = z.object({
  name: z.string().min(1),
  /** The network's file, beside the description. */
  file: fileName(/\.(onnx|h5|hdf5|keras)$/),
  /** SHA-256 of the file, where the description vouches for it. */
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional(),
  licence: z.string().optional(),
  source: z.string().optional(),
  /** Side of the square photos it was trained on, in pixels. */
  imageSize: z.int().positive(),
  /** The smallest image size that it takes. */
  minimumImageSize: z.int().positive().optional(),
  preprocessing: preprocessingSchema,
  /** Share of ImageNet's validation photos that it gets right, in percent, as published. */
  top1: z.number().optional(),
  /** Number of weights of the whole network, and number of features. */
  parameters: z.int().positive().optional(),
  features: z.int().positive().optional(),
  /** The classes, in the order of the network's outputs: their names, or a JSON file beside the description that lists them. */
  classes: z.union([classesSchema, fileName(/\.json$/)]).optional(),
});

/** A network's description, validated, with the names of its classes. */
export interface NetworkDescription extends Omit<z.infer<typeof descriptionSchema>, "classes"> {
  readonly classes: readonly string[] | undefined;
}

/**
 * Reads the description of a network.
 *
 * @throws HeadstartError `INVALID_MODEL` if it is no description, `STORAGE` or `NOT_FOUND` if it cannot be read
 */
export async function readDescription(path: string): Promise<NetworkDescription> {
  const { classes, ...facts } = await readValid(path, descriptionSchema);
  return {
    ...facts,
    classes:
      typeof classes === "string" ? await readValid(join(dirname(path), classes), classesSchema) : classes,
  };
}

async function readValid<Output>(path: string, schema: z.ZodType<Output>): Promise<Output> {
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    throw storageError(error, path);
  });
  const parsed = schema.safeParse(parsedJson(text, path));
  if (parsed.success) return parsed.data;
  throw new HeadstartError("INVALID_MODEL", `${path} is wrong: ${z.prettifyError(parsed.error)}`);
}

/**
 * A JSON text as a value.
 *
 * @param text - the text
 * @param path - the file that it comes from, for the sentence
 * @throws HeadstartError `INVALID_MODEL` if it is no JSON
 */
export function parsedJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new HeadstartError("INVALID_MODEL", `${path} is not JSON.`, "", { cause: error });
  }
}
