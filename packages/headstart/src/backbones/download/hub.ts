import { HeadstartError } from "../../errors.js";
import type { Environment } from "../../files.js";
import { withClient } from "./client.js";
import { downloadWith } from "./download.js";
import { type HubFile, hubCommit, hubTree, hubUrl } from "./hub-api.js";
import { chooseFiles } from "./hub-choice.js";
import { type HubName, hubFolder, isCommit, parseHubName } from "./hub-name.js";
import { knownCommits, knownFiles, noteCommit, noteFiles } from "./hub-notes.js";
import { type DownloadOptions, mayFetch, settled } from "./options.js";
import type { RemoteFile } from "./remote-file.js";
import { TIMING, type Timing } from "./timing.js";

/** What a model on the hub consists of, as far as it is needed. */
export interface HubModel {
  /** `OWNER/NAME`. */
  readonly repository: string;
  /** The commit that the revision stands for. */
  readonly commit: string;
  /** The ONNX file. */
  readonly model: RemoteFile;
  /** Files with weights beside it, and `preprocessor_config.json` and `config.json` where they are. */
  readonly others: readonly RemoteFile[];
}

/** A model of the hub on this machine. */
export interface HubCopy {
  readonly repository: string;
  readonly commit: string;
  /** Path of the ONNX file; files with its weights lie beside it. */
  readonly onnx: string;
  /** Paths of the other files by their names, such as `config.json`. */
  readonly files: Readonly<Record<string, string>>;
}

/**
 * Finds out which files make up an image classifier on the Hugging Face hub. What a branch or tag stands for is asked anew each time and
 * remembered, so that the same can be found offline.
 *
 * @param name - `OWNER/NAME[@REVISION][:PATH]`, with or without `hf:` before it
 * @param options - as for a download
 * @throws HeadstartError `INVALID_OPTION` for a name that cannot be meant, or where several ONNX files are as good; `NOT_FOUND` for a model,
 *   revision or file that the hub does not have; `NETWORK` without a connection, or offline if it was never asked for before
 */
export async function resolveHub(name: string, options: DownloadOptions = {}): Promise<HubModel> {
  return await resolveHubWith(name, options, TIMING);
}

/**
 * Downloads an image classifier from the Hugging Face hub, as far as it is not there yet.
 *
 * @param name - `OWNER/NAME[@REVISION][:PATH]`, with or without `hf:` before it
 * @param options - as for a download
 * @throws HeadstartError as {@link resolveHub} and {@link download} do
 */
export async function downloadHub(name: string, options: DownloadOptions = {}): Promise<HubCopy> {
  return await downloadHubWith(name, options, TIMING);
}

/** {@link downloadHub} with a patience of one's own. */
export async function downloadHubWith(
  name: string,
  options: DownloadOptions,
  timing: Timing,
): Promise<HubCopy> {
  const { repository, commit, model, others } = await resolveHubWith(name, options, timing);
  const named = { name: `hf:${name.replace(/^hf:/, "")}`, ...options };
  const files: Record<string, string> = {};
  for (const file of others)
    files[file.path.slice(file.path.lastIndexOf("/") + 1)] = await downloadWith(file, named, timing);
  return { repository, commit, onnx: await downloadWith(model, named, timing), files };
}

/** {@link resolveHub} with a patience of one's own. */
export async function resolveHubWith(
  name: string,
  options: DownloadOptions,
  timing: Timing,
): Promise<HubModel> {
  const { folder, env } = settled(options);
  const wanted = parseHubName(name);
  const { repository } = wanted;
  const { commit, files } = await withClient(env, timing, async (client) => {
    const context = { client, env, timing, signal: options.signal };
    const commit = await commitOf(wanted, options, folder, () =>
      hubCommit(context, repository, wanted.revision),
    );
    const known = await knownFiles(folder, repository, commit);
    if (known) return { commit, files: known };
    if (!mayFetch(options)) throw neverAsked(wanted);
    const files = await hubTree(context, repository, commit);
    await noteFiles(folder, repository, commit, files).catch(() => undefined);
    return { commit, files };
  });
  const { model, others } = chooseFiles(files, wanted.path, repository);
  const remote = (file: HubFile) => remoteOf(file, repository, commit, env);
  return { repository, commit, model: remote(model), others: others.map(remote) };
}

async function commitOf(
  { repository, revision }: HubName,
  options: DownloadOptions,
  folder: string,
  ask: () => Promise<string>,
): Promise<string> {
  if (isCommit(revision)) return revision;
  const known = (await knownCommits(folder, repository)).get(revision);
  if (!mayFetch(options)) {
    if (known !== undefined) return known;
    throw neverAsked({ repository, revision, path: undefined });
  }
  try {
    const commit = await ask();
    // A note for later; a folder that cannot be written to shows when the files come.
    await noteCommit(folder, repository, revision, commit).catch(() => undefined);
    return commit;
  } catch (error) {
    if (!(error instanceof HeadstartError && error.code === "NETWORK" && known !== undefined)) throw error;
    const hint = `${error.hint} Or use what was downloaded before: --offline, or HEADSTART_OFFLINE=1.`.trim();
    throw new HeadstartError("NETWORK", error.message, hint, { cause: error });
  }
}

function neverAsked({ repository, revision }: HubName): HeadstartError {
  const name = `hf:${repository}${revision === "main" ? "" : `@${revision}`}`;
  return new HeadstartError(
    "NETWORK",
    `${name} has not been downloaded yet, and Headstart is offline.`,
    `With a network, run: headstart backbones fetch ${name}`,
  );
}

function remoteOf(file: HubFile, repository: string, commit: string, env: Environment): RemoteFile {
  const { path, size, sha256, blob } = file;
  const place = {
    url: hubUrl(env, repository, commit, path),
    path: `${hubFolder(repository)}/${commit}/${path}`,
    size,
  };
  if (sha256 !== undefined) return { ...place, checksum: { algorithm: "sha256", digest: sha256 } };
  if (blob !== undefined) return { ...place, checksum: { algorithm: "git-blob", digest: blob } };
  return place;
}
