import { createHash } from "node:crypto";
import { HeadstartError } from "../../errors.js";
import { checkCachePath } from "./paths.js";

/**
 * What a file must hash to: its MD5 or SHA-256, or its id as git names a blob (SHA-1 of `blob SIZE`, a zero byte and the content; the
 * size must be known). Digests are hexadecimal, in lower case.
 */
export interface Checksum {
  readonly algorithm: "md5" | "sha256" | "git-blob";
  readonly digest: string;
}

/** A file somewhere else, and what is known of it. */
export interface RemoteFile {
  readonly url: string;
  /** Its place in the folder of downloads, with `/` between the names: `keras/resnet50_notop.h5`. */
  readonly path: string;
  /** In bytes. */
  readonly size?: number;
  readonly checksum?: Checksum;
}

/**
 * The file at a URL that a user names. Nothing is known of its content: the first download notes its SHA-256. The same URL gives the
 * same place in the folder of downloads.
 *
 * @param url - must begin with `https:`; `http:` is allowed for this machine (`localhost`) only
 * @throws HeadstartError `INVALID_OPTION` for anything else, for a URL that carries a password, and for one that ends in no file name
 */
export function remoteFileOf(url: string): RemoteFile {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (!parsed) throw invalid(`"${url}" is not a URL.`, "It must look like https://example.org/model.onnx.");
  const { protocol, hostname } = parsed;
  if (parsed.username !== "" || parsed.password !== "")
    throw invalid(
      `The URL ${withoutSecrets(parsed)} carries a name or a password.`,
      "Download the file yourself.",
    );
  const local = ["localhost", "127.0.0.1", "[::1]"].includes(hostname);
  if (protocol !== "https:" && !(protocol === "http:" && local))
    throw invalid(
      `${withoutSecrets(parsed)} is not fetched: ${protocol} does not protect a file on its way.`,
      "Use an address that begins with https:, or download the file yourself.",
    );
  parsed.hash = "";
  const name = decoded(parsed.pathname.split("/").at(-1) ?? "");
  if (name === undefined || name === "")
    throw invalid(`${withoutSecrets(parsed)} does not end in the name of a file.`, "Name the file itself.");
  const hash = createHash("sha256").update(parsed.href).digest("hex").slice(0, 16);
  const path = `url/${hash}/${name}`;
  checkCachePath(path);
  return { url: parsed.href, path };
}

/** A URL without name, password, query and fragment, any of which may hold a secret: for sentences and records. */
export function withoutSecrets(url: string | URL): string {
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname}`;
}

/** A part of a URL's path with its percent signs resolved; undefined where they cannot be. */
export function decoded(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}

function invalid(message: string, hint: string): HeadstartError {
  return new HeadstartError("INVALID_OPTION", message, hint);
}
