import { join } from "node:path";
import { expect, test } from "vitest";
import { folderWith } from "../support/temporary.js";
import { checked, documentation, examplesOfPage } from "./examples.js";
import { problems, programOf } from "./typescript.js";

test("a claim becomes a check of the expression, of the new variable or of what is printed", () => {
  const code = [
    "const list = [3, 1]; // => [3, 1]",
    "list.sort() // => [1, 3]",
    "console.log(list.length); // => 2",
    "for (const value of list) {",
    "  value > 0; // => true",
    "}",
    "list.push(2); // an ordinary comment",
  ].join("\n");
  expect(checked({ title: "sort", code }).split("\n")).toEqual([
    'import { expect } from "vitest";',
    "const list = [3, 1]; expect(list).toEqual([3, 1]);",
    "expect(list.sort()).toEqual([1, 3]);",
    "expect(list.length).toEqual(2);",
    "for (const value of list) {",
    "  expect(value > 0).toEqual(true);",
    "}",
    "list.push(2); // an ordinary comment",
    "export {};",
    "",
  ]);
});

test("a claim that stands after no statement is an error, so that none is passed over", () => {
  expect(() => checked({ title: "lost", code: "// => 3\nf();" })).toThrow("lost: 1 of its");
});

test("a page's blocks of TypeScript are examples, but for those that are only to be read", () => {
  const page =
    "# A\n\n```ts\none();\n```\n\n```sh\nls\n```\n\n```ts no-run\ntwo();\n```\n\n```ts\nthree();\n```\n";
  expect(examplesOfPage("a.md", page)).toEqual([
    { title: "a.md, example 1", code: "one();\n" },
    { title: "a.md, example 2", code: "three();\n" },
  ]);
});

test("examples come from doc comments through re-exports, and what is missing is named", () => {
  const folder = folderWith({
    "package.json": '{ "type": "module" }',
    "index.ts": 'export * from "./a.js";\nexport { b as bee } from "./b.js";\n',
    "a.ts": [
      "/**\n * Twice a number.\n *\n * @example\n * const double = twice(\n *   2,\n * );\n * double // => 4\n *",
      " * @example\n * ```ts\n * twice(0);\n * ```\n */",
      "export const twice = (n: number) => 2 * n;",
      "export interface Bare {}",
      "/** A type needs no example. */\nexport type Told = 1;",
    ].join("\n"),
    "b.ts": "/** Told, but not shown. */\nexport function b() {}\n",
  });
  const entry = join(folder, "index.ts");
  expect(documentation(programOf([entry]), entry)).toEqual({
    examples: [
      { title: "twice, example 1", code: "const double = twice(\n  2,\n);\ndouble // => 4" },
      { title: "twice, example 2", code: "twice(0);\n" },
    ],
    missing: ["bee has no @example", "Bare has no doc comment"],
  });
});

test("problems names the line that is wrong", () => {
  const folder = folderWith({ "wrong.mts": 'export const fine = 1;\nexport const n: number = "x";\n' });
  const file = join(folder, "wrong.mts");
  expect(problems(programOf([file]), [file])).toEqual([
    `${file}: export const n: number = "x";: Type 'string' is not assignable to type 'number'.`,
  ]);
});
