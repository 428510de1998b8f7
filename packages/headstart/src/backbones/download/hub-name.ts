import { HeadstartError } from "../../errors.js";

/** A model on the Hugging Face hub, as users name it. */
export interface HubName {
  /** `OWNER/NAME`. */
  readonly repository: string;
  /** A branch, a tag or a commit. */
  readonly revision: string;
  /** The ONNX file that was asked for, if any. */
  readonly path: string | undefined;
}

const PART = /^[A-Za-z0-9][A-Za-z0-9._-]{0,95}$/;

/**
 * Reads `OWNER/NAME[@REVISION][:PATH]`, with or without `hf:` before it. The revision is `main` by default.
 *
 * @throws HeadstartError `INVALID_OPTION` for anything else
 */
export function parseHubName(text: string): HubName {
  const [, owner = "", name = "", revision = "main", path] =
    /^(?:hf:)?([^/@:]+)\/([^/@:]+)(?:@([^:]+))?(?::(.+))?$/.exec(text) ?? [];
  // What git allows in the name of a branch, as far as it matters here.
  const branch = /^[\p{L}\p{N}_][\p{L}\p{N}._+/-]*$/u.test(revision) && !/\.\.|\/\/|\/$/.test(revision);
  const safe = [owner, name].every((part) => PART.test(part) && !part.includes("..") && !part.endsWith("."));
  if (safe && branch) return { repository: `${owner}/${name}`, revision, path };
  throw new HeadstartError(
    "INVALID_OPTION",
    `"${text}" names no model on the hub.`,
    "Write hf:OWNER/NAME, hf:OWNER/NAME@REVISION or hf:OWNER/NAME@REVISION:PATH.",
  );
}

/** Whether a revision is a commit, which always means the same files. */
export function isCommit(revision: string): boolean {
  return /^[0-9a-f]{40}$/.test(revision);
}

/** Where the files of a model on the hub are kept, in the folder of downloads: `hub/OWNER/NAME`. */
export function hubFolder(repository: string): string {
  return `hub/${repository}`;
}
