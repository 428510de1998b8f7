import { closeSync, fstatSync, openSync, readSync, realpathSync } from "node:fs";
import { basename, dirname, join, relative, sep } from "node:path";
import { HeadstartError } from "../errors.js";

/**
 * Reads weights that an ONNX file keeps in files beside it.
 *
 * @param file - path of the ONNX file; only files in its folder, or in folders below it, are read
 * @returns a function for `readModel`: the bytes at an offset of a file
 */
export function externalReader(
  file: string,
): (location: string, offset: number, length: number | undefined) => Uint8Array<ArrayBuffer> {
  const folder = realpathSync(dirname(file));
  return (location, offset, length) => {
    const fail = (what: string, cause?: unknown) =>
      new HeadstartError("INVALID_MODEL", `${basename(file)} keeps weights in ${location}, ${what}.`, "", {
        cause,
      });
    let path: string;
    try {
      path = realpathSync(join(folder, location));
    } catch (error) {
      throw fail("which is not there", error);
    }
    if (relative(folder, path).split(sep)[0] === "..") throw fail("which is outside its folder");
    const handle = openSync(path, "r");
    try {
      const available = fstatSync(handle).size - offset;
      const count = length ?? available;
      if (count < 0 || count > available) throw fail("which is too short");
      const bytes = new Uint8Array(count);
      let done = 0;
      while (done < count) {
        const read = readSync(handle, bytes, done, count - done, offset + done);
        if (read === 0) throw fail("which ended early");
        done += read;
      }
      return bytes;
    } finally {
      closeSync(handle);
    }
  };
}
