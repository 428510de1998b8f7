import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { HeadstartError } from "../errors.js";
import { withHandle, writeAtomically } from "../files.js";
import {
  readSafetensors,
  readSafetensorsHeader,
  safetensorsHeaderBytes,
  writeSafetensors,
} from "../onnx/index.js";
import { float32, floats, uint8 } from "../onnx/tensor.js";

/** How the names of segment files end. */
export const SEGMENT_SUFFIX = ".safetensors";

const FORMAT = "headstart-features-1";
const DIGEST_BYTES = 32;

/** Rows that lie no farther apart are read together, up to so many bytes: to read what is between them takes less time than to read twice. */
const MOST_BETWEEN = 2 ** 16;
const MOST_AT_ONCE = 2 ** 20;

/** The features of one photo. */
export interface FeatureRow {
  /** SHA-256 of the photo's content, in hexadecimal. */
  readonly digest: string;
  readonly features: Float32Array;
  /** Whether the photo was cut off or damaged. */
  readonly truncated: boolean;
}

/** What a segment file holds, without the features themselves. */
export interface Segment {
  readonly path: string;
  /** Features of one photo. */
  readonly length: number;
  /** Where the features begin in the file, in bytes. */
  readonly start: number;
  readonly digests: readonly string[];
  readonly truncated: readonly boolean[];
}

/**
 * Writes rows as one new file: whole or not there, under a name that no other process takes.
 *
 * @throws HeadstartError `STORAGE` or `NOT_FOUND` as `writeAtomically` does
 */
export async function writeSegment(
  folder: string,
  rows: readonly FeatureRow[],
): Promise<Segment & { bytes: number }> {
  const length = rows[0]?.features.length ?? 0;
  const features = new Float32Array(rows.length * length);
  const digests = new Uint8Array(rows.length * DIGEST_BYTES);
  for (const [i, row] of rows.entries()) {
    features.set(row.features, i * length);
    digests.set(Buffer.from(row.digest, "hex"), i * DIGEST_BYTES);
  }
  const tensors = new Map([
    ["features", float32([rows.length, length], features)],
    ["digests", uint8([rows.length, DIGEST_BYTES], digests)],
    [
      "truncated",
      uint8(
        [rows.length],
        rows.map(({ truncated }) => Number(truncated)),
      ),
    ],
  ]);
  let checksum = 0;
  for (const name of ["features", "digests", "truncated"])
    checksum = crc32(tensors.get(name)?.data ?? "", checksum);
  const file = writeSafetensors(tensors, { format: FORMAT, crc32: String(checksum) });
  const path = join(folder, `${Date.now().toString(36)}-${randomBytes(8).toString("hex")}${SEGMENT_SUFFIX}`);
  await writeAtomically(path, file);
  const headerBytes = safetensorsHeaderBytes(file.subarray(0, 8), file.byteLength);
  return {
    path,
    length,
    start:
      readSafetensorsHeader(file.subarray(0, headerBytes), file.byteLength).tensors.get("features")?.start ??
      0,
    digests: rows.map(({ digest }) => digest),
    truncated: rows.map(({ truncated }) => truncated),
    bytes: file.byteLength,
  };
}

/**
 * Reads which photos a segment holds, without reading the features.
 *
 * @throws HeadstartError `INVALID_RUN` if the file is damaged or no segment; the system's error if it cannot be read
 */
