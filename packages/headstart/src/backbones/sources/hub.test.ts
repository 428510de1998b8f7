import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { afterEach, expect, test, vi } from "vitest";
import { hubServer } from "../../../test/support/hub.js";
import { folderWith } from "../../../test/support/temporary.js";
import { hubPath, locateHub } from "./hub.js";

const COMMIT = createHash("sha1").update("a commit").digest("hex");

const FILES = {
  "onnx/model.onnx": "the network",
  "onnx/other.onnx": "another",
  "config.json": JSON.stringify({ id2label: { 0: "cat", 1: "dog" } }),
  "preprocessor_config.json": JSON.stringify({
    image_mean: [0.5, 0.5, 0.5],
    image_std: [0.5, 0.5, 0.5],
    size: 64,
  }),
};

/** A hub that has one model, and an empty cache. */
async function setUp(files: Readonly<Record<string, string>>) {
  const folder = folderWith({});
  const server = await hubServer("o/n", COMMIT, files);
  vi.stubEnv("HEADSTART_CACHE", folder);
  vi.stubEnv("HF_ENDPOINT", server.origin);
  vi.stubEnv("HF_HOME", folder);
  return server;
}

afterEach(() => vi.unstubAllEnvs());

test("a network of the hub comes with what its files say, at the commit that was found", async () => {
  await setUp(FILES);
  const located = await locateHub("hf:o/n", {});
  expect(located).toEqual({
    choice: `hf:o/n@${COMMIT}`,
    name: "hf:o/n",
    file: expect.stringMatching(/onnx.model\.onnx$/),
    source: expect.stringMatching(/^huggingface\.co\/o\/n/),
    preprocessing: { channels: "RGB", mean: [127.5, 127.5, 127.5], std: [127.5, 127.5, 127.5] },
    preparation: "as preprocessor_config.json says",
    imageSize: 64,
    classes: ["cat", "dog"],
  });
  expect(readFileSync(located.file, "utf8")).toBe("the network");
  // The choice that it gives leads to the same, without asking what main stands for.
  expect(await locateHub(located.choice, { offline: true })).toEqual(located);
});

test("a file of it that is named stays named", async () => {
  await setUp(FILES);
  const { choice, file } = await locateHub("hf:o/n@main:onnx/other.onnx", {});
  expect(choice).toBe(`hf:o/n@${COMMIT}:onnx/other.onnx`);
  expect(readFileSync(file, "utf8")).toBe("another");
});

test("without files that say it, its preprocessing is not known", async () => {
  await setUp({ "model.onnx": "the network" });
  const { preprocessing, classes, preparation } = await locateHub("hf:o/n", {});
  expect([preprocessing, classes]).toEqual([undefined, undefined]);
  expect(preparation).toMatch(/preprocessor_config\.json/);
});

test("a file that is no JSON is named", async () => {
  await setUp({ ...FILES, "config.json": "{" });
  await expect(locateHub("hf:o/n", {})).rejects.toMatchObject({
    code: "INVALID_MODEL",
    message: expect.stringMatching(/config\.json is not JSON/),
  });
});

test("its place in the folder of downloads is the same for every revision and file", () => {
  for (const choice of ["hf:o/n", "hf:o/n@v1", `hf:o/n@${COMMIT}:a.onnx`])
    expect(hubPath(choice)).toBe("hub/o/n");
  expect(() => hubPath("hf:n")).toThrow(/names no model on the hub/);
});
