import { createHash } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import {
  type Backbone,
  type Int8Report,
  int8Backbone,
  int8ReportSchema,
  withInt8Graph,
} from "../backbones/index.js";
import type { Photo } from "../data/index.js";
import { cacheFolder, readIfThere, writeAtomically } from "../files.js";
import { type Tensor, writeModel } from "../onnx/index.js";
import { VERSION } from "../version.js";
import type { RunContext } from "./context.js";
import { parseJson } from "./folder.js";

/** A backbone in int8, and how it compares with the float one. */
export interface Int8 {
  readonly backbone: Backbone;
  readonly report: Int8Report;
}

/**
 * A backbone in int8, calibrated on the run's photos; kept in the cache, so that another run on the same photos need not calibrate again.
 *
 * @param context - the run
 * @param backbone - its frozen part
 * @param photos - what it is calibrated on
 * @param batches - gives their pixels
 * @throws HeadstartError as `int8Backbone`
 */
export async function int8Of(
  { choices, report, runtime }: RunContext,
  backbone: Backbone,
  photos: readonly Photo[],
  batches: () => AsyncIterable<Tensor>,
): Promise<Int8> {
  const { resize, stages } = choices.recipe;
  const sizes = stages.map(({ imageSize }) => imageSize);
  const key = createHash("sha256")
    .update(JSON.stringify([VERSION, backbone.digest, backbone.preprocessing, resize, sizes]))
    .update(photos.map(({ digest }) => digest).join())
    .digest("hex");
  const path = join(cacheFolder(), "int8", key);
  const known = await readKept(backbone, path);
  if (known !== undefined) return known;
  const made = await int8Backbone(runtime, backbone, batches());
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeAtomically(`${path}.json`, JSON.stringify(made.report), { durable: false });
    await writeAtomically(`${path}.onnx`, writeModel(made.backbone.graph), { durable: false });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    report({ kind: "note", message: `The int8 network cannot be kept for other runs. ${why}` });
  }
  return made;
}

async function readKept(backbone: Backbone, path: string): Promise<Int8 | undefined> {
  const [bytes, text] = await Promise.all([readIfThere(`${path}.onnx`), readIfThere(`${path}.json`)]);
  const report = int8ReportSchema.safeParse(parseJson(text?.toString() ?? ""));
  if (bytes === undefined || !report.success) return undefined;
  try {
    return { backbone: withInt8Graph(backbone, bytes), report: report.data };
  } catch {
    // A damaged file is made anew.
    return undefined;
  }
}
