import type { Module } from "h5wasm/node";
import type { Hdf5Dataset, Hdf5Float, Hdf5Group, Hdf5Refused } from "./tree.js";

type H5 = typeof Module;

/** A sentence for the user about a file that cannot be read. */
export class Hdf5Error extends Error {}

/** How much a file may ask for. */
export interface Hdf5Limits {
  /** Bytes of all arrays that are stored as they are. */
  readonly plainBytes: number;
  /** Bytes of all arrays that are stored compressed. */
  readonly packedBytes: number;
  /** Bytes of one array, and of one piece of a compressed array. */
  readonly arrayBytes: number;
}

/** Groups and arrays that a file may have. Keras's largest networks have some thousands. */
const MAX_OBJECTS = 100_000;
/** Groups inside groups. A nested model takes two for each level. */
const MAX_DEPTH = 40;
/** Bytes of the attributes of one file, the model's configuration among them. */
const MAX_ATTRIBUTE_BYTES = 2 ** 25;

/**
 * Reads an HDF5 file whole: groups, attributes that are text, and arrays of floating-point numbers. It is meant for the thread that
 * readHdf5 starts, because the HDF5 library may hang or stop at a damaged file.
 *
 * Every link is looked at before it is followed, and only hard links are followed. Sizes are compared with the limits before memory is
 * taken, and the result of every read is checked, since the library leaves memory as it was where a read fails.
 *
 * @param h5 - the HDF5 library
 * @param path - the file
 * @param limits - how much it may ask for
 * @param skip - groups of the root that are passed over
 * @throws Hdf5Error with a sentence for the user
 */
export function readTree(h5: H5, path: string, limits: Hdf5Limits, skip: readonly string[]): Hdf5Group {
  const file = h5.open(path, h5.H5F_ACC_RDONLY, false, -1, -1);
  if (file < 0n) throw new Hdf5Error("The HDF5 library cannot open it.");
  try {
    return new Reader(h5, file, limits).group("/", 0, new Set(skip));
  } catch (error) {
    // The library's own complaints; a failure of WebAssembly has a class of its own.
    throw error instanceof Error && error.constructor === Error ? new Hdf5Error("It is damaged.") : error;
  } finally {
    h5.close_file(file);
  }
}

class Reader {
  readonly #h5: H5;
  readonly #file: bigint;
  readonly #limits: Hdf5Limits;
  #objects = 0;
  #attributeBytes = 0;
  #plainBytes = 0;
  #packedBytes = 0;

  constructor(h5: H5, file: bigint, limits: Hdf5Limits) {
    this.#h5 = h5;
    this.#file = file;
    this.#limits = limits;
  }

