import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import type { Dispatcher } from "undici";
import { HeadstartError } from "../../errors.js";
import { type Environment, errorCode, storageError } from "../../files.js";
import { VERSION } from "../../version.js";
import { incoming } from "./incoming.js";
import { checkSignal } from "./interrupted.js";
import { type Source, sourceOf } from "./mirror.js";
import { withoutSecrets } from "./remote-file.js";
import { connectionError, statusError } from "./sentences.js";
import type { Timing } from "./timing.js";
import { hubToken } from "./token.js";

/** What a server answers. The body must be read, or let go of with `discard`. */
export interface Reply {
  readonly status: number;
  /** A header by its name in lower case. */
  readonly header: (name: string) => string | undefined;
  readonly body: AsyncIterable<Uint8Array>;
  readonly discard: () => void;
  /** Who answered, for sentences: a host, or a file. */
  readonly host: string;
}

/** Gets URLs, through the proxy and from the mirror that the environment names. */
export interface Client {
  /**
   * Asks for a URL. Redirects are followed, at most 10, and never from `https:` to `http:`. The user's token for the hub goes to the
   * hub's own host and nowhere else.
   *
   * @param headers - sent along with each request
   * @returns a reply with status 200, 206 or 416
   * @throws Temporary, or HeadstartError, for anything else; `INTERRUPTED` when the signal asks for it
   */
  get(
    url: string,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal | undefined,
  ): Promise<Reply>;
}

const REDIRECTS = new Set([301, 302, 303, 307, 308]);
const MOST_REDIRECTS = 10;

