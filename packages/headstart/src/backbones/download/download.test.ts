import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { QUICK } from "../../../test/support/quick.js";
import { type Handler, type Service, sendFile, serve } from "../../../test/support/server.js";
import { folderWith } from "../../../test/support/temporary.js";
import { downloadWith, isDownloaded } from "./download.js";
import type { DownloadOptions, DownloadProgress } from "./options.js";
import { readRecord } from "./record.js";
import type { Checksum, RemoteFile } from "./remote-file.js";

/** Bytes that repeat nowhere soon. */
const BYTES = Uint8Array.from({ length: 300_000 }, (_, i) => (i * 31 + (i >> 8) * 7) & 255);
const SHA256 = createHash("sha256").update(BYTES).digest("hex");
const MD5: Checksum = { algorithm: "md5", digest: createHash("md5").update(BYTES).digest("hex") };
const PATH = "keras/weights.h5";

function fetchIt(
  origin: string,
  folder: string,
  file: Partial<RemoteFile> = {},
  options: DownloadOptions = {},
  timing = QUICK,
): Promise<string> {
  const whole = { url: `${origin}/w/weights.h5`, path: PATH, ...file };
  return downloadWith(whole, { folder, environment: {}, ...options }, timing);
}

/** Expects the right bytes and nothing beside them but the record. */
function expectWhole(folder: string): void {
  expect(readFileSync(join(folder, PATH)).equals(BYTES)).toBe(true);
  expect(readdirSync(join(folder, "keras")).sort()).toEqual(["weights.h5", "weights.h5.download.json"]);
}

const promise = { size: BYTES.length, checksum: MD5 };

