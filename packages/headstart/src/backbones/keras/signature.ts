import { storageError, withHandle } from "../../files.js";

/** How an HDF5 file begins, and how a zip archive does. */
const SIGNATURES = ["\x89HDF\r\n\x1a\n", "PK\x03\x04"];

/** Whether a file is one that Keras writes, by how it begins. */
export async function isKerasFile(path: string): Promise<boolean> {
  try {
    return await withHandle(path, "r", async (handle) => {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(8), 0, 8, 0);
      const start = buffer.subarray(0, bytesRead).toString("latin1");
      return SIGNATURES.some((signature) => start.startsWith(signature));
    });
  } catch (error) {
    throw storageError(error, path);
  }
}
