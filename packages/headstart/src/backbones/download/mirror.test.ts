import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, test } from "vitest";
import { sourceOf } from "./mirror.js";

const URL_ = "https://storage.example.org/tf/w%20x.h5?a=1";
const through = (mirror: string) => sourceOf(URL_, { HEADSTART_MIRROR: mirror });

test("without a mirror a URL stays as it is", () => {
  expect(sourceOf(URL_, {})).toEqual({ url: new URL(URL_) });
  expect(through(" ")).toEqual({ url: new URL(URL_) });
});

test.each(["http://mirror.local/w", "http://mirror.local/w/"])("%s stands for all hosts", (mirror) => {
  const url = new URL("http://mirror.local/w/storage.example.org/tf/w%20x.h5?a=1");
  expect(through(mirror)).toEqual({ url });
});

test("so does a folder, as a path or as a file: URL", () => {
  const folder = join(import.meta.dirname, "m");
  const file = join(folder, "storage.example.org", "tf", "w x.h5");
  expect(through(folder)).toEqual({ file });
  expect(through(pathToFileURL(folder).href)).toEqual({ file });
});

test.each(["ftp://x/y", "s3://bucket", "http://", "file://host:x"])("%s is no mirror", (mirror) => {
  expect(() => through(mirror)).toThrow(/which is no mirror/);
});

test.each(["https://h/a/%2e%2e%2f%2e%2e%2fetc/x", "https://h/a%00b", "https://h/a//b", "https://h/%"])(
  "%s leads to no file of a folder",
  (url) => expect(() => sourceOf(url, { HEADSTART_MIRROR: "/m" })).toThrow(/no place in a mirror/),
);
