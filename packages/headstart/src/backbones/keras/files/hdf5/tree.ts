/** Element type of a dataset that Keras weights may have. */
export type Hdf5Float = "float16" | "bfloat16" | "float32" | "float64";

/** An array in an HDF5 file. */
export interface Hdf5Dataset {
  readonly kind: "dataset";
  readonly shape: readonly number[];
  /** Element type, and the elements as little-endian bytes in row-major order; undefined where the elements are no floating-point numbers. */
  readonly values: { readonly type: Hdf5Float; readonly data: Uint8Array<ArrayBuffer> } | undefined;
}

/** What an HDF5 file holds and Headstart does not read, such as a link to another file; `reason` completes "The file's array X ...". */
export interface Hdf5Refused {
  readonly kind: "refused";
  readonly reason: string;
}

/** A group of an HDF5 file, with the attributes that are text or lists of texts. */
export interface Hdf5Group {
  readonly kind: "group";
  readonly attributes: ReadonlyMap<string, string | readonly string[]>;
  readonly children: ReadonlyMap<string, Hdf5Group | Hdf5Dataset | Hdf5Refused>;
}

/** What the reading thread is asked for. */
export interface Hdf5Request {
  readonly path: string;
  /** Size of the file in bytes, which bounds what its arrays may take. */
  readonly bytes: number;
  /** Groups of the root that are passed over, such as those of an optimiser. */
  readonly skip: readonly string[];
}

/** What the reading thread answers: the root group, or a sentence that says why there is none. */
export type Hdf5Reply =
  | { readonly root: Hdf5Group }
  | {
      readonly error: string;
      /** Whether the library is still fit to read another file. */
      readonly fit: boolean;
    };
