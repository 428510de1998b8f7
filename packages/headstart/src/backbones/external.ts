import { closeSync, fstatSync, openSync, readSync, realpathSync } from "node:fs";
import { basename, dirname, isAbsolute, join, relative, sep } from "node:path";
import { HeadstartError } from "../errors.js";
import type { ExternalData } from "../onnx/index.js";

/**
 * Reads weights that an ONNX file keeps in files beside it.
 *
 * @param file - path of the ONNX file; only files in its folder, or in folders below it, are read, wherever a link may point
 * @returns a function for `readModel`: the bytes at an offset of a file
 */
export function externalReader(file: string): ExternalData {
  const folder = realpathSync(dirname(file));
  return (location, offset, length) => {
    const fail = (what: string, cause?: unknown) =>
      new HeadstartError(
        "INVALID_MODEL",
        `${basename(file)} keeps weights in ${location}, ${what}.`,
        "Copy or export the model again, with all its files.",
        { cause },
      );
    let path: string;
    try {
      path = realpathSync(join(folder, location));
    } catch (error) {
      throw fail("which is not there", error);
    }
    const way = relative(folder, path);
    if (way.split(sep)[0] === ".." || isAbsolute(way)) throw fail("which is outside its folder");
    const handle = openSync(path, "r");
    try {
      if (offset + length > fstatSync(handle).size) throw fail("which is too short");
      const bytes = new Uint8Array(length);
      for (let done = 0; done < length; ) {
        const read = readSync(handle, bytes, done, length - done, offset + done);
        if (read === 0) throw fail("which ended early");
        done += read;
      }
      return bytes;
    } finally {
      closeSync(handle);
    }
  };
}
