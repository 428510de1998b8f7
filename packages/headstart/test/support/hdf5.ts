import type { Hdf5Dataset, Hdf5Group, Hdf5Refused } from "../../src/backbones/keras/files/hdf5/tree.js";

type Node = Hdf5Group | Hdf5Dataset | Hdf5Refused;

/** A group of an HDF5 file as the reader gives it. */
export function group(
  children: Readonly<Record<string, Node>>,
  attributes: Readonly<Record<string, string | readonly string[]>> = {},
): Hdf5Group {
  return {
    kind: "group",
    attributes: new Map(Object.entries(attributes)),
    children: new Map(Object.entries(children)),
  };
}

/** A list of float32 numbers in an HDF5 file as the reader gives it. */
export function array(...values: readonly number[]): Hdf5Dataset {
  const data = new Uint8Array(Float32Array.from(values).buffer);
  return { kind: "dataset", shape: [values.length], values: { type: "float32", data } };
}

/** A whole number, such as a counter. */
export const COUNTER: Hdf5Dataset = { kind: "dataset", shape: [], values: undefined };