describe("a download", () => {
  test("is kept with a record, and is not repeated", async () => {
    const server = await serve((request, response) => sendFile(request, response, BYTES));
    const folder = folderWith({});
    const seen: DownloadProgress[] = [];
    const file = { url: `${server.origin}/w/weights.h5`, path: PATH, ...promise };
    expect(await isDownloaded(file, { folder })).toBe(false);
    const path = await fetchIt(server.origin, folder, promise, { onProgress: (one) => seen.push(one) });
    expect(path).toBe(join(folder, PATH));
    expect(await isDownloaded(file, { folder })).toBe(true);
    expect(await isDownloaded({ ...file, size: 1 }, { folder })).toBe(false);
    expectWhole(folder);
    expect(seen.at(-1)).toEqual({ file: PATH, done: BYTES.length, total: BYTES.length });
    const record = await readRecord(path);
    expect(record).toMatchObject({ size: BYTES.length, sha256: SHA256, checksum: MD5, etag: '"1"' });
    expect(await fetchIt(server.origin, folder, promise)).toBe(path);
    expect(await fetchIt(server.origin, folder)).toBe(path);
    expect(server.requests).toHaveLength(1);
  });

  test("that was put there by hand is used if its checksum is right", async () => {
    const folder = folderWith({ [PATH]: BYTES });
    const offline = { offline: true };
    expect(await fetchIt("https://example.org", folder, promise, offline)).toBe(join(folder, PATH));
    expect(await readRecord(join(folder, PATH))).toMatchObject({ sha256: SHA256 });
    const git = createHash("sha1").update(`blob ${BYTES.length}\0`).update(BYTES).digest("hex");
    const checksum: Checksum = { algorithm: "git-blob", digest: git };
    await fetchIt("https://example.org", folder, { size: BYTES.length, checksum }, offline);
    const other: Checksum = { algorithm: "sha256", digest: "0".repeat(64) };
    const asked = fetchIt("https://example.org", folder, { checksum: other }, offline);
    await expect(asked).rejects.toMatchObject({ code: "NETWORK" });
  });

  test("offline says how to fetch what is missing", async () => {
    const asked = (options: DownloadOptions) =>
      fetchIt("https://example.org", folderWith({}), {}, { name: "keras:resnet50", ...options });
    for (const options of [{ offline: true }, { environment: { HEADSTART_OFFLINE: "1" } }])
      await expect(asked(options)).rejects.toMatchObject({
        code: "NETWORK",
        message: "keras:resnet50 has not been downloaded yet, and Headstart is offline.",
        hint: "With a network, run: headstart backbones fetch keras:resnet50",
      });
  });

  test("of an empty file", async () => {
    const server = await serve((request, response) => sendFile(request, response, new Uint8Array()));
    const path = await fetchIt(server.origin, folderWith({}), { size: 0 });
    expect(readFileSync(path)).toHaveLength(0);
  });

  test("writes nowhere but into its folder", async () => {
    const folder = folderWith({});
    for (const path of [
      "../x.h5",
      "/etc/x.h5",
      "a/../../x.h5",
      "a\\..\\x.h5",
      "CON.h5",
      "a//b",
      "",
      "x.part",
    ])
      await expect(fetchIt("https://example.org", folder, { path })).rejects.toMatchObject({
        code: "INVALID_OPTION",
      });
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe("a connection that breaks", () => {
  test("is taken up where it broke", async () => {
    const server = await serve((request, response, number) =>
      sendFile(request, response, BYTES, { cutAfter: number < 2 ? 100_000 : undefined }),
    );
    const folder = folderWith({});
    await fetchIt(server.origin, folder, promise);
    expectWhole(folder);
    expect(server.requests.map(({ headers }) => headers.range)).toEqual([
      undefined,
      "bytes=100000-",
      "bytes=200000-",
    ]);
    expect(server.requests[1]?.headers["if-range"]).toBe('"1"');
  });

  test("wherever it breaks, ends in the right bytes", async () => {
    const service = fc.record({
      cutAfter: fc.integer({ min: 0, max: 400 }),
      ranges: fc.boolean(),
      chunked: fc.boolean(),
      etag: fc.constantFrom('"1"', '"1"', '"2"', 'W/"3"', ""),
    });
    const bytes = BYTES.subarray(0, 1000);
    const digest = createHash("sha256").update(bytes).digest("hex");
    const plan: { services: readonly Service[] } = { services: [] };
    let first = 0;
    const server = await serve((request, response, number) => {
      const faults = plan.services[number - first];
      sendFile(request, response, bytes, faults ?? { etag: plan.services.at(-1)?.etag ?? '"1"' });
    });
    const property = fc.asyncProperty(
      fc.array(service, { maxLength: 6 }),
      fc.boolean(),
      async (services, promised) => {
        plan.services = services;
        first = server.requests.length;
        const folder = folderWith({});
        const checksum: Checksum = { algorithm: "sha256", digest };
        const patient = { ...QUICK, retries: 8, pause: 0 };
        const file = { url: `${server.origin}/x`, path: "x", ...(promised && { size: 1000, checksum }) };
        const path = await downloadWith(file, { folder, environment: {} }, patient);
        expect(readFileSync(path).equals(bytes)).toBe(true);
      },
    );
    await fc.assert(property, { numRuns: 40, seed: 4 });
  });

  test("for good ends in a sentence, and the next call goes on", async () => {
    let broken = true;
    const server = await serve((request, response, number) =>
      sendFile(request, response, BYTES, broken ? { cutAfter: number === 0 ? 100_000 : 0 } : {}),
    );
    const folder = folderWith({});
    await expect(fetchIt(server.origin, folder, promise)).rejects.toMatchObject({
      code: "NETWORK",
      message: expect.stringMatching(/^The connection to 127\.0\.0\.1:\d+ breaks off\.$/),
      hint: expect.stringContaining("kept"),
    });
    expect(server.requests).toHaveLength(1 + QUICK.retries);
    expect(existsSync(join(folder, PATH))).toBe(false);
    broken = false;
    await fetchIt(server.origin, folder, promise);
    expect(server.requests.at(-1)?.headers.range).toBe("bytes=100000-");
    expectWhole(folder);
  });

  test("that goes silent counts as broken", async () => {
    const server = await serve((request, response, number) =>
      sendFile(request, response, BYTES, number === 0 ? { stallAfter: 50_000 } : {}),
    );
    const folder = folderWith({});
    await fetchIt(server.origin, folder, promise);
    expectWhole(folder);
    const silent = await serve(() => undefined);
    const once = { ...QUICK, retries: 0 };
    await expect(fetchIt(silent.origin, folderWith({}), {}, {}, once)).rejects.toMatchObject({
      code: "NETWORK",
      message: expect.stringMatching(/has stopped answering/),
    });
  });

  test("when the user stops, keeps what is there", async () => {
    const server = await serve((request, response, number) =>
      sendFile(request, response, BYTES, number === 0 ? { stallAfter: 150_000 } : {}),
    );
    const folder = folderWith({});
    const controller = new AbortController();
    const onProgress = ({ done }: DownloadProgress) => done >= 150_000 && controller.abort();
    const stopped = fetchIt(server.origin, folder, promise, { signal: controller.signal, onProgress });
    await expect(stopped).rejects.toMatchObject({ code: "INTERRUPTED" });
    expect(readdirSync(join(folder, "keras")).sort()).toEqual(["weights.h5.part", "weights.h5.part.json"]);
    await fetchIt(server.origin, folder, promise);
    expect(server.requests[1]?.headers.range).toBe("bytes=150000-");
    expectWhole(folder);
  });
});

describe("a server", () => {
  const half = { cutAfter: 150_000 };
  const other = BYTES.map((byte) => byte ^ 255);

  test("that ignores ranges sends everything again", async () => {
    const server = await serve((request, response, number) =>
      sendFile(request, response, BYTES, { ranges: false, ...(number === 0 && half) }),
    );
    const folder = folderWith({});
    await fetchIt(server.origin, folder);
    expectWhole(folder);
  });

  test("whose file changes meanwhile sends the new one from its beginning", async () => {
    const server = await serve((request, response, number) =>
      number === 0
        ? sendFile(request, response, other, half)
        : sendFile(request, response, BYTES, { etag: '"2"' }),
    );
    const folder = folderWith({});
    await fetchIt(server.origin, folder);
    expectWhole(folder);
    expect(await readRecord(join(folder, PATH))).toMatchObject({ etag: '"2"' });
  });

  test("that changes the file and ignores If-Range is asked anew", async () => {
    const server = await serve((request, response, number) => {
      if (number === 0) return sendFile(request, response, other, half);
      delete request.headers["if-range"];
      sendFile(request, response, BYTES, { etag: '"2"' });
    });
    const folder = folderWith({});
    await fetchIt(server.origin, folder);
    expect(server.requests.map(({ headers }) => headers.range)).toEqual([
      undefined,
      "bytes=150000-",
      undefined,
    ]);
    expectWhole(folder);
  });

  test("that sends pieces of different files without saying so is asked once more for all", async () => {
    const server = await serve((request, response, number) =>
      sendFile(request, response, number === 0 ? other : BYTES, number === 0 ? half : {}),
    );
    const folder = folderWith({});
    await fetchIt(server.origin, folder, promise);
    expect(server.requests).toHaveLength(3);
    expectWhole(folder);
  });

  test("that has nothing more to send, because all is there, is believed", async () => {
    const files = { [`${PATH}.part`]: BYTES, [`${PATH}.part.json`]: '{"url":"URL","etag":"\\"1\\""}' };
    const server = await serve((request, response) => sendFile(request, response, BYTES));
    const url = `${server.origin}/w/weights.h5`;
    const folder = folderWith({ ...files, [`${PATH}.part.json`]: `{"url":"${url}","etag":"\\"1\\""}` });
    await fetchIt(server.origin, folder);
    expect(server.requests).toHaveLength(1);
    expectWhole(folder);
  });

  test("with a shorter file than what is there starts again", async () => {
    const server = await serve((request, response) => sendFile(request, response, BYTES));
    const url = `${server.origin}/w/weights.h5`;
    const part = { [`${PATH}.part`]: new Uint8Array(BYTES.length + 9) };
    const folder = folderWith({ ...part, [`${PATH}.part.json`]: `{"url":"${url}","etag":"\\"1\\""}` });
    await fetchIt(server.origin, folder);
    expectWhole(folder);
  });

  test.each(["{", '{"url":"https://example.org/other","etag":"\\"1\\""}'])(
    "is asked for all where the part is of unknown origin: %s",
    async (record) => {
      const server = await serve((request, response) => sendFile(request, response, BYTES));
      const folder = folderWith({ [`${PATH}.part`]: new Uint8Array(9), [`${PATH}.part.json`]: record });
      await fetchIt(server.origin, folder);
      expect(server.requests[0]?.headers.range).toBeUndefined();
      expectWhole(folder);
    },
  );

  test("that promises more than it has is found out", async () => {
    const server = await serve((request, response) =>
      sendFile(request, response, BYTES, { length: BYTES.length + 1000 }),
    );
    await expect(fetchIt(server.origin, folderWith({}))).rejects.toMatchObject({ code: "NETWORK" });
    await expect(fetchIt(server.origin, folderWith({}), promise)).rejects.toMatchObject({
      code: "CHECKSUM",
      message: expect.stringMatching(
        /offers a file of 301,000 bytes where one of 300,000 bytes was promised/,
      ),
    });
  });

  test("that promises less than it has is found out", async () => {
    const server = await serve((request, response) => sendFile(request, response, BYTES, { length: 1000 }));
    await expect(fetchIt(server.origin, folderWith({}), promise)).rejects.toMatchObject({ code: "CHECKSUM" });
  });

  test("that sends more than was promised is stopped", async () => {
    let sent = 0;
    const server = await serve((_, response) => {
      const more = () => {
        for (let i = 0; i < 16 && !response.destroyed; i++) {
          sent += 65_536;
          if (!response.write(new Uint8Array(65_536))) return response.once("drain", more);
        }
        setImmediate(more);
      };
      more();
    });
    const folder = folderWith({});
    const asked = fetchIt(server.origin, folder, { size: 1000 });
    await expect(asked).rejects.toMatchObject({
      code: "CHECKSUM",
      message: expect.stringMatching(/sends more than the 1,000 bytes/),
    });
    expect(sent).toBeLessThan(20e6);
    expect(readdirSync(join(folder, "keras"))).toEqual([]);
  });

  test("that stops early without a length is found out by the promised size", async () => {
    const server = await serve((request, response) =>
      sendFile(request, response, BYTES.subarray(0, 1000), { chunked: true, ranges: false }),
    );
    await expect(fetchIt(server.origin, folderWith({}), promise)).rejects.toMatchObject({
      code: "NETWORK",
      message: expect.stringMatching(/stops after 1,000 bytes of 300,000 bytes/),
    });
  });

  test("with wrong bytes: the file is kept aside and never used", async () => {
    let right = false;
    const server = await serve((request, response) => sendFile(request, response, right ? BYTES : other));
    const folder = folderWith({});
    const actual = createHash("md5").update(other).digest("hex");
    await expect(fetchIt(server.origin, folder, promise)).rejects.toMatchObject({
      code: "CHECKSUM",
      message: `${server.origin}/w/weights.h5 is not the file that was promised: its MD5 is ${actual} and should be ${MD5.digest}.`,
    });
    expect(readdirSync(join(folder, "keras"))).toEqual(["weights.h5.wrong-checksum"]);
    right = true;
    await fetchIt(server.origin, folder, promise);
    expectWhole(folder);
  });

  test("that packs what it sends is refused", async () => {
    const server = await serve((_, response) =>
      response.writeHead(200, { "content-encoding": "gzip" }).end("x"),
    );
    await expect(fetchIt(server.origin, folderWith({}))).rejects.toThrow(/packed \(gzip\)/);
  });

  test("in trouble is asked again; one that asks for patience gets it", async () => {
    const answers: readonly (readonly [number, Record<string, string>])[] = [
      [500, {}],
      [429, { "retry-after": "0" }],
      [503, { "retry-after": new Date(Date.now() - 5000).toUTCString() }],
    ];
    const handler: Handler = (request, response, number) => {
      const [status, headers] = answers[number] ?? [];
      if (status === undefined) return sendFile(request, response, BYTES);
      response.writeHead(status, headers).end("trouble");
    };
    const server = await serve(handler);
    const folder = folderWith({});
    await fetchIt(server.origin, folder, promise);
    expectWhole(folder);
  });

  test.each([
    [500, {}, "NETWORK", /has trouble \(status 500\)/, 1 + QUICK.retries],
    [429, { "retry-after": "3600" }, "NETWORK", /asks to wait 60 minutes/, 1],
    [400, {}, "NETWORK", /refuses \(status 400\)/, 1],
    [401, {}, "NETWORK", /does not give out .*\/w\/weights\.h5 \(status 401\)/, 1],
    [403, {}, "NETWORK", /does not give out/, 1],
    [404, {}, "NOT_FOUND", /There is nothing at .*\/w\/weights\.h5 \(status 404\)/, 1],
  ])("that answers %i is told about in a sentence", async (status, headers, code, message, requests) => {
    const server = await serve((_, response) => response.writeHead(status, headers).end("no"));
    const asked = fetchIt(server.origin, folderWith({}));
    await expect(asked).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
    expect(server.requests).toHaveLength(requests);
  });

  test("that is not there is told about at once", async () => {
    await expect(fetchIt("http://127.0.0.1:9", folderWith({}))).rejects.toMatchObject({
      code: "NETWORK",
      message: "There is no network, or 127.0.0.1:9 cannot be reached (ECONNREFUSED).",
    });
    const unsafe = await serve((request, response) => sendFile(request, response, BYTES));
    const origin = unsafe.origin.replace("http:", "https:");
    await expect(fetchIt(origin, folderWith({}))).rejects.toThrow(/No safe connection/);
  });
});

describe("a disk", () => {
  test("that fills up: a sentence, and what is there is kept", async () => {
    const server = await serve((request, response) => sendFile(request, response, BYTES));
    const folder = folderWith({ x: "x" });
    const probe = await open(join(folder, "x"));
    const prototype: { writeFile: (typeof probe)["writeFile"] } = Object.getPrototypeOf(probe);
    await probe.close();
    const write = prototype.writeFile;
    let pieces = 0;
    onTestFinished(() => void vi.restoreAllMocks());
    const spy = vi.spyOn(prototype, "writeFile").mockImplementation(async function (
      this: unknown,
      data,
      how,
    ) {
      if (data instanceof Uint8Array && ++pieces === 3) {
        await write.call(this as typeof probe, data.subarray(0, 10), how);
        throw Object.assign(new Error("no space left"), { code: "ENOSPC" });
      }
      return await write.call(this as typeof probe, data, how);
    });
    await expect(fetchIt(server.origin, folder, promise)).rejects.toMatchObject({
      code: "STORAGE",
      message: `The disk is full: ${join(folder, PATH)}.`,
    });
    spy.mockRestore();
    expect(existsSync(join(folder, `${PATH}.lock`))).toBe(false);
    await fetchIt(server.origin, folder, promise);
    expect(server.requests[1]?.headers.range).toMatch(/^bytes=[1-9]/);
    expectWhole(folder);
  });

  test("that is too small is noticed before anything is fetched", async () => {
    const server = await serve((_, response) => response.writeHead(200, { "content-length": 1e15 }).end());
    const asked = fetchIt(server.origin, folderWith({}), { size: 1e15 });
    await expect(asked).rejects.toMatchObject({
      code: "STORAGE",
      message: expect.stringMatching(/has room for/),
    });
    await expect(fetchIt(server.origin, folderWith({}))).rejects.toMatchObject({ code: "UNSUPPORTED" });
  });

  test("where the folder is a file", async () => {
    const asked = fetchIt("http://127.0.0.1:9", folderWith({ keras: "x" }));
    await expect(asked).rejects.toMatchObject({
      code: "STORAGE",
      message: expect.stringMatching(/a file is in its place/),
    });
  });
});

test("a mirror that is a folder needs no network", async () => {
  const mirror = folderWith({ "example.org/w/weights.h5": BYTES });
  const folder = folderWith({});
  const environment = { HEADSTART_MIRROR: mirror, HEADSTART_OFFLINE: "1" };
  await fetchIt("https://example.org", folder, promise, { environment });
  expectWhole(folder);
  await expect(fetchIt("https://example.com", folderWith({}), {}, { environment })).rejects.toMatchObject({
    code: "NOT_FOUND",
    message: expect.stringMatching(/The mirror has no file/),
  });
});

test("two calls at once fetch once", async () => {
  const server = await serve((request, response) => {
    setTimeout(() => sendFile(request, response, BYTES), 60);
  });
  const folder = folderWith({});
  const paths = await Promise.all([1, 2, 3].map(() => fetchIt(server.origin, folder, promise)));
  expect(new Set(paths).size).toBe(1);
  expect(server.requests).toHaveLength(1);
  expectWhole(folder);
});
