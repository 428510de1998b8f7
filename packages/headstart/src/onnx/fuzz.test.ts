import { readFileSync } from "node:fs";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { ModelProtoSchema } from "onnx-buf";
import { describe, expect, test } from "vitest";
import { shared } from "../../test/support/shared.js";
import { HeadstartError } from "../errors.js";
import { float, GraphBuilder } from "./builder.js";
import { cut } from "./cut.js";
import { findFeatures } from "./features.js";
import { foldBatchNormalization } from "./fold/batch-normalization.js";
import { foldConstants } from "./fold/constants.js";
import type { ValueInfo } from "./graph.js";
import { openBatch } from "./open-batch.js";
import { toQdq } from "./qdq.js";
import { readModel } from "./read.js";
import { inferShapes } from "./shapes/infer.js";
import { toFloat32 } from "./single-precision.js";
import { float32, int64 } from "./tensor.js";
import { upgrade } from "./upgrade/upgrade.js";
import { writeModel } from "./write.js";

/** A small classifier with shape arithmetic and constants to fold. */
function classifier(): Uint8Array {
  const b = new GraphBuilder("classifier");
  const image = b.input("image", "float32", ["N", 3, "H", "W"]);
  const weight = b.constant("w", {
    type: "float16",
    dims: [2, 3, 3, 3],
    data: new Uint8Array(108).fill(0x3c),
  });
  const conv = b.node("Conv", [image, b.node("Cast", [weight], { to: 1 })], {
    pads: [1, 1, 1, 1],
    strides: [2, 2],
  });
  const ones = b.constant("ones", float32([2], [1, 1]));
  const normal = b.node("BatchNormalization", [conv, ones, ones, ones, ones], { epsilon: float(1e-3) });
  const size = b.node("Slice", [
    b.node("Shape", [normal]),
    b.integers([2]),
    b.integers([4]),
    b.integers([0]),
  ]);
  const doubled = b.node(
    "Concat",
    [b.node("Shape", [normal], { end: 2 }), b.node("Mul", [size, b.integers([2])])],
    { axis: 0 },
  );
  const larger = b.node("Resize", [normal, "", "", doubled], { mode: "nearest" });
  const padded = b.node("Pad", [larger, b.integers([0, 0, 1, 1, 0, 0, 1, 1])]);
  const pooled = b.node("ReduceMean", [b.node("Relu", [padded]), b.integers([2, 3])], { keepdims: 0 });
  const flat = b.node("Reshape", [pooled, b.integers([0, -1])]);
  const expanded = b.node("Expand", [b.constant("e", float32([1, 1], [2])), b.integers([2, 4])]);
  const scores = b.node("Gemm", [
    flat,
    b.node("Transpose", [b.node("Transpose", [expanded])]),
    b.constant("c", float32([4], [1, 2, 3, 4])),
  ]);
  b.output("probabilities", "float32", ["N", 4], b.node("Softmax", [scores], { axis: -1 }));
  b.constant("unused", int64([2], [1, 2]));
  return writeModel(b.build());
}

/** One way to damage a file; places and lengths are fractions of its size. */
type Damage = {
  kind: "flip" | "set" | "cut" | "copy" | "grow" | "remove";
  at: number;
  value: number;
  from: number;
};

const damages: fc.Arbitrary<Damage[]> = fc.array(
  fc.record({
    kind: fc.constantFrom("flip", "set", "cut", "copy", "grow", "remove"),
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    value: fc.oneof(fc.integer({ min: 0, max: 255 }), fc.constantFrom(0, 1, 0x7f, 0x80, 0xff)),
    from: fc.double({ min: 0, max: 1, noNaN: true }),
  }),
  { minLength: 1, maxLength: 4 },
);

function apply(bytes: Uint8Array, damage: Damage): Uint8Array {
  if (bytes.length === 0) return bytes;
  const at = Math.min(Math.floor(damage.at * bytes.length), Math.max(0, bytes.length - 1));
  const splice = (removed: number, ...added: number[]): Uint8Array =>
    Uint8Array.from([...bytes.subarray(0, at), ...added, ...bytes.subarray(at + removed)]);
  switch (damage.kind) {
    case "flip":
      return bytes.with(at, (bytes[at] ?? 0) ^ (1 << (damage.value & 7)));
    case "set":
      return bytes.with(at, damage.value);
    case "cut":
      return bytes.slice(0, at);
    case "copy": {
      const from = Math.floor(damage.from * bytes.length);
      return splice(0, ...bytes.subarray(from, from + damage.value));
    }
    case "grow":
      return splice(1, 0xff, 0xff, 0xff, damage.value);
    case "remove":
      return splice(damage.value);
  }
}

/** An input that takes one photo only. */
function withOne(input: ValueInfo): ValueInfo {
  return { ...input, shape: input.shape && [1, ...input.shape.slice(1)] };
}

/** Everything that is done with a file from outside; true if it went well, false for an error that says what is wrong. */
function survives(bytes: Uint8Array): boolean {
  try {
    const graph = upgrade(readModel(bytes));
    inferShapes(graph);
    const whole = toFloat32(toQdq(graph));
    const features = cut(whole, findFeatures(whole).features);
    openBatch(features);
    openBatch({ ...features, inputs: features.inputs.map(withOne) });
    const folded = foldBatchNormalization(foldConstants(whole));
    writeModel(folded);
    cut(folded, findFeatures(folded).features);
    return true;
  } catch (error) {
    if (!(error instanceof HeadstartError)) throw error;
    expect(error.message).toMatch(/\.$/);
    return false;
  }
}