  group(path: string, depth: number, skip: ReadonlySet<string>): Hdf5Group {
    if (depth > MAX_DEPTH) throw new Hdf5Error(`Its groups are nested more than ${MAX_DEPTH} deep.`);
    const children = new Map<string, Hdf5Group | Hdf5Dataset | Hdf5Refused>();
    for (const name of this.#h5.get_names(this.#file, path, false)) {
      if (name === "" || name === "." || skip.has(name)) continue;
      const child = this.#child(path === "/" ? `/${name}` : `${path}/${name}`, depth);
      if (child !== undefined) children.set(name, child);
    }
    return { kind: "group", attributes: this.#attributes(path), children };
  }

  #child(path: string, depth: number): Hdf5Group | Hdf5Dataset | Hdf5Refused | undefined {
    if (++this.#objects > MAX_OBJECTS)
      throw new Hdf5Error(`It holds more than ${MAX_OBJECTS} groups and arrays.`);
    const h5 = this.#h5;
    if (h5.get_external_link(this.#file, path).filename !== undefined)
      return { kind: "refused", reason: "is a link to another file" };
    if (h5.get_symbolic_link(this.#file, path) !== null)
      return { kind: "refused", reason: "is a link to another place" };
    const type = h5.get_type(this.#file, path);
    if (type === h5.H5G_GROUP) return this.group(path, depth + 1, new Set());
    return type === h5.H5G_DATASET ? this.#dataset(path) : undefined;
  }

  #dataset(path: string): Hdf5Dataset | Hdf5Refused {
    const h5 = this.#h5;
    const metadata = h5.get_dataset_metadata(this.#file, path);
    const { shape, size, chunks } = metadata;
    if (metadata.virtual_sources !== undefined)
      return { kind: "refused", reason: "is put together from other files" };
    if (shape === null) return { kind: "refused", reason: "is empty" };
    const type = this.#floatType(path, metadata.type, size);
    if (type === undefined) return { kind: "dataset", shape, values: undefined };
    if (!metadata.littleEndian && type !== "bfloat16")
      return { kind: "refused", reason: "is stored big-endian" };

    const bytes = product(shape) * size;
    const packed = chunks !== null && h5.get_dataset_filters(this.#file, path).length > 0;
    if (packed) this.#packedBytes += bytes;
    else this.#plainBytes += bytes;
    const piece = chunks === null ? 0 : product(chunks) * size;
    if (!(this.#plainBytes <= this.#limits.plainBytes && this.#packedBytes <= this.#limits.packedBytes))
      throw new Hdf5Error("Its arrays claim more numbers than a file of its size can hold.");
    if (bytes > this.#limits.arrayBytes || piece > this.#limits.arrayBytes)
      throw new Hdf5Error(`The array ${path.slice(1)} is too large to read.`);

    const data = this.#withMemory(bytes, (pointer) => {
      const status = h5.get_dataset_data(this.#file, path, null, null, null, BigInt(pointer));
      if (status < 0) throw new Hdf5Error(`The array ${path.slice(1)} is damaged.`);
      return h5.HEAPU8.slice(pointer, pointer + bytes);
    });
    return { kind: "dataset", shape, values: { type, data } };
  }

  /** Keras marks bfloat16, for which HDF5 has no name, by an attribute. */
  #floatType(path: string, type: number, size: number): Hdf5Float | undefined {
    const { H5T_FLOAT, H5T_OPAQUE } = this.#h5.H5T_class_t;
    if (size === 2 && (type === H5T_FLOAT.value || type === H5T_OPAQUE.value)) {
      if (this.#attributes(path).get("dtype") === "bfloat16") return "bfloat16";
    }
    if (type !== H5T_FLOAT.value) return undefined;
    return size === 2 ? "float16" : size === 4 ? "float32" : size === 8 ? "float64" : undefined;
  }

  #attributes(path: string): Map<string, string | readonly string[]> {
    const texts = new Map<string, string | readonly string[]>();
    for (const name of this.#h5.get_attribute_names(this.#file, path)) {
      const text = this.#text(path, name);
      if (text !== undefined) texts.set(name, text);
    }
    return texts;
  }

  /** An attribute that is a text or a list of texts. */
  #text(path: string, name: string): string | string[] | undefined {
    const h5 = this.#h5;
    const { type, shape, size, vlen } = h5.get_attribute_metadata(this.#file, path, name);
    if (type !== h5.H5T_class_t.H5T_STRING.value || shape === null || shape.length > 1) return undefined;
    const count = product(shape);
    this.#spend(count * size);
    const texts = this.#withMemory(count * size, (pointer) => {
      // Where the read fails, zeros are no addresses.
      h5.HEAPU8.fill(0, pointer, pointer + count * size);
      const status = h5.get_attribute_data(this.#file, path, name, BigInt(pointer));
      if (status < 0) throw new Hdf5Error(`The attribute ${name} of ${path} is damaged.`);
      return Array.from({ length: count }, (_, index) => this.#textAt(pointer + index * size, size, vlen));
    });
    return shape.length === 0 ? texts[0] : texts;
  }

  /** The text of so many bytes at an address, or the one whose address stands there. The memory of the latter is let go with the thread. */
  #textAt(address: number, size: number, indirect: boolean): string {
    const memory = this.#h5.HEAPU8;
    const start = indirect ? new DataView(memory.buffer).getUint32(address, true) : address;
    if (start === 0) return "";
    const limit = indirect ? memory.length : address + size;
    const zero = memory.indexOf(0, start);
    const end = zero < 0 ? limit : Math.min(zero, limit);
    if (indirect) this.#spend(end - start);
    return new TextDecoder().decode(memory.subarray(start, end));
  }

  #spend(attributeBytes: number): void {
    this.#attributeBytes += attributeBytes;
    if (!(this.#attributeBytes <= MAX_ATTRIBUTE_BYTES))
      throw new Hdf5Error(`Its attributes hold more than ${MAX_ATTRIBUTE_BYTES / 2 ** 20} MB.`);
  }

  #withMemory<T>(bytes: number, use: (pointer: number) => T): T {
    const pointer = this.#h5._malloc(Math.max(1, bytes));
    if (pointer === 0) throw new Hdf5Error("It asks for more memory than there is.");
    try {
      return use(pointer);
    } finally {
      this.#h5._free(pointer);
    }
  }
}

function product(dims: readonly number[]): number {
  return dims.reduce((total, dim) => total * dim, 1);
}
