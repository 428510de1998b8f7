import { HeadstartError } from "../../errors.js";
import { type Environment, errorCode } from "../../files.js";
import { withoutSecrets } from "./remote-file.js";
import { Temporary } from "./temporary.js";

/** No name, no route, no answer: there was no connection. */
const UNREACHABLE = new Set([
  "ENOTFOUND",
  "EAI_AGAIN",
  "EAI_FAIL",
  "ECONNREFUSED",
  "EHOSTUNREACH",
  "EHOSTDOWN",
  "ENETUNREACH",
  "ENETDOWN",
  "ENONET",
  "EADDRNOTAVAIL",
  "ETIMEDOUT",
  "UND_ERR_CONNECT_TIMEOUT",
]);

/** A certificate or the encryption is at fault. */
const TLS = /CERT|^ERR_TLS|^ERR_SSL|^EPROTO$|UNABLE_TO_|SELF_SIGNED|HOSTNAME_MISMATCH|^UND_ERR_PRX_TLS$/;

/** A connection that was there, and broke or went silent. */
const CUT = /^(?:UND_ERR_(?:SOCKET|ABORTED|INFO|RES_)|HPE_|ECONNRESET$|ECONNABORTED$|EPIPE$)/;

/** The proxy that the environment names for a URL, without name and password; undefined where it names none. */
function proxyOf(url: URL, env: Environment): string | undefined {
  const http = env.http_proxy || env.HTTP_PROXY;
  const proxy = (url.protocol === "https:" && (env.https_proxy || env.HTTPS_PROXY)) || http;
  return proxy && URL.canParse(proxy) ? new URL(proxy).host : undefined;
}

function proxyHint(url: URL, env: Environment): string {
  const proxy = proxyOf(url, env);
  if (proxy === undefined) return "Check the connection. Behind a proxy, set HTTPS_PROXY.";
  return `Check the proxy ${proxy} (HTTPS_PROXY, HTTP_PROXY), or name ${url.hostname} in NO_PROXY.`;
}

/**
 * What is said when a connection cannot be made or breaks.
 *
 * @param error - what was thrown
 * @param url - what was being fetched
 * @returns a {@link Temporary} for what may pass, a HeadstartError `NETWORK` for what will not, anything else as it came
 */
export function connectionError(error: unknown, url: URL, env: Environment): unknown {
  if (error instanceof Temporary || error instanceof HeadstartError) return error;
  const code = codeOf(error);
  const network = (message: string, hint: string) =>
    new HeadstartError("NETWORK", message, hint, { cause: error });
  const refused = /Proxy response \((\d+)\)/.exec(error instanceof Error ? error.message : "");
  if (refused) {
    const proxy = proxyOf(url, env) ?? "the proxy";
    if (refused[1] === "407")
      return network(
        `The proxy ${proxy} asks for a name and a password.`,
        "Put them into HTTPS_PROXY: http://NAME:PASSWORD@HOST:PORT.",
      );
    return network(
      `The proxy ${proxy} does not let a connection to ${url.host} through (status ${refused[1]}).`,
      proxyHint(url, env),
    );
  }
  if (code === undefined) return error;
  if (TLS.test(code))
    return network(
      `No safe connection to ${url.host} can be made: its certificate cannot be trusted, or it has none (${code}).`,
      "Check the clock of this machine. If a proxy looks into connections, set NODE_EXTRA_CA_CERTS to the file of its certificate.",
    );
  if (UNREACHABLE.has(code))
    return new Temporary(
      network(`There is no network, or ${url.host} cannot be reached (${code}).`, proxyHint(url, env)),
      { connecting: true },
    );
  if (code === "UND_ERR_BODY_TIMEOUT" || code === "UND_ERR_HEADERS_TIMEOUT")
    return new Temporary(network(`${url.host} has stopped answering.`, TRY_LATER));
  if (CUT.test(code)) return new Temporary(network(`The connection to ${url.host} breaks off.`, TRY_LATER));
  return error;
}

const TRY_LATER = "Try again later; what has been fetched is kept, and the same command goes on from there.";

/** The code of an error or of what led to it. */
function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  return errorCode(error) ?? codeOf(error.cause);
}

/** What the sentence for a refusal depends on. */
export interface Refusal {
  readonly status: number;
  readonly url: URL;
  readonly header: (name: string) => string | undefined;
  /** Where the hub's own host answered: whether a token was sent to it. */
  readonly hub: { readonly token: boolean } | undefined;
}

/**
 * What is said when a server answers with a status that is no success.
 *
 * @param longestPause - the longest pause that a server may ask for, in milliseconds
 * @returns a {@link Temporary} for what may pass; a HeadstartError `NOT_FOUND` for 404 and 410, `NETWORK` for all else
 */
export function statusError(refusal: Refusal, longestPause: number): Temporary | HeadstartError {
  const { status, url, header, hub } = refusal;
  const place = withoutSecrets(url);
  if (hub && header("x-error-code") === "GatedRepo")
    return new HeadstartError(
      "NETWORK",
      `The hub gives ${place} only to those who have accepted its terms.`,
      `Accept them on the model's page${hub.token ? "" : ", and set HF_TOKEN to a token of yours"}.`,
    );
  if (hub && (status === 401 || status === 403))
    return new HeadstartError(
      "NETWORK",
      `The hub does not show ${place}: it is private, or does not exist (status ${status}).`,
      hub.token
        ? "Check the name, and that your token may read it."
        : "Check the name. If it is private, it needs a token: set HF_TOKEN.",
    );
  if (status === 401 || status === 403)
    return new HeadstartError(
      "NETWORK",
      `${url.host} does not give out ${place} (status ${status}).`,
      "Check the address, or download the file yourself.",
    );
  if (status === 407)
    return new HeadstartError(
      "NETWORK",
      "The proxy asks for a name and a password.",
      "Put them into HTTP_PROXY.",
    );
  if (status === 404 || status === 410)
    return new HeadstartError(
      "NOT_FOUND",
      `There is nothing at ${place} (status ${status}).`,
      header("x-error-code") === "RevisionNotFound"
        ? "The model has no such revision: check what stands behind the @."
        : "Check the name.",
    );
  const sentence = `${url.host} ${status >= 500 ? "has trouble" : "refuses"} (status ${status}) at ${place}.`;
  const error = new HeadstartError("NETWORK", sentence, "Try again later.");
  if (status !== 408 && status !== 425 && status !== 429 && status < 500) return error;
  const wait = retryAfter(header("retry-after"));
  if (wait === undefined || wait <= longestPause) return new Temporary(error, { wait });
  const minutes = Math.ceil(wait / 60_000);
  return new HeadstartError(
    "NETWORK",
    `${url.host} asks to wait ${minutes.toLocaleString("en-US")} ${minutes === 1 ? "minute" : "minutes"} (status ${status}).`,
    TRY_LATER,
  );
}

/** The pause that a `Retry-After` header asks for, as seconds or as a date, in milliseconds. */
export function retryAfter(value: string | undefined, now = Date.now()): number | undefined {
  if (value === undefined) return undefined;
  if (/^\d+$/.test(value.trim())) return Number(value) * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}
