import type { Dirent } from "node:fs";
import { readdir, realpath, stat } from "node:fs/promises";
import { isAbsolute, join, relative, sep } from "node:path";
import { errorCode } from "../files.js";
import { compareNames } from "./names.js";
import type { Skipped } from "./photo.js";

/** The folder that names are relative to. */
export interface Root {
  readonly path: string;
  /** Its path without symbolic links: nothing outside is read. */
  readonly real: string;
}

/** A file or folder found under a root. */
export interface Found {
  /** Relative to the root, with `/` between folders; `""` is the root itself. */
  readonly name: string;
  readonly path: string;
  /** Its path without symbolic links. */
  readonly real: string;
  /** Whether it is a symbolic link. */
  readonly link: boolean;
}

/** What stands in a folder, each list sorted by name. */
export interface Listing {
  readonly folders: readonly Found[];
  readonly files: readonly Found[];
  readonly skipped: readonly Skipped[];
}

const IGNORED = new Set(["__macosx", "thumbs.db", "desktop.ini"]);

/** Whether a file or folder is one that systems leave behind or hide, which is passed over without a word. */
export function isIgnored(baseName: string): boolean {
  return baseName.startsWith(".") || IGNORED.has(baseName.toLowerCase());
}

/** The root of a tree as a folder in it. */
export async function openRoot(path: string): Promise<Root & Found> {
  const real = await realpath(path);
  return { path, real, name: "", link: false };
}

/** Whether a real path is the root or lies in it. */
export function isInside(root: Root, real: string): boolean {
  const way = relative(root.real, real);
  return way !== ".." && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}

/**
 * Lists one folder. Links are followed as far as they stay inside the root; what cannot be read is skipped with a reason.
 *
 * @throws the system's error if `folder` is the root itself and cannot be read
 */
export async function listFolder(root: Root, folder: Found): Promise<Listing> {
  const folders: Found[] = [];
  const files: Found[] = [];
  const skipped: Skipped[] = [];
  let entries: Dirent[];
  try {
    entries = await readdir(folder.path, { withFileTypes: true });
  } catch (error) {
    if (folder.name === "") throw error;
    return { folders, files, skipped: [{ name: folder.name, reason: readingReason(error, folder.name) }] };
  }
  entries.sort((a, b) => compareNames(a.name, b.name));
  for (const entry of entries) {
    if (isIgnored(entry.name)) continue;
    const found = {
      name: folder.name === "" ? entry.name : `${folder.name}/${entry.name}`,
      path: join(folder.path, entry.name),
      real: join(folder.real, entry.name),
      link: false,
    };
    if (entry.isDirectory()) folders.push(found);
    else if (entry.isFile()) files.push(found);
    else if (entry.isSymbolicLink()) {
      const target = await followLink(root, found);
      if ("reason" in target) skipped.push(target);
      else (target.folder ? folders : files).push(target);
    } else skipped.push({ name: found.name, reason: "neither a file nor a folder" });
  }
  return { folders, files, skipped };
}

async function followLink(root: Root, found: Found): Promise<(Found & { folder: boolean }) | Skipped> {
  try {
    const real = await realpath(found.path);
    if (!isInside(root, real)) return { name: found.name, reason: "a link that leads out of the folder" };
    const info = await stat(real);
    if (!info.isDirectory() && !info.isFile())
      return { name: found.name, reason: "neither a file nor a folder" };
    return { ...found, real, link: true, folder: info.isDirectory() };
  } catch (error) {
    const nowhere = errorCode(error) === "ENOENT" || errorCode(error) === "ELOOP";
    return {
      name: found.name,
      reason: nowhere ? "a link that leads nowhere" : readingReason(error, found.name),
    };
  }
}

/**
 * Lists every file in a folder and the folders inside it. Each real folder is read once, so links that lead in a circle end; folders
 * come before links to them.
 */
export async function walkFolder(root: Root, folder: Found): Promise<Omit<Listing, "folders">> {
  const files: Found[] = [];
  const skipped: Skipped[] = [];
  const pending = [folder];
  const links: Found[] = [];
  const visited = new Set<string>();
  for (let next = pending.pop(); next; next = pending.pop() ?? links.shift()) {
    if (visited.has(next.real)) {
      skipped.push({ name: next.name, reason: "a link to a folder that is read already" });
      continue;
    }
    visited.add(next.real);
    const listing = await listFolder(root, next);
    for (const file of listing.files) files.push(file);
    for (const file of listing.skipped) skipped.push(file);
    for (const inner of listing.folders) (inner.link ? links : pending).push(inner);
  }
  return { files, skipped };
}

/** Why a file or folder could not be read, to follow its name. */
export function readingReason(error: unknown, name: string): string {
  const code = errorCode(error);
  if (code === "EACCES" || code === "EPERM") return "not permitted to read it";
  // Names that are not UTF-8 reach us with replacement characters, under which they cannot be opened.
  if (code === "ENOENT" && name.includes("\ufffd")) return "its name is not valid UTF-8; rename it";
  if (code === "ENOENT") return "it vanished while it was being read";
  return `it cannot be read (${code ?? String(error)})`;
}