export async function readSegment(path: string): Promise<Segment> {
  return withHandle(path, "r", async (handle) => {
    const { size } = await handle.stat();
    const read = async (start: number, end: number): Promise<Buffer> => {
      const buffer = Buffer.alloc(end - start);
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, start);
      return buffer.subarray(0, bytesRead);
    };
    const headerBytes = safetensorsHeaderBytes(await read(0, Math.min(8, size)), size);
    const { tensors, metadata } = readSafetensorsHeader(await read(0, headerBytes), size);
    const [features, digests, truncated] = ["features", "digests", "truncated"].map((name) =>
      tensors.get(name),
    );
    const [rows, length] = features?.dims ?? [];
    if (
      metadata.format !== FORMAT ||
      rows === undefined ||
      length === undefined ||
      features?.type !== "float32" ||
      digests?.type !== "uint8" ||
      digests.dims.join() !== `${rows},${DIGEST_BYTES}` ||
      truncated?.type !== "uint8" ||
      truncated.dims.join() !== `${rows}`
    )
      throw noSegment(path);
    const hex = (await read(digests.start, digests.end)).toString("hex");
    return {
      path,
      length,
      start: features.start,
      digests: Array.from({ length: rows }, (_, i) =>
        hex.slice(i * DIGEST_BYTES * 2, (i + 1) * DIGEST_BYTES * 2),
      ),
      truncated: Array.from(await read(truncated.start, truncated.end), (flag) => flag !== 0),
    };
  });
}

/**
 * Reads the features of a segment, `[digests, length]`, and checks the whole file against its checksum.
 *
 * @throws HeadstartError `INVALID_RUN` if the file is damaged; the system's error if it cannot be read
 */
export async function readSegmentFeatures({ path }: Segment): Promise<Float32Array<ArrayBuffer>> {
  const { tensors, metadata } = readSafetensors(new Uint8Array(await readFile(path)));
  let checksum = 0;
  for (const name of ["features", "digests", "truncated"])
    checksum = crc32(tensors.get(name)?.data ?? "", checksum);
  const features = tensors.get("features");
  if (!features || metadata.crc32 !== String(checksum)) throw noSegment(path);
  return floats(features);
}

/** A row of a segment, and the row of a block that it belongs into. */
export interface PlacedRow {
  readonly row: number;
  readonly at: number;
}

/**
 * Reads the features of some rows of a segment into a block, without checking them.
 *
 * @param into - the block, `[any number, length]`
 * @throws HeadstartError `INVALID_RUN` if the file is shorter than it was; the system's error if it cannot be read
 */
export async function readSegmentRows(
  { path, length, start }: Segment,
  rows: readonly PlacedRow[],
  into: Float32Array<ArrayBuffer>,
): Promise<void> {
  const rowBytes = length * Float32Array.BYTES_PER_ELEMENT;
  const block = new Uint8Array(into.buffer, into.byteOffset, into.byteLength);
  const spans = spansOf(rows, rowBytes);
  const memory = new Uint8Array(
    Math.max(0, ...spans.map(({ first, last }) => (last - first + 1) * rowBytes)),
  );
  await withHandle(path, "r", async (handle) => {
    for (const { first, last, rows: own } of spans) {
      const bytes = (last - first + 1) * rowBytes;
      const { bytesRead } = await handle.read(memory, 0, bytes, start + first * rowBytes);
      if (bytesRead < bytes) throw noSegment(path);
      for (const { row, at } of own) {
        const offset = (row - first) * rowBytes;
        block.set(memory.subarray(offset, offset + rowBytes), at * rowBytes);
      }
    }
  });
}

/** Rows of a segment that are read together, with what lies between them. */
interface Span {
  readonly first: number;
  last: number;
  readonly rows: PlacedRow[];
}

function spansOf(rows: readonly PlacedRow[], rowBytes: number): Span[] {
  const spans: Span[] = [];
  for (const placed of [...rows].sort((a, b) => a.row - b.row)) {
    const { row } = placed;
    const span = spans.at(-1);
    if (
      span &&
      (row - span.last) * rowBytes <= MOST_BETWEEN &&
      (row - span.first) * rowBytes < MOST_AT_ONCE
    ) {
      span.last = row;
      span.rows.push(placed);
    } else spans.push({ first: row, last: row, rows: [placed] });
  }
  return spans;
}

function noSegment(path: string): HeadstartError {
  return new HeadstartError("INVALID_RUN", `${path} is not a sound segment of the feature store.`);
}
