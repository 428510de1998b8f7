import { posix } from "node:path";
import { CsvError } from "csv-parse";
import { parse } from "csv-parse/sync";
import { HeadstartError } from "../errors.js";
import type { Split } from "./photo.js";
import { splitNamed } from "./split.js";

/** One row of a manifest. */
export interface ManifestRow {
  /** The photo's path relative to the manifest's folder, with `/` between folders and without `.` or `..`. */
  readonly name: string;
  readonly label: string;
  /** Given in every row or in none. */
  readonly split: Split | undefined;
  /** The line where the row ends, counted from 1. */
  readonly line: number;
}

/**
 * Reads a CSV manifest: a header with the columns `path`, `label` and, if the splits are given, `split`, in any order and case; then a
 * row for each photo. Other columns are passed over. Values may be quoted; a byte order mark, empty lines and spaces around values do
 * not matter.
 *
 * @param text - the file's content
 * @param file - its name, for sentences
 * @throws HeadstartError `INVALID_DATA`, naming the line, if it is no such file, a value is missing, a path leads out of the folder or
 *   stands twice, or a split is unknown or given in some rows only
 */
export function parseManifest(text: string, file: string): ManifestRow[] {
  if (text.trim() === "")
    throw invalid(`${file} is empty.`, "Begin the file with: path,label or path,label,split");
  const rows = records(text, file).map(({ record, info }) => readRow(record, info.lines, file));
  const lines = new Map<string, number>();
  for (const { name, line } of rows) {
    const earlier = lines.get(name);
    if (earlier !== undefined)
      throw invalid(
        `${name} stands in lines ${earlier} and ${line} of ${file}.`,
        "Keep one row for each photo.",
      );
    lines.set(name, line);
  }
  const [with_, without] = [rows.find(({ split }) => split), rows.find(({ split }) => !split)];
  if (with_ && without)
    throw invalid(
      `Line ${without.line} of ${file} has no split, but line ${with_.line} has one.`,
      "Give a split in every row or in none.",
    );
  return rows;
}

interface ParsedRecord {
  readonly record: Readonly<Record<string, string>>;
  readonly info: { readonly lines: number };
}

function records(text: string, file: string): ParsedRecord[] {
  try {
    return parse(text, {
      bom: true,
      columns: (header: string[]) => readHeader(header, file),
      info: true,
      skip_empty_lines: true,
      trim: true,
      max_record_size: 1_000_000,
    }) as unknown as ParsedRecord[];
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    const line = typeof error.lines === "number" ? `Line ${error.lines} of ${file}` : file;
    throw invalid(
      `${line} is not sound CSV: ${error.message.replace(/\.?$/, ".")}`,
      'Put values that hold commas or quotes into quotes, and write a quote inside as "".',
      error,
    );
  }
}

function readHeader(header: readonly string[], file: string): string[] {
  const names = header.map((name) => name.toLowerCase());
  for (const wanted of ["path", "label"])
    if (!names.includes(wanted))
      throw invalid(
        `The first line of ${file} has no column ${wanted}.`,
        "Begin the file with: path,label or path,label,split",
      );
  const twice = names.find(
    (name, i) => ["path", "label", "split"].includes(name) && names.indexOf(name) !== i,
  );
  if (twice !== undefined)
    throw invalid(`The first line of ${file} has the column ${twice} twice.`, "Keep one of them.");
  return names;
}

function readRow(record: Readonly<Record<string, string>>, line: number, file: string): ManifestRow {
  const { path = "", label = "", split = "" } = record;
  if (path === "" || label === "")
    throw invalid(
      `Line ${line} of ${file} has no ${path === "" ? "path" : "label"}.`,
      "Fill it in or remove the line.",
    );
  const name = posix.normalize(path);
  if (
    posix.isAbsolute(name) ||
    /^[a-z]:[\\/]/i.test(name) ||
    name === ".." ||
    name.startsWith("../") ||
    name.includes("\0")
  )
    throw invalid(
      `The path in line ${line} of ${file} leads out of its folder: ${path}.`,
      "Paths are relative to the manifest's folder; put the photos into it, or the manifest above them.",
    );
  const named = split === "" ? undefined : splitNamed(split);
  if (split !== "" && !named)
    throw invalid(
      `Line ${line} of ${file} has an unknown split: ${split}.`,
      "Write train, validation or test.",
    );
  return { name, label, split: named, line };
}

function invalid(sentence: string, hint: string, cause?: unknown): HeadstartError {
  return new HeadstartError("INVALID_DATA", sentence, hint, { cause });
}
