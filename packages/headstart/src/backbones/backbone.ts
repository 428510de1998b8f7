import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { basename, dirname, join, resolve } from "node:path";
import { z } from "zod";
import { HeadstartError } from "../errors.js";
import { errorCode, storageError } from "../files.js";
import {
  cut,
  type Dim,
  findFeatures,
  type Graph,
  GraphBuilder,
  inferShapes,
  OPSET,
  readModel,
  upgrade,
} from "../onnx/index.js";
import { type BackboneDescription, descriptionSchema } from "./description.js";
import { externalReader } from "./external.js";
import { countParameters } from "./parameters.js";
import type { Preprocessing } from "./preprocessing.js";

/** The backbones that have names: each is a package that holds its weights. */
export const BACKBONES: Readonly<Record<string, string>> = {
  "efficientnet-lite0": "@headstart/efficientnet-lite0",
};

/** The backbone that is used where none is named. */
export const DEFAULT_BACKBONE = "efficientnet-lite0";

/** A pretrained network, cut at its features. */
export interface Backbone {
  readonly name: string;
  /** Path of the ONNX file. */
  readonly file: string;
  /** SHA-256 of the ONNX file, and of the weights that it keeps in other files, in hexadecimal. */
  readonly digest: string;
  /** From `image`, float [N, 3, H, W] as preprocessing makes it, to `features`, float [N, D]. */
  readonly graph: Graph;
  /** D, the number of features. */
  readonly features: number;
  /** Why the features were found where they were, in a sentence. */
  readonly reason: string;
  /** Number of the whole network's weights, its last layer included; see {@link countParameters}. */
  readonly parameters: number;
  readonly preprocessing: Preprocessing;
  /** Side of the square photos it was trained on, in pixels. */
  readonly imageSize: number;
  readonly minimumImageSize: number;
  readonly licence: string;
  readonly source: string;
  /** ImageNet top-1 accuracy in percent, as published. */
  readonly top1: number | undefined;
}

/**
 * Reads a backbone.
 *
 * @param choice - a name from {@link BACKBONES}, or the path of an `.onnx` file that has its description beside it
 * @throws HeadstartError `INVALID_OPTION` for a name that does not exist, `NOT_FOUND` for a file that does not, `STORAGE` for one that
 *   may not be read, `INVALID_MODEL` for a file that is no image classifier or whose description is wrong
 */
export async function loadBackbone(choice: string = DEFAULT_BACKBONE): Promise<Backbone> {
  const { description, file } = await findBackbone(choice);
  const bytes = await readFile(file).catch((error: unknown) => {
    throw storageError(error, file);
  });
  const hash = createHash("sha256").update(bytes);
  if (description.sha256 !== undefined && description.sha256 !== hash.copy().digest("hex"))
    throw new HeadstartError(
      "INVALID_MODEL",
      `${file} is not the file that its description vouches for: its SHA-256 differs.`,
      "Install or copy it again.",
    );
  const beside = externalReader(file);
  const read = readModel(bytes, {
    external: (...place) => {
      const weights = beside(...place);
      hash.update(weights);
      return weights;
    },
  });
  const whole = upgrade(read, OPSET);
  const { features, reason } = findFeatures(whole);
  const graph = inferShapes(withImageInput(cut(whole, features), file));
  const [photos, count] = graph.outputs[0]?.shape ?? [];
  if (typeof photos === "number")
    throw new HeadstartError(
      "INVALID_MODEL",
      `${file} takes batches of ${photos} photos only.`,
      "Export it with a batch of any size.",
    );
  if (typeof count !== "number")
    throw new HeadstartError("INVALID_MODEL", `The number of features of ${file} is not fixed.`);
  const { name, preprocessing, imageSize, minimumImageSize, licence, source, top1 } = description;
  return {
    name,
    file,
    digest: hash.digest("hex"),
    graph,
    features: count,
    reason,
    parameters: countParameters(whole),
    preprocessing,
    imageSize,
    minimumImageSize,
    licence,
    source,
    top1,
  };
}

/**
 * Refuses an image size that a backbone does not take.
 *
 * @throws HeadstartError `INVALID_OPTION` with the sizes that it does take
 */
