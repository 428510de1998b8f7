import { join } from "node:path";
import { expect, test } from "vitest";
import { folderWith } from "../../../test/support/temporary.js";
import { Digest } from "./digest.js";
import type { Checksum } from "./remote-file.js";

/** Of the five bytes `hello`, by md5sum, sha256sum and `git hash-object`. */
const SUMS: Readonly<Record<Checksum["algorithm"], string>> = {
  md5: "5d41402abc4b2a76b9719d911017c592",
  sha256: "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
  "git-blob": "b6fc4c620b67d95f953a5c1c1230aaab5db5a1b0",
};

test.each(["md5", "sha256", "git-blob"] as const)(
  "%s is taken of all bytes, in pieces",
  async (algorithm) => {
    const digest = new Digest({ algorithm, digest: SUMS[algorithm] }, 5);
    await digest.updateFrom(join(folderWith({ x: "hel" }), "x"));
    digest.update(Buffer.from("lo"));
    expect(digest.finish()).toEqual({ sha256: SUMS.sha256, actual: SUMS[algorithm], matches: true });
  },
);

test("other bytes do not match; nothing promised always does", () => {
  const digest = new Digest({ algorithm: "md5", digest: SUMS.md5 }, undefined);
  digest.update(Buffer.from("hallo"));
  expect(digest.finish().matches).toBe(false);
  expect(new Digest(undefined, undefined).finish().matches).toBe(true);
});
