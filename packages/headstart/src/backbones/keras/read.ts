import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { HeadstartError } from "../../errors.js";
import { storageError } from "../../files.js";
import type { Graph } from "../../onnx/index.js";
import type { Preprocessing } from "../preprocessing.js";
import { importApplication, KERAS_APPLICATIONS } from "./applications/index.js";
import { openKerasFile } from "./files/index.js";
import { importKeras } from "./import/index.js";
import { applicationName } from "./named.js";

/** A Keras network's graph, and how its photos are prepared as far as its name says so. */
export interface KerasNetwork {
  /** Input and outputs as Keras has them: float32 [N, H, W, C], and what the model returns. */
  readonly graph: Graph;
  /** SHA-256 of the file. */
  readonly digest: string;
  readonly prepared?: { readonly preprocessing: Preprocessing; readonly preparation: string };
}

/**
 * Reads a Keras model.
 *
 * @param path - an `.h5` or `.keras` file
 * @param application - the architecture, where the file holds its weights only
 * @throws HeadstartError `INVALID_MODEL` if it is no model of Keras's, or damaged; `UNSUPPORTED` naming a layer that is not supported
 */
export async function readKeras(
  path: string,
  application?: { readonly name: string; readonly top: boolean },
): Promise<KerasNetwork> {
  const digest = await sha256(path);
  if (application !== undefined)
    return { graph: await importApplication(application.name, path, application), digest };
  const { config, kerasVersion, weights } = await openKerasFile(path);
  if (config === undefined)
    throw new HeadstartError(
      "INVALID_MODEL",
      `${path} holds weights only, not the network that they belong to.`,
      "Save the whole model by model.save, or name a Keras network, such as keras:resnet50.",
    );
  const graph = importKeras(config, weights, { ...(kerasVersion !== undefined && { kerasVersion }) });
  const named = applicationName(config);
  const known = KERAS_APPLICATIONS[named ?? ""];
  if (known === undefined) return { graph, digest };
  const preparation = `as Keras prepares them for ${known.title}, because the network is called ${named}`;
  return { graph, digest, prepared: { preprocessing: known.preprocessing, preparation } };
}

async function sha256(path: string): Promise<string> {
  const hash = createHash("sha256");
  try {
    for await (const chunk of createReadStream(path)) hash.update(chunk);
  } catch (error) {
    throw storageError(error, path);
  }
  return hash.digest("hex");
}