export function checkImageSize(backbone: Backbone, imageSize: number): void {
  const fixed = backbone.graph.inputs[0]?.shape?.[2];
  if (typeof fixed === "number" && fixed !== imageSize)
    throw new HeadstartError(
      "INVALID_OPTION",
      `The backbone ${backbone.name} takes photos of ${fixed} pixels only, not ${imageSize}.`,
      `Use --stages EPOCHS@${fixed}.`,
    );
  if (imageSize < backbone.minimumImageSize || imageSize > 2048)
    throw new HeadstartError(
      "INVALID_OPTION",
      `The backbone ${backbone.name} takes image sizes from ${backbone.minimumImageSize} to 2048, not ${imageSize}.`,
      `It was trained at ${backbone.imageSize}.`,
    );
}

/** Where a backbone is, without reading its weights; errors as {@link loadBackbone}. */
export async function findBackbone(
  choice: string,
): Promise<{ readonly description: BackboneDescription; readonly file: string }> {
  const path = Object.hasOwn(BACKBONES, choice) ? packagePath(choice) : descriptionPath(choice);
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    if (errorCode(error) !== "ENOENT") throw storageError(error, path);
    throw new HeadstartError(
      "NOT_FOUND",
      `There is no description ${path} of the backbone ${choice}.`,
      "It says how photos are prepared, as JSON: name, file, imageSize, preprocessing { channels, mean, std }.",
      { cause: error },
    );
  });
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new HeadstartError("INVALID_MODEL", `${path} is not JSON.`, "", { cause: error });
  }
  const parsed = descriptionSchema.safeParse(json);
  if (!parsed.success)
    throw new HeadstartError("INVALID_MODEL", `${path} is wrong: ${z.prettifyError(parsed.error)}`);
  const file = join(dirname(path), parsed.data.file);
  if (choice.endsWith(".onnx") && file !== resolve(choice))
    throw new HeadstartError(
      "INVALID_MODEL",
      `${path} describes ${parsed.data.file}, not ${basename(choice)}.`,
      "Correct its field file.",
    );
  return { description: parsed.data, file };
}

function packagePath(name: string): string {
  const id = `${BACKBONES[name]}/backbone.json`;
  try {
    return createRequire(import.meta.url).resolve(id);
  } catch (error) {
    throw new HeadstartError(
      "NOT_FOUND",
      `The package ${BACKBONES[name]} is not installed.`,
      `Run: npm install ${BACKBONES[name]}`,
      { cause: error },
    );
  }
}

function descriptionPath(choice: string): string {
  if (choice.endsWith(".onnx")) return resolve(choice.replace(/\.onnx$/, ".json"));
  throw new HeadstartError(
    "INVALID_OPTION",
    `There is no backbone ${choice}.`,
    `Backbones are ${Object.keys(BACKBONES).join(", ")}, or the path of an .onnx file.`,
  );
}

/** The same graph with its one input called `image`, which takes any number of photos. */
function withImageInput(graph: Graph, file: string): Graph {
  const [input, ...others] = graph.inputs;
  const [, channels, height, width] = input?.shape ?? [];
  if (
    input === undefined ||
    others.length > 0 ||
    input.type !== "float32" ||
    input.shape?.length !== 4 ||
    (typeof channels === "number" && channels !== 3)
  ) {
    const found = graph.inputs.map(
      ({ name, type, shape }) => `${name} ${type} [${shape?.join(", ") ?? "?"}]`,
    );
    throw new HeadstartError(
      "INVALID_MODEL",
      `${file} does not take one float image [N, 3, H, W]: its inputs are ${found.join(" and ") || "none"}.`,
    );
  }
  const builder = new GraphBuilder(graph.name);
  const image = builder.input("image", "float32", ["N", 3, sized(height, "H"), sized(width, "W")]);
  // What the file says of sizes may hold for its own number of photos only.
  const made = builder.include({ ...graph, values: new Map() }, { [input.name]: image });
  builder.output("features", "float32", ["N", graph.outputs[0]?.shape?.[1] ?? "?"], made.get("features"));
  return builder.build();
}

/** A size that is given, or a name for one that is not. */
function sized(size: Dim | undefined, name: string): Dim {
  return typeof size === "number" ? size : name;
}
