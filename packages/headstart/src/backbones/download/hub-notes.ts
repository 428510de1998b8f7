import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { z } from "zod";
import { readIfThere, storageError, writeAtomically } from "../../files.js";
import type { HubFile } from "./hub-api.js";
import { hubFolder } from "./hub-name.js";
import { locate } from "./paths.js";
import { parse } from "./record.js";

const commitsSchema = z.record(z.string(), z.string().regex(/^[0-9a-f]{40}$/));

const filesSchema: z.ZodType<HubFile[]> = z.array(
  z.object({
    path: z.string(),
    size: z.int().nonnegative(),
    sha256: z.string().optional(),
    blob: z.string().optional(),
  }),
);

/** The commits that branches and tags of a model stood for when the hub was last asked. */
export async function knownCommits(folder: string, repository: string): Promise<Map<string, string>> {
  const bytes = await readIfThere(commitsFile(folder, repository));
  return new Map(Object.entries(parse(commitsSchema, bytes) ?? {}));
}

/** Notes what a branch or tag stands for. */
export async function noteCommit(
  folder: string,
  repository: string,
  revision: string,
  commit: string,
): Promise<void> {
  const commits = await knownCommits(folder, repository);
  if (commits.get(revision) === commit) return;
  commits.set(revision, commit);
  await write(commitsFile(folder, repository), Object.fromEntries(commits));
}

/** The files of a commit, as the hub listed them once; undefined where it was never asked. */
export async function knownFiles(
  folder: string,
  repository: string,
  commit: string,
): Promise<HubFile[] | undefined> {
  return parse(filesSchema, await readIfThere(filesFile(folder, repository, commit)));
}

/** Notes the files of a commit that matter here: networks, weights and settings. */
export async function noteFiles(
  folder: string,
  repository: string,
  commit: string,
  files: readonly HubFile[],
): Promise<void> {
  const worth = files.filter(({ path }) => /\.onnx|config\.json$/i.test(path));
  await write(filesFile(folder, repository, commit), worth);
}

function commitsFile(folder: string, repository: string): string {
  return locate(folder, `${hubFolder(repository)}/revisions.json`);
}

function filesFile(folder: string, repository: string, commit: string): string {
  return locate(folder, `${hubFolder(repository)}/${commit}.json`);
}

async function write(path: string, value: unknown): Promise<void> {
  await mkdir(dirname(path), { recursive: true }).catch((error: unknown) => {
    throw storageError(error, path);
  });
  await writeAtomically(path, `${JSON.stringify(value, undefined, 1)}\n`, { durable: false });
}
