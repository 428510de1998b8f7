import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { checkCachePath, downloadFolder, locate } from "./paths.js";

test.each([
  "keras/resnet50_notop.h5",
  "hub/o-1/n.2/0a/onnx/model.onnx_data",
  "url/12/mein Modell (2).onnx",
  "é/x",
])("%s is a place for a download", (path) => expect(() => checkCachePath(path)).not.toThrow());

test.each([
  "",
  ".",
  "..",
  "a/..",
  "../a",
  "/a",
  "a/",
  "a//b",
  "C:/a",
  "a\\b",
  "a:b",
  "a\0b",
  "a\nb",
  "a.",
  "a ",
  " a",
  ".a",
  "nul",
  "dir/COM1.txt",
  "x".repeat(201),
  "a.part",
  "a.lock",
  "a.download.json",
  "a.wrong-checksum",
])("%j is none", (path) => {
  expect(() => checkCachePath(path)).toThrow(expect.objectContaining({ code: "INVALID_OPTION" }));
});

test("whatever is let through stays in the folder", () => {
  const text = fc.string({ unit: fc.constantFrom(".", "/", "\\", "a", " ", ":", "-", "~") });
  const property = fc.property(text, (path) => {
    let place: string;
    try {
      place = locate("/cache", path);
    } catch {
      return;
    }
    expect(place).toBe(join("/cache", path));
    expect(place.startsWith(join("/cache", "a")) || /^.cache.[^./\\]/.test(place)).toBe(true);
  });
  fc.assert(property, { numRuns: 500, seed: 1 });
});

test("downloads are kept in the cache's folder", () => {
  expect(downloadFolder({ HEADSTART_CACHE: "/c" })).toBe(join("/c", "weights"));
});
