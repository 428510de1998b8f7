import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { isInert } from "../src/autodiff/inert.js";
import type { GradientRules } from "../src/autodiff/rule.js";
import { RULES } from "../src/autodiff/rules/index.js";
import type { Node } from "../src/onnx/index.js";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const page = readFileSync(`${root}/docs/gradients.md`, "utf8");
const folder = `${root}/packages/headstart/src/autodiff/rules`;
const files = readdirSync(folder).filter((name) => !name.endsWith(".test.ts") && name !== "index.ts");

/** A paragraph without its line breaks. */
function paragraphWith(words: string): string {
  const found = page.split("\n\n").find((paragraph) => paragraph.includes(words)) ?? "";
  return found.replaceAll("\n", " ");
}

/** The names in backquotes. */
function quoted(paragraph: string): string[] {
  return [...paragraph.matchAll(/`([^`]+)`/g)].map(([, name = ""]) => name);
}

function nodeOf(op: string): Node {
  return { op, domain: "", name: op, inputs: ["x"], outputs: ["y"], attributes: new Map() };
}

describe("docs/gradients.md", () => {
  test("names every operator that has a rule, by the file that it stands in", async () => {
    const rows = await Promise.all(
      files.map(async (name) => {
        const families: Record<string, unknown> = await import(/* @vite-ignore */ `${folder}/${name}`);
        const operators = Object.values(families)
          .filter((family): family is GradientRules => typeof family === "object" && family !== null)
          .flatMap((family) => Object.keys(family))
          .filter((operator) => RULES.has(operator));
        return [name, operators.sort()] as const;
      }),
    );
    const table = rows.filter(([, operators]) => operators.length > 0);
    expect(table.flatMap(([, operators]) => operators).sort()).toEqual([...RULES.keys()].sort());
    const shown = page.matchAll(/^\| `(.*\.ts)` *\| (.*?) *\|$/gm);
    expect(Array.from(shown, ([, name, operators]) => [name, operators])).toEqual(
      table.map(([name, operators]) => [name, operators.map((operator) => `\`${operator}\``).join(" ")]),
    );
  });

  test("names what has none rightly", () => {
    const without = quoted(paragraphWith("that have no rule:"));
    expect(without.length).toBeGreaterThan(5);
    expect(without.filter((operator) => RULES.has(operator))).toEqual([]);
  });

  test("names the operators that gradients do not pass", () => {
    const inert = quoted(paragraphWith("at jumps only"));
    expect(inert.length).toBeGreaterThan(5);
    expect(inert.filter((op) => !isInert(nodeOf(op), 0))).toEqual([]);
  });

  test.each(["global-pooling.ts", "global-pooling.test.ts"])("shows %s as it is", (name) => {
    const blocks = [...page.matchAll(/^```ts no-run\n([\s\S]*?)^```$/gm)].map(([, code]) => code);
    expect(blocks).toContain(readFileSync(`${folder}/${name}`, "utf8"));
  });
});
