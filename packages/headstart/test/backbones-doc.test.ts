import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { withTable } from "../../../scripts/backbones-doc.js";
import { listNetworks } from "../src/backbones/index.js";

test("docs/backbones.md lists the networks as they are; otherwise run npm run docs:backbones", async () => {
  const page = readFileSync(fileURLToPath(new URL("../../../docs/backbones.md", import.meta.url)), "utf8");
  expect(withTable(page, await listNetworks())).toBe(page);
});
