import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { connect, type Socket } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { QUICK } from "../../../test/support/quick.js";
import { serve, type TestServer } from "../../../test/support/server.js";
import { folderWith } from "../../../test/support/temporary.js";
import { hubEndpoint, redirected, withClient } from "./client.js";
import { Temporary } from "./temporary.js";

async function read(url: string, env: Record<string, string>): Promise<string> {
  return await withClient(env, QUICK, async (client) => {
    const reply = await client.get(url, {}, undefined);
    let text = "";
    for await (const piece of reply.body) text += new TextDecoder().decode(piece);
    return text;
  });
}

/** A server that says where to go on, or `here`. */
async function leading(to: (path: string) => string | undefined): Promise<TestServer> {
  return await serve((request, response) => {
    const location = to(request.url ?? "");
    if (location === undefined) response.end("here");
    else response.writeHead(302, { location }).end();
  });
}

test("redirects are followed, relative ones too", async () => {
  const server = await leading((path) => (path === "/end" ? undefined : "end"));
  expect(await read(`${server.origin}/start`, {})).toBe("here");
  expect(server.requests[1]?.headers["user-agent"]).toMatch(/^headstart\/\d/);
});

test("redirects that go round in circles end", async () => {
  const server = await leading((path) => (path === "/a" ? "/b" : "/a"));
  await expect(read(`${server.origin}/a`, {})).rejects.toThrow(/leads on more than 10 times/);
  expect(server.requests).toHaveLength(11);
  const nowhere = await serve((_, response) => response.writeHead(302).end());
  await expect(read(nowhere.origin, {})).rejects.toThrow(/leads on to nowhere/);
});

test("no redirect leads out of protection", () => {
  const from = new URL("https://example.org/a?token=secret");
  expect(() => redirected(from, "http://example.org/b", 0)).toThrow(
    "https://example.org/a leads on to example.org without protection (http:), which is not followed.",
  );
  expect(() => redirected(from, "file:///etc/passwd", 0)).toThrow(/no web address/);
  expect(redirected(from, "//cdn.example.org/b", 9).href).toBe("https://cdn.example.org/b");
});

test("the token goes to the hub, and not on to another host", async () => {
  const store = await leading(() => undefined);
  const hub = await leading((path) =>
    path === "/inside" ? "/last" : path === "/last" ? undefined : store.origin,
  );
  const env = { HF_ENDPOINT: hub.origin, HF_TOKEN: "hf_secret" };
  await read(`${hub.origin}/file`, env);
  await read(`${hub.origin}/inside`, env);
  await read(`${store.origin}/other`, env);
  expect(hub.requests.map(({ headers }) => headers.authorization)).toEqual(Array(3).fill("Bearer hf_secret"));
  expect(store.requests.map(({ headers }) => headers.authorization)).toEqual([undefined, undefined]);
});

test("the token is not given to a mirror, nor back to the hub by another host", async () => {
  const hub = await leading(() => undefined);
  const env = { HF_ENDPOINT: hub.origin, HF_TOKEN: "hf_secret" };
  const other = await leading(() => `${hub.origin}/x`);
  await read(`${other.origin}/file`, env);
  expect(hub.requests[0]?.headers.authorization).toBeUndefined();
  const mirror = await leading(() => undefined);
  await read(`${hub.origin}/o/n`, { ...env, HEADSTART_MIRROR: `${mirror.origin}/w` });
  expect(mirror.requests[0]?.headers.authorization).toBeUndefined();
  expect(mirror.requests[0]?.url).toBe(`/w/${new URL(hub.origin).host}/o/n`);
});

