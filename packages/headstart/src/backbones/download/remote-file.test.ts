import { expect, test } from "vitest";
import { remoteFileOf, withoutSecrets } from "./remote-file.js";

test("a URL has a place of its own under the file's name", () => {
  const { url, path, size, checksum } = remoteFileOf("https://example.org/a/my%20model.onnx?v=1#top");
  expect(url).toBe("https://example.org/a/my%20model.onnx?v=1");
  expect(path).toMatch(/^url\/[0-9a-f]{16}\/my model\.onnx$/);
  expect([size, checksum]).toEqual([undefined, undefined]);
  expect(remoteFileOf("https://example.org/a/my%20model.onnx?v=1").path).toBe(path);
  expect(remoteFileOf("https://example.org/a/my%20model.onnx?v=2").path).not.toBe(path);
});

test.each(["http://localhost:1/m.h5", "http://127.0.0.1/m.h5", "http://[::1]/m.h5"])(
  "%s is on this machine",
  (url) => expect(remoteFileOf(url).url).toBe(url),
);

test.each([
  ["nonsense", /not a URL/],
  ["http://example.org/m.onnx", /does not protect/],
  ["ftp://example.org/m.onnx", /does not protect/],
  ["file:///etc/passwd", /does not protect/],
  ["https://example.org/", /does not end in the name of a file/],
  ["https://example.org/%", /does not end in the name of a file/],
  ["https://example.org/..%2fx", /no path that a download/],
])("%s is refused", (url, message) => {
  expect(() => remoteFileOf(url)).toThrow(message);
});

test("secrets are not repeated", () => {
  expect(withoutSecrets("https://me:secret@example.org/a?token=secret#secret")).toBe("https://example.org/a");
  const message = "The URL https://example.org/m.onnx carries a name or a password.";
  expect(() => remoteFileOf("https://me:secret@example.org/m.onnx")).toThrow(message);
});
