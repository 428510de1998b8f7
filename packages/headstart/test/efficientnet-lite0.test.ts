import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { expect, test } from "vitest";

const require = createRequire(import.meta.url);
const inPackage = (name: string) => require.resolve(`@headstart/efficientnet-lite0/${name}`);
const description = require(inPackage("backbone.json"));

test("the file is the one that the description vouches for", () => {
  const digest = createHash("sha256")
    .update(readFileSync(inPackage(description.file)))
    .digest("hex");
  expect(digest).toBe(description.sha256);
});

test("the classes are ImageNet's, in the order of the outputs", () => {
  const classes: readonly { readonly wnid: string; readonly name: string }[] = require(
    inPackage(description.classes),
  );
  expect(classes).toHaveLength(1000);
  expect(classes[0]).toEqual({ wnid: "n01440764", name: "tench" });
  expect(classes[999]).toEqual({ wnid: "n15075141", name: "toilet tissue" });
  // ImageNet's order is that of the WordNet ids.
  const ids = classes.map(({ wnid }) => wnid);
  expect(ids).toEqual([...new Set(ids)].sort());
});

test("headstart depends on this very version, and both state the licence of the weights", () => {
  const own = require(inPackage("package.json"));
  const library = require("../package.json");
  expect(library.dependencies["@headstart/efficientnet-lite0"]).toBe(own.version);
  expect([own.license, description.licence]).toEqual(["Apache-2.0", "Apache-2.0"]);
});
