import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { HeadstartError } from "../../errors.js";
import type { Environment } from "../../files.js";
import { decoded, withoutSecrets } from "./remote-file.js";

/** Where a file is really fetched from: a URL, or a file on this machine. */
export type Source = { readonly url: URL } | { readonly file: string };

/**
 * Where to fetch a URL from. `HEADSTART_MIRROR` names a place that stands for all hosts: a URL (`http:` is allowed here), a `file:` URL or
 * a folder. In it, what was `https://HOST/PATH` is `HOST/PATH`. Queries are kept for a URL and left out for a folder.
 *
 * @throws HeadstartError `INVALID_OPTION` if the setting is neither; `NOT_FOUND` for a URL that cannot be a path in a folder
 */
export function sourceOf(url: string, env: Environment): Source {
  const original = new URL(url);
  const mirror = env.HEADSTART_MIRROR?.trim();
  if (!mirror) return { url: original };
  const folder = mirrorFolder(env);
  if (folder === undefined) {
    if (!URL.canParse(mirror)) throw noMirror(mirror);
    const base = new URL(mirror);
    base.pathname = `${base.pathname.replace(/\/+$/, "")}/${original.host}${original.pathname}`;
    base.search = original.search;
    return { url: base };
  }
  const names = [original.host.replace(":", "_"), ...original.pathname.split("/").slice(1)].map(decoded);
  const file = join(folder, ...names.map((name) => safeName(name, url)));
  return { file };
}

/** The folder that `HEADSTART_MIRROR` names; undefined where it names none. See {@link sourceOf} for what is thrown. */
export function mirrorFolder(env: Environment): string | undefined {
  const mirror = env.HEADSTART_MIRROR?.trim();
  if (!mirror || /^https?:\/\//i.test(mirror)) return undefined;
  if (/^file:/i.test(mirror)) {
    try {
      return fileURLToPath(mirror);
    } catch {
      throw noMirror(mirror);
    }
  }
  // A single letter and a colon is a drive of Windows.
  if (/^[a-z][a-z\d+.-]+:/i.test(mirror)) throw noMirror(mirror);
  return resolve(mirror);
}

function safeName(name: string | undefined, url: string): string {
  if (name === undefined || /^\.{0,2}$|[/\\\0:]/.test(name))
    throw new HeadstartError(
      "NOT_FOUND",
      `${withoutSecrets(url)} has no place in a mirror that is a folder.`,
    );
  return name;
}

function noMirror(mirror: string): HeadstartError {
  return new HeadstartError(
    "INVALID_OPTION",
    `HEADSTART_MIRROR is "${mirror}", which is no mirror.`,
    "Set it to a URL that begins with http: or https:, or to a folder.",
  );
}
