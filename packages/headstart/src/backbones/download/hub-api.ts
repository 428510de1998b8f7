import { z } from "zod";
import { HeadstartError } from "../../errors.js";
import type { Environment } from "../../files.js";
import { type Client, hubEndpoint } from "./client.js";
import { withRetries } from "./retry.js";
import type { Timing } from "./timing.js";

/** A file of a model on the hub. */
export interface HubFile {
  /** In the repository. */
  readonly path: string;
  readonly size: number;
  /** SHA-256, for a large file (one in git's large file storage); for others the id of a git blob. */
  readonly sha256?: string | undefined;
  readonly blob?: string | undefined;
}

const commitSchema = z.object({ sha: z.string().regex(/^[0-9a-f]{40}$/) });

const treeSchema = z.array(
  z.object({
    type: z.string(),
    path: z.string(),
    size: z.int().nonnegative().optional(),
    oid: z.string().optional(),
    lfs: z
      .object({ oid: z.string().regex(/^(?:sha256:)?[0-9a-f]{64}$/), size: z.int().nonnegative() })
      .optional(),
  }),
);

/** Pages of a listing, and bytes of an answer, that are read at most. */
const MOST_PAGES = 200;
const MOST_BYTES = 32e6;

/** What questions to the hub need. */
export interface HubContext {
  readonly client: Client;
  readonly env: Environment;
  readonly timing: Timing;
  readonly signal: AbortSignal | undefined;
}

/** The commit that a branch or tag stands for at present. */
export async function hubCommit(context: HubContext, repository: string, revision: string): Promise<string> {
  const url = `${hubEndpoint(context.env)}/api/models/${repository}/revision/${encodeURIComponent(revision)}`;
  return (await ask(context, url, commitSchema)).value.sha;
}

/** All files of a commit. */
export async function hubTree(context: HubContext, repository: string, commit: string): Promise<HubFile[]> {
  const endpoint = hubEndpoint(context.env);
  let url: string | undefined = `${endpoint}/api/models/${repository}/tree/${commit}?recursive=true`;
  const files: HubFile[] = [];
  for (let pages = 0; url !== undefined; pages++) {
    if (pages === MOST_PAGES) throw odd(url);
    const page: { value: z.infer<typeof treeSchema>; next: string | undefined } = await ask(
      context,
      url,
      treeSchema,
    );
    for (const { type, path, size, oid, lfs } of page.value) {
      if (type !== "file") continue;
      const blob = oid !== undefined && /^[0-9a-f]{40}$/.test(oid) ? oid : undefined;
      if (lfs) files.push({ path, size: lfs.size, sha256: lfs.oid.replace("sha256:", "") });
      else files.push({ path, size: size ?? 0, ...(blob !== undefined && { blob }) });
    }
    if (page.next !== undefined && new URL(page.next).origin !== new URL(endpoint).origin) throw odd(url);
    url = page.next;
  }
  return files;
}

/** Where a file of a commit is fetched from. */
export function hubUrl(env: Environment, repository: string, commit: string, path: string): string {
  const names = path.split("/").map(encodeURIComponent).join("/");
  return `${hubEndpoint(env)}/${repository}/resolve/${commit}/${names}`;
}

async function ask<T>(
  { client, timing, signal }: HubContext,
  url: string,
  schema: z.ZodType<T>,
): Promise<{ readonly value: T; readonly next: string | undefined }> {
  const attempt = async () => {
    const reply = await client.get(url, {}, signal);
    try {
      const pieces: Uint8Array[] = [];
      let length = 0;
      for await (const piece of reply.body) {
        length += piece.length;
        if (length > MOST_BYTES) throw odd(url);
        pieces.push(piece);
      }
      return { text: Buffer.concat(pieces).toString("utf8"), link: reply.header("link") };
    } finally {
      reply.discard();
    }
  };
  const { text, link } = await withRetries(attempt, () => 0, timing, signal);
  const next = /<([^<>]+)>\s*;\s*rel="?next"?/.exec(link ?? "")?.[1];
  try {
    const value = schema.parse(JSON.parse(text));
    return { value, next: next === undefined ? undefined : new URL(next, url).href };
  } catch (error) {
    throw odd(url, error);
  }
}

function odd(url: string, cause?: unknown): HeadstartError {
  return new HeadstartError(
    "NETWORK",
    `${new URL(url).host} does not answer as the hub does.`,
    "Check HF_ENDPOINT and HEADSTART_MIRROR; a proxy or a login page may stand between.",
    { cause },
  );
}
