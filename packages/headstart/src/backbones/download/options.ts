import type { Environment } from "../../files.js";
import { mirrorFolder } from "./mirror.js";
import { downloadFolder } from "./paths.js";

/** How far a download has come. */
export interface DownloadProgress {
  /** Its place in the folder of downloads. */
  readonly file: string;
  /** Bytes that are there, those of earlier attempts and of other processes included. */
  readonly done: number;
  /** Bytes of the whole file; undefined where nobody has said so yet. */
  readonly total: number | undefined;
}

/** How to download. */
export interface DownloadOptions {
  /** The folder of downloads; by default `weights` in the folder of the cache. */
  readonly folder?: string;
  /** Use what is there, and never the network. `HEADSTART_OFFLINE=1` does the same. */
  readonly offline?: boolean;
  /** Stops the download; what has been fetched is kept. */
  readonly signal?: AbortSignal | undefined;
  /** Called for each piece that arrives, and from time to time while another process fetches the same file. */
  readonly onProgress?: ((progress: DownloadProgress) => void) | undefined;
  /** What users call it, for sentences: `keras:resnet50`. By default the URL. */
  readonly name?: string;
  /** Environment variables; by default those of the process. */
  readonly environment?: Environment;
}

/** The folder and the environment that options stand for. */
export function settled(options: DownloadOptions): { readonly folder: string; readonly env: Environment } {
  const env = options.environment ?? process.env;
  return { folder: options.folder ?? downloadFolder(env), env };
}

/** Whether anything may be fetched: not while offline, unless a folder stands for the network. */
export function mayFetch(options: DownloadOptions): boolean {
  const { env } = settled(options);
  const setting = env.HEADSTART_OFFLINE?.trim().toLowerCase() ?? "";
  const offline = options.offline || !["", "0", "false", "no"].includes(setting);
  return !offline || mirrorFolder(env) !== undefined;
}
