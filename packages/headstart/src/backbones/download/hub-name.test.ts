import { expect, test } from "vitest";
import { isCommit, parseHubName } from "./hub-name.js";

test.each([
  ["owner/name", "main", undefined],
  ["hf:owner/name", "main", undefined],
  ["owner/name@v1.0", "v1.0", undefined],
  ["owner/name@refs/pr/1", "refs/pr/1", undefined],
  ["owner/name:onnx/model_fp16.onnx", "main", "onnx/model_fp16.onnx"],
  ["hf:owner/name@main:a b/c.onnx", "main", "a b/c.onnx"],
])("%s names a model", (text, revision, path) => {
  expect(parseHubName(text)).toEqual({ repository: "owner/name", revision, path });
});

test.each([
  "",
  "name",
  "a/b/c",
  "../b",
  "a/..",
  "a/b@",
  "a/b@../x",
  "a/b@-x",
  "a/b@x/",
  "a/b:",
  "a /b",
  "a/b?x",
  "a/b.",
  `a/${"b".repeat(97)}`,
])("%j names none", (text) => {
  expect(() => parseHubName(text)).toThrow(expect.objectContaining({ code: "INVALID_OPTION" }));
});

test("a commit has 40 hexadecimal digits", () => {
  expect([isCommit("0".repeat(40)), isCommit("0".repeat(39)), isCommit("main")]).toEqual([
    true,
    false,
    false,
  ]);
});
