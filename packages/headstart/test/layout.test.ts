import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { offences } from "../../../scripts/check-layout.js";
import { folderWith } from "./support/temporary.js";

test("this library keeps to the layout", () => {
  expect(offences(fileURLToPath(new URL("../src", import.meta.url)))).toEqual([]);
});

test("a folder may import from those above it, and from files at the root", () => {
  const source = folderWith({
    "index.ts": 'export * from "./onnx/index.js";\nexport * from "./run/index.js";',
    "errors.ts": 'import { readFile } from "node:fs/promises";',
    "onnx/index.ts": 'import { Failure } from "../errors.js";\nimport { proto } from "onnx-buf";',
    "runtime/session.ts":
      'import * as ort from "onnxruntime-node";\nimport { Graph } from "../onnx/index.js";',
    "run/index.ts":
      'import type { Session } from "../runtime/session.js";\nimport { x } from "./steps/x.js";',
    "onnx/graph.test.ts": 'import ort from "onnxruntime-node";\nimport { run } from "../run/index.js";',
  });
  expect(offences(source)).toEqual([]);
});

test("each offence is a line that names file, line and reason", () => {
  const source = folderWith({
    "progress.ts": 'import { x } from "./data/x.js";',
    "onnx/a.ts": '\nimport { readFile } from "node:fs/promises";\nexport { y } from "../run/y.js";',
    "data/x.ts": 'const model = await import("../model/index.js");\nimport "./x.test.js";',
    "model/m.ts": 'import type { InferenceSession } from "onnxruntime-node";',
    "report/r.ts": 'import "../../test/support/shared.js";',
    "util/u.ts": "export {};",
  });
  expect(offences(source)).toEqual([
    "data/x.ts:1: data imports model, which is not above it",
    "data/x.ts:2: imports the test data/x.test.js",
    "model/m.ts:1: model imports onnxruntime-node: only runtime may",
    "onnx/a.ts:2: onnx is pure, and imports node:fs/promises",
    "onnx/a.ts:3: onnx imports run, which is not above it",
    "progress.ts:1: a file at the root imports the folder data",
    "report/r.ts:1: imports ../test/support/shared.js, which is outside src",
    "util/u.ts: the folder util is not in the layout",
  ]);
});
