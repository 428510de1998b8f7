import { z } from "zod";
import { readIfThere, writeAtomically } from "../../files.js";
import { SUFFIXES } from "./paths.js";
import type { Checksum } from "./remote-file.js";

const count = z.int().nonnegative();

const checksumSchema: z.ZodType<Checksum> = z.object({
  algorithm: z.enum(["md5", "sha256", "git-blob"]),
  digest: z.string(),
});

const recordSchema = z.object({
  /** Where it came from, without query. */
  url: z.string(),
  size: count,
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  /** What it was checked against. */
  checksum: checksumSchema.optional(),
  etag: z.string().optional(),
  /** When it was downloaded, as ISO 8601 in UTC. */
  date: z.iso.datetime(),
});

const partSchema = z.object({
  url: z.string(),
  /** Of the whole file, where the server has said so. */
  size: count.optional(),
  etag: z.string().optional(),
  lastModified: z.string().optional(),
});

/** What is known of a downloaded file. */
export type DownloadRecord = z.infer<typeof recordSchema>;

/** What is known of a file that is being fetched. */
export type PartRecord = z.infer<typeof partSchema>;

/** What is known of a downloaded file; undefined where nothing is, or what stands there is damaged. */
export async function readRecord(file: string): Promise<DownloadRecord | undefined> {
  return parse(recordSchema, await readIfThere(file + SUFFIXES.record));
}

/** Notes what is known of a downloaded file. */
export async function writeRecord(file: string, record: DownloadRecord): Promise<void> {
  await writeAtomically(file + SUFFIXES.record, `${JSON.stringify(record, undefined, 2)}\n`);
}

/** What is known of the part that has been fetched of a file. */
export async function readPartRecord(file: string): Promise<PartRecord | undefined> {
  return parse(partSchema, await readIfThere(file + SUFFIXES.partRecord));
}

/** Notes what is known of the part that is being fetched of a file. */
export async function writePartRecord(file: string, record: PartRecord): Promise<void> {
  await writeAtomically(file + SUFFIXES.partRecord, JSON.stringify(record), { durable: false });
}

/** JSON that may be damaged; undefined where it is. */
export function parse<T>(schema: z.ZodType<T>, bytes: Uint8Array | undefined): T | undefined {
  if (bytes === undefined) return undefined;
  try {
    return schema.safeParse(JSON.parse(new TextDecoder().decode(bytes))).data;
  } catch {
    return undefined;
  }
}
