import { expect, test } from "vitest";
import { connectionError, retryAfter } from "./sentences.js";
import { Temporary } from "./temporary.js";

const url = new URL("https://example.org/x?token=secret");
const failing = (code: string, cause?: unknown) =>
  connectionError(Object.assign(new Error("secret", { cause }), { code }), url, {});

test.each(["ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ENETUNREACH", "UND_ERR_CONNECT_TIMEOUT"])(
  "%s: there is no connection",
  (code) => {
    const message = `There is no network, or example.org cannot be reached (${code}).`;
    expect(failing(code)).toMatchObject({ connecting: true, error: { code: "NETWORK", message } });
  },
);

test.each([
  "ECONNRESET",
  "EPIPE",
  "UND_ERR_SOCKET",
  "UND_ERR_RES_CONTENT_LENGTH_MISMATCH",
  "HPE_INVALID_CHUNK_SIZE",
])("%s: it broke", (code) => {
  const error = { code: "NETWORK", message: "The connection to example.org breaks off." };
  expect(failing(code)).toMatchObject({ connecting: false, error });
});

test.each(["CERT_HAS_EXPIRED", "DEPTH_ZERO_SELF_SIGNED_CERT", "ERR_TLS_CERT_ALTNAME_INVALID", "EPROTO"])(
  "%s: it is not safe, and will not be",
  (code) => {
    expect(failing(code)).not.toBeInstanceOf(Temporary);
    expect(failing(code)).toMatchObject({
      code: "NETWORK",
      hint: expect.stringMatching(/NODE_EXTRA_CA_CERTS/),
    });
  },
);

test("what led to an error counts; what is no matter of the network stays as it is", () => {
  const cause = Object.assign(new Error(), { code: "ENOTFOUND" });
  expect(connectionError(new Error("failed", { cause }), url, {})).toMatchObject({ connecting: true });
  const mistake = new TypeError("x");
  expect(connectionError(mistake, url, {})).toBe(mistake);
});

test("a server may ask for a pause in seconds or until a date", () => {
  expect(retryAfter("3")).toBe(3000);
  expect(retryAfter("Thu, 01 Jan 1970 00:01:00 GMT", 58_000)).toBe(2000);
  expect(retryAfter("Thu, 01 Jan 1970 00:01:00 GMT", 70_000)).toBe(0);
  expect([retryAfter("soon"), retryAfter(undefined)]).toEqual([undefined, undefined]);
});
