import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";

/** Answers a request; `number` counts the requests from 0. */
export type Handler = (request: IncomingMessage, response: ServerResponse, number: number) => void;

/** A web server on this machine that lives as long as a test. */
export interface TestServer {
  /** `http://127.0.0.1:PORT`. */
  readonly origin: string;
  /** All requests so far. */
  readonly requests: IncomingMessage[];
}

/** Starts a server for the test that asks for it. */
export async function serve(handler: Handler): Promise<TestServer> {
  const requests: IncomingMessage[] = [];
  const server = createServer((request, response) => handler(request, response, requests.push(request) - 1));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests };
}

/** How a file is served. */
export interface Service {
  readonly etag?: string;
  /** Whether ranges are honoured (default), or the whole file is sent each time. */
  readonly ranges?: boolean;
  /** Break the connection after so many bytes of the answer. */
  readonly cutAfter?: number | undefined;
  /** Fall silent after so many bytes of the answer. */
  readonly stallAfter?: number;
  /** Do not say how long the answer is. */
  readonly chunked?: boolean;
  /** Say that the answer is so long. */
  readonly length?: number;
}

/** Serves bytes as a web server does, with ranges; or with the faults that are asked for. */
export function sendFile(
  request: IncomingMessage,
  response: ServerResponse,
  bytes: Uint8Array,
  { etag = '"1"', ranges = true, cutAfter, stallAfter, chunked = false, length }: Service = {},
): void {
  const from = ranges ? Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0) : 0;
  const current = request.headers["if-range"] ?? etag;
  const start = current === etag ? from : 0;
  if (start > 0 && start >= bytes.length) {
    response.writeHead(416, { "content-range": `bytes */${bytes.length}` }).end();
    return;
  }
  const body = bytes.subarray(start);
  const headers: Record<string, string> = etag === "" ? {} : { etag };
  if (!chunked) headers["content-length"] = String(length ?? body.length);
  if (start > 0) headers["content-range"] = `bytes ${start}-${bytes.length - 1}/${bytes.length}`;
  response.writeHead(start > 0 ? 206 : 200, headers);
  const end = cutAfter ?? stallAfter;
  if (end === undefined || end >= body.length) {
    if (length !== undefined && length > body.length) response.write(body, () => response.destroy());
    else response.end(body);
  } else if (end > 0) response.write(body.subarray(0, end), () => cutAfter !== undefined && cut(response));
  else {
    response.flushHeaders();
    if (cutAfter !== undefined) cut(response);
  }
}

/** Ends a connection so that what was written still arrives. */
function cut(response: ServerResponse): void {
  setImmediate(() => response.socket?.end());
}