/** The Hugging Face hub's address without a slash at the end: `HF_ENDPOINT`, by default `https://huggingface.co`. */
export function hubEndpoint(env: Environment): string {
  const endpoint = env.HF_ENDPOINT?.trim().replace(/\/+$/, "") || "https://huggingface.co";
  if (/^https?:\/\//i.test(endpoint) && URL.canParse(endpoint)) return endpoint;
  throw new HeadstartError(
    "INVALID_OPTION",
    `HF_ENDPOINT is "${endpoint}", which is no address of a hub.`,
    "It must look like https://huggingface.co.",
  );
}

/**
 * Hands a {@link Client} to `use`, and closes its connections whatever happens.
 *
 * @throws HeadstartError `INVALID_OPTION` if the environment names a proxy that is none
 */
export async function withClient<T>(
  env: Environment,
  timing: Timing,
  use: (client: Client) => Promise<T>,
): Promise<T> {
  // Loaded when it is needed: it is the largest module of all.
  const undici = await import("undici");
  const dispatcher = dispatcherOf(undici, env, timing);
  try {
    return await use({
      get: (url, headers, signal) =>
        get({ env, timing, dispatcher, request: undici.request }, url, headers, signal),
    });
  } finally {
    await dispatcher.destroy();
  }
}

function dispatcherOf(
  { EnvHttpProxyAgent }: Pick<Undici, "EnvHttpProxyAgent">,
  env: Environment,
  { stall }: Timing,
): Dispatcher {
  try {
    return new EnvHttpProxyAgent({
      httpProxy: env.http_proxy || env.HTTP_PROXY || "",
      httpsProxy: env.https_proxy || env.HTTPS_PROXY || "",
      noProxy: env.no_proxy || env.NO_PROXY || "",
      bodyTimeout: stall,
      headersTimeout: stall,
      connect: { timeout: stall },
    });
  } catch (error) {
    throw new HeadstartError(
      "INVALID_OPTION",
      "HTTPS_PROXY or HTTP_PROXY does not hold the address of a proxy.",
      "It must look like http://proxy.example.org:8080.",
      { cause: error },
    );
  }
}

type Undici = typeof import("undici");

interface Way {
  readonly env: Environment;
  readonly timing: Timing;
  readonly dispatcher: Dispatcher;
  readonly request: Undici["request"];
}

async function get(
  way: Way,
  url: string,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal | undefined,
): Promise<Reply> {
  checkSignal(signal);
  const source: Source = sourceOf(url, way.env);
  if ("file" in source) return await readMirror(source.file, signal);
  const hub = new URL(hubEndpoint(way.env)).origin;
  let target = source.url;
  let token = target.origin === hub ? await hubToken(way.env) : undefined;
  for (let hops = 0; ; hops++) {
    if (target.origin !== hub) token = undefined;
    const reply = await ask(way, target, { ...headers, ...authorization(token) }, signal);
    if (REDIRECTS.has(reply.status)) {
      reply.discard();
      target = redirected(target, reply.header("location"), hops);
      continue;
    }
    if (reply.status === 200 || reply.status === 206 || reply.status === 416) return reply;
    reply.discard();
    const refusal = { status: reply.status, url: target, header: reply.header };
    const asked = target.origin === hub ? { token: token !== undefined } : undefined;
    throw statusError({ ...refusal, hub: asked }, way.timing.longestPause);
  }
}

function authorization(token: string | undefined): Record<string, string> {
  return token === undefined ? {} : { authorization: `Bearer ${token}` };
}

/**
 * Where a redirect leads.
 *
 * @param hops - redirects that have been followed already
 * @throws HeadstartError `NETWORK` if that is nowhere, too far, or not protected where the way was so far
 */
export function redirected(from: URL, location: string | undefined, hops: number): URL {
  const fail = (what: string) =>
    new HeadstartError("NETWORK", `${withoutSecrets(from)} ${what}.`, "Check the address.");
  if (hops >= MOST_REDIRECTS) throw fail(`leads on more than ${MOST_REDIRECTS} times`);
  if (location === undefined || !URL.canParse(location, from.href)) throw fail("leads on to nowhere");
  const to = new URL(location, from.href);
  if (to.protocol !== "https:" && to.protocol !== "http:") throw fail("leads on to what is no web address");
  if (from.protocol === "https:" && to.protocol === "http:")
    throw fail(`leads on to ${to.host} without protection (http:), which is not followed`);
  return to;
}

async function ask(
  { env, dispatcher, request }: Way,
  url: URL,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal | undefined,
): Promise<Reply> {
  const fail = (error: unknown) => {
    checkSignal(signal);
    return connectionError(error, url, env);
  };
  const common = { "user-agent": `headstart/${VERSION}`, "accept-encoding": "identity" };
  const answer = await request(url, {
    dispatcher,
    headers: { ...common, ...headers },
    ...(signal && { signal }),
  }).catch((error: unknown) => {
    throw fail(error);
  });
  const { pieces, discard } = incoming(answer.body);
  return {
    status: answer.statusCode,
    header: (name) => {
      const value = answer.headers[name];
      return typeof value === "string" ? value : value?.[0];
    },
    body: translated(pieces, fail),
    discard,
    host: url.host,
  };
}

/** The same bytes; what goes wrong on the way is put into words. */
async function* translated(
  body: AsyncIterable<Uint8Array>,
  fail: (error: unknown) => unknown,
): AsyncGenerator<Uint8Array> {
  try {
    yield* body;
  } catch (error) {
    throw fail(error);
  }
}

/** A file of a mirror that is a folder, as a server would answer. */
async function readMirror(file: string, signal: AbortSignal | undefined): Promise<Reply> {
  const info = await stat(file).catch((error: unknown) => {
    if (errorCode(error) === "ENOENT" || errorCode(error) === "ENOTDIR") return undefined;
    throw storageError(error, file);
  });
  if (!info?.isFile())
    throw new HeadstartError(
      "NOT_FOUND",
      `The mirror has no file ${file}.`,
      "Put it there, or change HEADSTART_MIRROR.",
    );
  const fail = (error: unknown) => {
    checkSignal(signal);
    return storageError(error, file);
  };
  const { pieces, discard } = incoming(createReadStream(file, signal ? { signal } : {}));
  return {
    status: 200,
    header: (name) => (name === "content-length" ? String(info.size) : undefined),
    body: translated(pieces, fail),
    discard,
    host: file,
  };
}
