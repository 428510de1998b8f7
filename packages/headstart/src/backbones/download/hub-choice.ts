import { HeadstartError } from "../../errors.js";
import type { HubFile } from "./hub-api.js";

/** What is fetched of a model: its ONNX file and what belongs to it. */
export interface HubChoice {
  readonly model: HubFile;
  /** Files with weights beside the ONNX file, and what says how photos are prepared. */
  readonly others: readonly HubFile[];
}

/** Files that say how photos are prepared, or which network it is. */
const SETTINGS = ["preprocessor_config.json", "config.json"];

/**
 * Chooses the ONNX file of a model: the one that is asked for; otherwise `onnx/model.onnx`, or `model.onnx`, or the only one. Files in
 * float32 go before those in float16, and those before quantised ones, as far as their names tell.
 *
 * @param files - all files of the model
 * @param path - the file that is asked for, if any
 * @param name - what users call the model, for sentences
 * @throws HeadstartError `NOT_FOUND` if there is no ONNX file, or not the one that is asked for; `INVALID_OPTION` if several are as good
 */
export function chooseFiles(files: readonly HubFile[], path: string | undefined, name: string): HubChoice {
  const model = chooseModel(files, path, name);
  const folder = model.path.slice(0, model.path.lastIndexOf("/") + 1);
  const weights = files.filter((file) => isExternalData(file.path, model.path));
  const settings = SETTINGS.map((setting) =>
    // That of the model's own folder goes before that of the whole repository.
    [folder + setting, setting]
      .map((place) => files.find((file) => file.path === place))
      .find((file) => file !== undefined),
  ).filter((file) => file !== undefined);
  return { model, others: [...weights, ...settings] };
}

function chooseModel(files: readonly HubFile[], path: string | undefined, name: string): HubFile {
  const candidates = files.filter((file) => /\.onnx$/i.test(file.path));
  const names = candidates.map((file) => file.path).sort();
  const shown = `${names.slice(0, 20).join(", ")}${names.length > 20 ? ` and ${names.length - 20} more` : ""}`;
  if (names.length === 0)
    throw new HeadstartError(
      "NOT_FOUND",
      `${name} has no ONNX file on the hub.`,
      "Look for a copy of the model that has one (often under onnx-community), or export it yourself and use the file.",
    );
  if (path !== undefined) {
    const asked = candidates.find((file) => file.path === path);
    if (asked) return asked;
    throw new HeadstartError("NOT_FOUND", `${name} has no file ${path} on the hub.`, `It has ${shown}.`);
  }
  const usual = ["onnx/model.onnx", "model.onnx"]
    .map((place) => candidates.find((file) => file.path === place))
    .find((file) => file !== undefined);
  if (usual) return usual;
  const lowest = Math.min(...candidates.map((file) => coarseness(file.path)));
  const [best, second] = candidates.filter((file) => coarseness(file.path) === lowest);
  if (best && !second) return best;
  throw new HeadstartError(
    "INVALID_OPTION",
    `${name} has several ONNX files: ${shown}.`,
    `Name one of them: hf:${name}:${names[0]}`,
  );
}

/** 0 for float32, 1 for float16, 2 for quantised weights, by the file's name. */
function coarseness(path: string): number {
  const name = path.slice(path.lastIndexOf("/") + 1).toLowerCase();
  if (/(?:^|[_.-])(?:u?int[48]|[bu]?nb4|q[48]f?\d*|qdq|qint8|quant\w*|dynamic_quantized)(?=[_.-])/.test(name))
    return 2;
  return /(?:^|[_.-])(?:fp16|float16|half|bf16|bfloat16)(?=[_.-])/.test(name) ? 1 : 0;
}

/** Whether a file holds weights of an ONNX file, by the names that exporters give: `model.onnx_data`, `model.onnx_data_1`, `model.onnx.data`. */
function isExternalData(path: string, model: string): boolean {
  return path.startsWith(model) && /^[._]data(?:_\d+)?$/.test(path.slice(model.length));
}
