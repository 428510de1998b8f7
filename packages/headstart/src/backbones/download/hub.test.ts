import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { QUICK } from "../../../test/support/quick.js";
import { serve, type TestServer } from "../../../test/support/server.js";
import { folderWith } from "../../../test/support/temporary.js";
import { downloadHubWith, resolveHubWith } from "./hub.js";

const COMMIT = "a".repeat(40);
const LATER = "b".repeat(40);

const FILES: Readonly<Record<string, string>> = {
  "onnx/model.onnx": "the network",
  "onnx/model.onnx_data": "its weights",
  "preprocessor_config.json": "{}",
  "config.json": '{ "id2label": {} }',
  "README.md": "read me",
};

/** The listing of a commit, as the hub's API gives it. */
function listing(files: Readonly<Record<string, string>>): Record<string, unknown>[] {
  const entries = Object.entries(files).map(([path, content]) => {
    const blob = createHash("sha1").update(`blob ${content.length}\0${content}`).digest("hex");
    const entry = { type: "file", oid: blob, size: content.length, path };
    if (!path.startsWith("onnx/")) return entry;
    const oid = createHash("sha256").update(content).digest("hex");
    return { ...entry, oid: "0".repeat(40), lfs: { oid, size: content.length, pointerSize: 134 } };
  });
  return [{ type: "directory", oid: "1".repeat(40), size: 0, path: "onnx" }, ...entries];
}

interface Hub extends TestServer {
  commit: string;
  files: Readonly<Record<string, string>>;
  readonly paths: () => (string | undefined)[];
}

/** A server that answers as the hub does, in pages of two. */
async function hub(): Promise<Hub> {
  const state = { commit: COMMIT, files: FILES };
  const server = await serve((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? "", "http://x");
    const json = (value: unknown) => response.end(JSON.stringify(value));
    if (pathname === "/api/models/o/n/revision/main") return json({ sha: state.commit, siblings: [] });
    if (pathname === "/api/models/o/n/revision/refs%2Fpr%2F1") return json({ sha: LATER });
    if (/^\/api\/models\/o\/n\/tree\/[ab]{40}$/.test(pathname)) {
      const start = Number(searchParams.get("cursor") ?? 0);
      const all = listing(state.files);
      const next = `<http://${request.headers.host}${pathname}?recursive=true&cursor=${start + 2}>; rel="next"`;
      if (start + 2 < all.length) response.setHeader("link", next);
      return json(all.slice(start, start + 2));
    }
    const content = state.files[/^\/o\/n\/resolve\/[ab]{40}\/(.*)$/.exec(pathname)?.[1] ?? ""];
    if (content === undefined) response.writeHead(404).end();
    else response.end(content);
  });
  const paths = () => server.requests.map(({ url }) => url);
  return Object.assign(state, { ...server, paths });
}

function optionsFor(server: TestServer, folder = folderWith({})) {
  return { folder, environment: { HF_ENDPOINT: server.origin, HF_HOME: folder } };
}

test("a model comes with its weights and settings, each checked", async () => {
  const server = await hub();
  const options = optionsFor(server);
  const { commit, repository, model, others } = await resolveHubWith("hf:o/n", options, QUICK);
  expect([commit, repository]).toEqual([COMMIT, "o/n"]);
  expect(model).toEqual({
    url: `${server.origin}/o/n/resolve/${COMMIT}/onnx/model.onnx`,
    path: `hub/o/n/${COMMIT}/onnx/model.onnx`,
    size: 11,
    checksum: { algorithm: "sha256", digest: createHash("sha256").update("the network").digest("hex") },
  });
  expect(others.map(({ checksum }) => checksum?.algorithm)).toEqual(["sha256", "git-blob", "git-blob"]);
  const copy = await downloadHubWith("o/n", options, QUICK);
  expect(readFileSync(copy.onnx, "utf8")).toBe("the network");
  expect(Object.keys(copy.files).sort()).toEqual([
    "config.json",
    "model.onnx_data",
    "preprocessor_config.json",
  ]);
  expect(copy.files["model.onnx_data"]).toBe(`${copy.onnx}_data`);
  expect(existsSync(join(dirname(copy.onnx), "..", "README.md"))).toBe(false);
});

test("what main stands for is asked each time, the rest once", async () => {
  const server = await hub();
  const options = optionsFor(server);
  await downloadHubWith("o/n", options, QUICK);
  const before = server.requests.length;
  await downloadHubWith("o/n", options, QUICK);
  expect(server.paths().slice(before)).toEqual(["/api/models/o/n/revision/main"]);
  await downloadHubWith(`o/n@${COMMIT}`, options, QUICK);
  expect(server.requests).toHaveLength(before + 1);
  server.commit = LATER;
  server.files = { ...FILES, "onnx/model.onnx": "a new network" };
  const { onnx, commit } = await downloadHubWith("o/n", options, QUICK);
  expect([commit, readFileSync(onnx, "utf8")]).toEqual([LATER, "a new network"]);
});

