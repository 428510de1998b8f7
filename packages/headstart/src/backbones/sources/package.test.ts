import { existsSync } from "node:fs";
import { isAbsolute } from "node:path";
import { expect, test } from "vitest";
import { PACKAGES } from "./kinds.js";
import { locatePackage, packageDescription } from "./package.js";

test.each(Object.keys(PACKAGES))("%s is there, with all that its package says", async (name) => {
  const located = await locatePackage(name);
  expect(located).toMatchObject({
    choice: name,
    name,
    preparation: `as the package ${PACKAGES[name]} says`,
    sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
    licence: expect.any(String),
  });
  expect(located.preprocessing).toBeDefined();
  expect([isAbsolute(located.file), existsSync(located.file)]).toEqual([true, true]);
});

test("a package that is not installed is named, and how to get it", () => {
  expect(() => packageDescription("@headstart/no-such-network")).toThrow(
    expect.objectContaining({ code: "NOT_FOUND", hint: "Run: npm install @headstart/no-such-network" }),
  );
});