function fuzz(bytes: Uint8Array, runs: number): { good: number; peak: number } {
  let good = 0;
  let peak = 0;
  const check = fc.property(damages, (list) => {
    if (survives(list.reduce(apply, bytes))) good++;
    peak = Math.max(peak, process.memoryUsage.rss());
  });
  fc.assert(check, { seed: 3, numRuns: runs });
  return { good, peak };
}

describe("a damaged file gives a clear error, or a model, but nothing else", () => {
  test("a small classifier", () => {
    expect(survives(classifier())).toBe(true);
    const before = process.memoryUsage.rss();
    const started = performance.now();
    const { good, peak } = fuzz(classifier(), 2000);
    expect(performance.now() - started).toBeLessThan(15_000);
    expect(peak - before).toBeLessThan(400 * 2 ** 20);
    // Some damage is harmless, such as another weight.
    expect(good).toBeGreaterThan(20);
    expect(good).toBeLessThan(1900);
  });

  test.each([
    "convnext-dynamo",
    "keras-mobile",
    "resnet-float16",
    "resnet-qoperator",
    "swin-dynamo",
    "vit-torchscript",
    "vit-torchvision",
  ])("%s, as its exporter wrote it", (name) => {
    const bytes = readFileSync(new URL(`../../test/fixtures/onnx/${name}.onnx`, import.meta.url));
    expect(survives(bytes)).toBe(true);
    const before = process.memoryUsage.rss();
    const { peak } = fuzz(bytes, 60);
    expect(peak - before).toBeLessThan(400 * 2 ** 20);
  });

  const networks = ["vit", "bottleneck"].map((name) => shared(`golden/networks/${name}.onnx`));
  test.skipIf(networks.includes(undefined)).each(networks)(
    "exported networks (needs ../shared) %#",
    (path) => {
      fuzz(readFileSync(path ?? ""), 200);
    },
  );

  const squeezenet = shared("models/squeezenet-fp16.onnx");
  test.skipIf(!squeezenet)(
    "the beginning and end of SqueezeNet, without most weights (needs ../shared)",
    () => {
      const graph = readModel(readFileSync(squeezenet ?? ""));
      const small = new Map([...graph.initializers].filter(([, { data }]) => data.byteLength < 20_000));
      const nodes = graph.nodes.filter(({ inputs }) =>
        inputs.every((name) => !graph.initializers.has(name) || small.has(name)),
      );
      const made = new Set([...small.keys(), ...nodes.flatMap(({ outputs }) => outputs)]);
      const missing = nodes.flatMap(({ inputs }) => inputs).filter((name) => !made.has(name));
      const inputs = [...new Set(missing)].map((name) => ({
        name,
        type: "float16" as const,
        shape: ["N", "C", "H", "W"],
      }));
      const bytes = writeModel({ ...graph, initializers: small, nodes, inputs });
      fuzz(bytes, 100);
    },
  );

  test("impossible numbers in sound messages", () => {
    const change = fc.record({
      node: fc.nat(),
      attribute: fc.nat(),
      place: fc.nat(),
      value: fc.constantFrom(
        -(2n ** 63n),
        -(2n ** 31n),
        -3n,
        -1n,
        0n,
        1n,
        2n,
        5n,
        2n ** 20n,
        2n ** 31n,
        2n ** 53n,
        2n ** 63n - 1n,
      ),
    });
    const check = fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
      const model = fromBinary(ModelProtoSchema, classifier());
      for (const { node, attribute, place, value } of changes) {
        const nodes = model.graph?.node ?? [];
        const chosen = nodes[node % nodes.length];
        const one = chosen?.attribute[attribute % chosen.attribute.length];
        if (one === undefined) {
          // No attribute: the constants that shapes and axes are made of.
          const tensors = model.graph?.initializer.filter(({ dataType }) => dataType === 7) ?? [];
          const data = tensors[node % tensors.length]?.rawData.slice() ?? new Uint8Array(8);
          const at = (place % Math.max(1, data.length / 8)) * 8;
          if (data.length > 0) new DataView(data.buffer).setBigInt64(at, value, true);
          const tensor = tensors[node % tensors.length];
          if (tensor !== undefined) tensor.rawData = data;
        } else if (one.ints.length > 0) one.ints[place % one.ints.length] = value;
        else one.i = value;
      }
      survives(toBinary(ModelProtoSchema, model));
    });
    fc.assert(check, { seed: 3, numRuns: 500 });
  });

  test("nodes with more inputs than a function call can have", () => {
    const b = new GraphBuilder("wide");
    const x = b.input("x", "float32", ["N"]);
    const c = b.constant("c", float32([1000], new Float32Array(1000)));
    b.node(
      "Sum",
      Array.from({ length: 300_000 }, () => x),
    );
    b.node(
      "Concat",
      Array.from({ length: 300_000 }, () => c),
      { axis: 0 },
    );
    const nested = b.node(
      "Max",
      Array.from({ length: 300_000 }, () => c),
    );
    b.output("y", "float32", [1000], nested);
    expect(survives(writeModel(b.build()))).toBe(false);
  });

  test("noise", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void survives(bytes)),
      { seed: 3, numRuns: 1000 },
    );
  });
});