test("offline the last commit that was seen is used", async () => {
  const server = await hub();
  const options = optionsFor(server);
  const offline = { ...options, offline: true };
  await expect(downloadHubWith("hf:o/n", offline, QUICK)).rejects.toMatchObject({
    code: "NETWORK",
    hint: "With a network, run: headstart backbones fetch hf:o/n",
  });
  const online = await downloadHubWith("o/n", options, QUICK);
  const before = server.requests.length;
  expect(await downloadHubWith("o/n", offline, QUICK)).toEqual(online);
  expect(server.requests).toHaveLength(before);
  const unknown = downloadHubWith(`o/n@${LATER}`, offline, QUICK);
  await expect(unknown).rejects.toMatchObject({ hint: expect.stringMatching(`fetch hf:o/n@${LATER}$`) });
  const gone = { ...options, environment: { HF_ENDPOINT: "http://127.0.0.1:9" } };
  await expect(downloadHubWith("o/n", gone, QUICK)).rejects.toMatchObject({
    code: "NETWORK",
    hint: expect.stringMatching(/HEADSTART_OFFLINE=1/),
  });
});

test("branches with a slash, and files by their path", async () => {
  const server = await hub();
  const options = optionsFor(server);
  const { commit, onnx } = await downloadHubWith("o/n@refs/pr/1:onnx/model.onnx", options, QUICK);
  expect([commit, readFileSync(onnx, "utf8")]).toEqual([LATER, "the network"]);
  const absent = resolveHubWith("o/n:x.onnx", options, QUICK);
  await expect(absent).rejects.toMatchObject({ code: "NOT_FOUND" });
  const branch = resolveHubWith("o/n@constructor", { ...options, offline: true }, QUICK);
  await expect(branch).rejects.toMatchObject({ code: "NETWORK" });
});

test("a file that is not the one of the commit is refused", async () => {
  const server = await hub();
  const options = optionsFor(server);
  await resolveHubWith("o/n", options, QUICK);
  server.files = { ...FILES, "config.json": FILES["config.json"]?.replace("i", "j") ?? "" };
  const asked = downloadHubWith("o/n", options, QUICK);
  await expect(asked).rejects.toMatchObject({
    code: "CHECKSUM",
    message: expect.stringMatching(/its git id/),
  });
});

test.each([
  ["no JSON", "<html>"],
  ["other JSON", '{ "sha": "../../etc" }'],
])("an answer that is %s is not believed", async (_, answer) => {
  const server = await serve((_, response) => response.end(answer));
  const asked = resolveHubWith("o/n", optionsFor(server), QUICK);
  await expect(asked).rejects.toMatchObject({
    code: "NETWORK",
    message: expect.stringMatching(/does not answer as the hub does/),
  });
});

test("files with names that lead elsewhere are refused", async () => {
  const server = await hub();
  server.files = { "../../../evil.onnx": "x" };
  const asked = downloadHubWith("o/n", optionsFor(server), QUICK);
  await expect(asked).rejects.toMatchObject({ code: "INVALID_OPTION" });
});

test("a listing does not lead to another host", async () => {
  const server = await serve((request, response) => {
    if (request.url?.includes("revision")) return response.end(JSON.stringify({ sha: COMMIT }));
    response.setHeader("link", '<http://example.invalid/more>; rel="next"');
    return response.end("[]");
  });
  await expect(resolveHubWith("o/n", optionsFor(server), QUICK)).rejects.toThrow(
    /does not answer as the hub/,
  );
});

test("notes that are damaged are asked for again", async () => {
  const server = await hub();
  const options = optionsFor(server);
  const first = await resolveHubWith("o/n", options, QUICK);
  for (const name of ["revisions.json", `${COMMIT}.json`])
    writeFileSync(join(options.folder, "hub", "o", "n", name), "{");
  expect(await resolveHubWith("o/n", options, QUICK)).toEqual(first);
});

test("a mirror that is a folder can hold the hub", async () => {
  const mirror = folderWith({});
  const put = (path: string, content: string) => {
    const file = join(mirror, "huggingface.co", ...path.split("/"));
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
  };
  put("api/models/o/n/revision/main", JSON.stringify({ sha: COMMIT }));
  put(`api/models/o/n/tree/${COMMIT}`, JSON.stringify(listing(FILES)));
  for (const [path, content] of Object.entries(FILES)) put(`o/n/resolve/${COMMIT}/${path}`, content);
  const environment = { HEADSTART_MIRROR: mirror, HEADSTART_OFFLINE: "1" };
  const { onnx } = await downloadHubWith("o/n", { folder: folderWith({}), environment }, QUICK);
  expect(readFileSync(onnx, "utf8")).toBe("the network");
});
