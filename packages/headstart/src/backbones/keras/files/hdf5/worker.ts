import { parentPort } from "node:worker_threads";
import { ready } from "h5wasm/node";
import { Hdf5Error, readTree } from "./reader.js";
import type { Hdf5Dataset, Hdf5Group, Hdf5Refused, Hdf5Reply, Hdf5Request } from "./tree.js";

const MEGABYTE = 2 ** 20;
/** Memory that the HDF5 library may take for files of any size. */
const BASE_HEAP_BYTES = 128 * MEGABYTE;

/** The one name that the library can open, whatever the file is called outside. */
const INSIDE = "/file.h5";
/** What the library may do with no file. */
const REFUSED = [
  "readdir",
  "readlink",
  "readFile",
  "unlink",
  "rmdir",
  "mkdir",
  "rename",
  "symlink",
  "truncate",
];
/** The library's number for an error of a file that does not exist. */
const NO_SUCH_FILE = 44;

const h5 = await ready;
let heapBytes = BASE_HEAP_BYTES;
let file: string | undefined;
limitMemory();
confine(h5.FS);
parentPort?.on("message", (request: Hdf5Request) => {
  const reply = answer(request);
  parentPort?.postMessage(reply, "root" in reply ? buffersOf(reply.root) : []);
});
parentPort?.postMessage("ready");

function answer({ path, bytes, skip }: Hdf5Request): Hdf5Reply {
  file = path;
  // Besides its own, the library needs the largest array's memory, and as much again for what it is unpacked from.
  heapBytes = BASE_HEAP_BYTES + 2 * bytes;
  try {
    // Arrays that are stored as they are cannot take more than the file. Weights hardly shrink when compressed, unless most are zero.
    const limits = { plainBytes: bytes, packedBytes: 64 * MEGABYTE + 10 * bytes, arrayBytes: heapBytes / 2 };
    return { root: readTree(h5, INSIDE, limits, skip) };
  } catch (error) {
    if (error instanceof Hdf5Error) return { error: error.message, fit: true };
    return { error: "It is damaged.", fit: false };
  }
}

interface WasmMemory {
  readonly buffer: ArrayBuffer;
  grow(this: WasmMemory, pages: number): number;
}

/** Keeps this thread's WebAssembly memory from growing beyond the limit; the library then finds that there is no more. */
function limitMemory(): void {
  const { prototype } = (globalThis as unknown as { WebAssembly: { Memory: { prototype: WasmMemory } } })
    .WebAssembly.Memory;
  const { grow } = prototype;
  prototype.grow = function (pages) {
    if (this.buffer.byteLength + pages * 65536 > heapBytes)
      throw new RangeError("The file asks for too much memory.");
    return grow.call(this, pages);
  };
}

/**
 * Leaves the library one file to read and none to write. Whatever a file names, be it by an external link, as the place of its data or
 * as a filter's plug-in, is not there. Messages that the library prints are dropped.
 */
function confine(files: object): void {
  const system = files as Record<string, (...values: unknown[]) => unknown>;
  const absent = () => {
    throw Object.assign(new Error("There is no such file."), { name: "ErrnoError", errno: NO_SUCH_FILE });
  };
  for (const name of REFUSED) system[name] = absent;
  for (const name of ["open", "stat"]) {
    const original = system[name];
    system[name] = (path, ...rest) => (path === INSIDE ? original?.(file, ...rest) : absent());
  }
  system.write = (...values) => values[3];
}

/** The memory of the arrays, which travels without being copied. */
function buffersOf(group: Hdf5Group): ArrayBuffer[] {
  return [...group.children.values()].flatMap((child: Hdf5Group | Hdf5Dataset | Hdf5Refused) => {
    if (child.kind === "group") return buffersOf(child);
    return child.kind === "dataset" && child.values !== undefined ? [child.values.data.buffer] : [];
  });
}