test.each([
  [401, {}, {}, /private, or does not exist/, /set HF_TOKEN/],
  [403, {}, { HF_TOKEN: "hf_x" }, /private, or does not exist/, /your token may read it/],
  [403, { "x-error-code": "GatedRepo" }, {}, /accepted its terms/, /set HF_TOKEN/],
  [403, { "x-error-code": "GatedRepo" }, { HF_TOKEN: "hf_x" }, /accepted its terms/, /model's page\.$/],
  [404, { "x-error-code": "RevisionNotFound" }, {}, /There is nothing at/, /no such revision/],
])("the hub's %i is explained %j", async (status, headers, env, message, hint) => {
  const hub = await serve((_, response) => response.writeHead(status, headers).end());
  const HF_HOME = folderWith({});
  const asked = read(`${hub.origin}/o/n`, { HF_ENDPOINT: hub.origin, HF_HOME, ...env });
  await expect(asked).rejects.toMatchObject({
    message: expect.stringMatching(message),
    hint: expect.stringMatching(hint),
  });
});

test("the hub's address can be set", () => {
  expect(hubEndpoint({})).toBe("https://huggingface.co");
  expect(hubEndpoint({ HF_ENDPOINT: "https://hub.example.org/" })).toBe("https://hub.example.org");
  expect(() => hubEndpoint({ HF_ENDPOINT: "hub" })).toThrow(/no address of a hub/);
});

/** A proxy that tunnels, and the hosts that it was asked for; one that refuses with a status. */
async function proxy(status?: number) {
  const hosts: string[] = [];
  const sockets: Socket[] = [];
  const server = createServer();
  server.on("connect", (request, socket, head) => {
    hosts.push(request.url ?? "");
    if (status !== undefined) return socket.end(`HTTP/1.1 ${status} No\r\n\r\n`);
    const [host = "", port = ""] = (request.url ?? "").split(":");
    const far = connect(Number(port), host, () => {
      socket.write("HTTP/1.1 200 OK\r\n\r\n");
      far.write(head);
      far.pipe(socket).pipe(far);
    });
    sockets.push(far);
    far.on("error", () => socket.destroy());
    socket.on("error", () => far.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.closeAllConnections();
    server.close();
  });
  return { hosts, address: `http://me:secret@127.0.0.1:${(server.address() as AddressInfo).port}` };
}

test("a proxy is used, unless the host is excepted", async () => {
  const server = await leading(() => undefined);
  const { hosts, address } = await proxy();
  expect(await read(server.origin, { HTTP_PROXY: address })).toBe("here");
  expect(hosts).toEqual([new URL(server.origin).host]);
  expect(await read(server.origin, { HTTP_PROXY: address, NO_PROXY: "127.0.0.1" })).toBe("here");
  expect(hosts).toHaveLength(1);
});

test.each([
  [407, /asks for a name and a password/],
  [403, /does not let a connection to 127\.0\.0\.1:9 through \(status 403\)/],
])("a proxy that refuses with %i is named, without its password", async (status, message) => {
  const { address } = await proxy(status);
  const asked = read("http://127.0.0.1:9/x", { http_proxy: address });
  await expect(asked).rejects.toMatchObject({ code: "NETWORK", message: expect.stringMatching(message) });
  await expect(asked).rejects.not.toMatchObject({ message: expect.stringContaining("secret") });
});

test("a proxy that is not there, or no proxy, is named", async () => {
  const absent = read("http://example.invalid/x", { HTTP_PROXY: "http://127.0.0.1:9" });
  await expect(absent).rejects.toBeInstanceOf(Temporary);
  await expect(absent).rejects.toMatchObject({
    connecting: true,
    error: {
      hint: "Check the proxy 127.0.0.1:9 (HTTPS_PROXY, HTTP_PROXY), or name example.invalid in NO_PROXY.",
    },
  });
  await expect(read("http://example.invalid/x", { HTTP_PROXY: "::" })).rejects.toThrow(/address of a proxy/);
});

test("a host without a name is told about", async () => {
  await expect(read("http://example.invalid/x", {})).rejects.toMatchObject({
    connecting: true,
    message: expect.stringMatching(/^There is no network, or example\.invalid cannot be reached/),
  });
});
