import { createWriteStream } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Transform, type TransformCallback } from "node:stream";
import { pipeline } from "node:stream/promises";
import { crc32 } from "node:zlib";
import { type Entry, openPromise, type ZipFile } from "yauzl";
import { HeadstartError } from "../../../errors.js";
import { storageError } from "../../../files.js";

const MEGABYTE = 2 ** 20;
/** A model's configuration. That of the largest network in Keras's library takes one megabyte. */
const MAX_JSON_BYTES = 32 * MEGABYTE;
/** Entries that are looked at. Keras writes three, and some more for vocabularies. */
const MAX_ENTRIES = 10_000;
/** Keras stores entries as they are. Weights hardly shrink; what grows by more than this is no honest file. */
const MAX_GROWTH = 100;

/** What a `.keras` file holds. */
export interface Archive {
  /** Text of the entry `metadata.json`; undefined where there is none. */
  readonly metadata: string | undefined;
  /** Text of the entry `config.json`. */
  readonly config: string;
}

/**
 * Opens a `.keras` file, which is a zip archive. Entries are found by their exact names, and a name is never used as a path. Sizes are
 * checked as declared and while reading, and every entry against its checksum.
 *
 * @param path - the file
 * @param source - what errors call it
 * @param use - is given what the archive holds and the path of a file with the weights, which is removed afterwards
 * @throws HeadstartError `INVALID_MODEL` if it is damaged or lacks an entry; `UNSUPPORTED` if it keeps its weights in another form;
 *   `STORAGE` if there is no space for the weights
 */
export async function withArchive<T>(
  path: string,
  source: string,
  use: (archive: Archive, weights: string) => Promise<T>,
): Promise<T> {
  const zip = await openPromise(path, { lazyEntries: true, autoClose: false }).catch((error) => {
    throw damaged(source, error);
  });
  // Without a listener, what goes wrong between two reads would end the process.
  zip.on("error", () => undefined);
  try {
    const entries = await listEntries(zip, source);
    const config = await readText(zip, required(entries, "config.json", source), source);
    const metadataEntry = entries.get("metadata.json");
    const metadata = metadataEntry && (await readText(zip, metadataEntry, source));
    const weights = required(entries, "model.weights.h5", source);
    return await withExtracted(zip, weights, source, (file) => use({ metadata, config }, file));
  } finally {
    zip.close();
  }
}

async function listEntries(zip: ZipFile, source: string): Promise<Map<string, Entry>> {
  const entries = new Map<string, Entry>();
  try {
    for await (const entry of zip.eachEntry()) {
      if (entries.has(entry.fileName)) throw new Error(`It has two entries ${entry.fileName}.`);
      if (entries.size === MAX_ENTRIES) throw new Error(`It has more than ${MAX_ENTRIES} entries.`);
      entries.set(entry.fileName, entry);
    }
  } catch (error) {
    throw damaged(source, error);
  }
  return entries;
}

function required(entries: ReadonlyMap<string, Entry>, name: string, source: string): Entry {
  const entry = entries.get(name);
  if (entry !== undefined) return entry;
  if (
    name === "model.weights.h5" &&
    [...entries.keys()].some((other) => /\.weights\.(npz|json)$/.test(other))
  )
    throw new HeadstartError(
      "UNSUPPORTED",
      `The file ${source} keeps its weights in another form than one HDF5 file.`,
      "Save the model with Keras's default settings: model.save(path).",
    );
  throw new HeadstartError(
    "INVALID_MODEL",
    `The file ${source} is a zip archive without ${name}, so it is no Keras model.`,
    "Give a file that model.save() of Keras wrote.",
  );
}

async function readText(zip: ZipFile, entry: Entry, source: string): Promise<string> {
  if (entry.uncompressedSize > MAX_JSON_BYTES)
    throw damaged(
      source,
      new Error(`Its ${entry.fileName} takes more than ${MAX_JSON_BYTES / MEGABYTE} MB.`),
    );
  const parts: Buffer[] = [];
  await copy(zip, entry, source, async (stream) => {
    for await (const part of stream) parts.push(part as Buffer);
  });
  return Buffer.concat(parts).toString("utf8");
}

async function withExtracted<T>(
  zip: ZipFile,
  entry: Entry,
  source: string,
  use: (file: string) => Promise<T>,
): Promise<T> {
  if (entry.uncompressedSize > MEGABYTE && entry.uncompressedSize > MAX_GROWTH * entry.compressedSize)
    throw damaged(source, new Error(`Its ${entry.fileName} claims to unpack to far more than weights can.`));
  const folder = await mkdtemp(join(tmpdir(), "headstart-")).catch((error) => {
    throw storageError(error, tmpdir());
  });
  try {
    const file = join(folder, "weights.h5");
    await copy(zip, entry, source, (stream) => pipeline(stream, createWriteStream(file, { flags: "wx" })));
    return await use(file);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Hands an entry's bytes on, as many as it declares, and compares their checksum. */
async function copy(
  zip: ZipFile,
  entry: Entry,
  source: string,
  take: (stream: Transform) => Promise<void>,
): Promise<void> {
  try {
    const check = new Checksum();
    // yauzl ends the stream with an error where an entry has more or fewer bytes than it declares.
    const stream = await zip.openReadStreamPromise(entry);
    await Promise.all([pipeline(stream, check), take(check)]);
    if (check.value !== entry.crc32) throw new Error(`The checksum of its ${entry.fileName} is wrong.`);
  } catch (error) {
    const known = storageError(error, tmpdir());
    throw known instanceof HeadstartError ? known : damaged(source, error);
  }
}

class Checksum extends Transform {
  value = 0;

  override _transform(part: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.value = crc32(part, this.value);
    done(null, part);
  }
}

function damaged(source: string, cause: unknown): HeadstartError {
  const reason = cause instanceof Error ? cause.message.replace(/\.?$/, ".") : "";
  return new HeadstartError(
    "INVALID_MODEL",
    `The file ${source} cannot be read as a zip archive. ${reason}`.trim(),
    "The file is damaged or incomplete. Save or download it again.",
    { cause },
  );
}
