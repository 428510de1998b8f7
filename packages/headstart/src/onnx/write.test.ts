import { fromBinary } from "@bufbuild/protobuf";
import { ModelProtoSchema } from "onnx-buf";
import { describe, expect, test } from "vitest";
import { runGraph } from "../../test/support/run-graph.js";
import { float, GraphBuilder } from "./builder.js";
import type { Graph } from "./graph.js";
import { float32, floats, int64 } from "./tensor.js";
import { writeModel } from "./write.js";

function double(): Graph {
  const b = new GraphBuilder("double");
  const x = b.input("x", "float32", ["N", 3]);
  const scaled = b.node("LeakyRelu", [x], { alpha: float(0.5) });
  b.output("y", "float32", ["N", 3], b.node("Add", [scaled, b.constant("bias", float32([3], [1, 2, 3]))]));
  b.metadata("classes", "daisy, rose");
  return b.build();
}

describe("writeModel", () => {
  test("makes a model that ONNX Runtime runs", async () => {
    const { y } = await runGraph(double(), { x: float32([1, 3], [-2, 0, 4]) });
    expect(y?.dims).toEqual([1, 3]);
    expect(y && [...floats(y)]).toEqual([0, 2, 7]);
  });

  test("writes the same bytes for the same graph", () => {
    expect(writeModel(double())).toEqual(writeModel(double()));
  });

  test("says who made it, in which version, and keeps metadata", () => {
    const model = fromBinary(ModelProtoSchema, writeModel(double()));
    expect(model.producerName).toBe("headstart");
    expect(model.irVersion).toBe(10n);
    expect(model.opsetImport.map(({ domain, version }) => [domain, version])).toEqual([["", 20n]]);
    expect(model.metadataProps.map(({ key, value }) => [key, value])).toEqual([["classes", "daisy, rose"]]);
    expect(model.graph?.input[0]?.type?.value.case).toBe("tensorType");
  });

  test("writes every kind of attribute", () => {
    const b = new GraphBuilder("attributes");
    b.node(
      "Made",
      [],
      {
        int: 3,
        least: -(2 ** 63),
        most: 2 ** 63,
        ints: [1, -2],
        string: "é",
        float: float(0.1),
        floats: { kind: "floats", value: [0.5, Number.POSITIVE_INFINITY] },
        tensor: int64([2], [5, 6]),
      },
      { domain: "test" },
    );
    const attributes = fromBinary(ModelProtoSchema, writeModel(b.build())).graph?.node[0]?.attribute ?? [];
    const [int, least, most, ints, string, float_, floats_, tensor] = attributes;
    expect(int?.i).toBe(3n);
    expect(least?.i).toBe(-9223372036854775808n);
    expect(most?.i).toBe(9223372036854775807n);
    expect(ints?.ints).toEqual([1n, -2n]);
    expect(new TextDecoder().decode(string?.s)).toBe("é");
    expect(float_?.f).toBe(Math.fround(0.1));
    expect(floats_?.floats).toEqual([0.5, Number.POSITIVE_INFINITY]);
    expect(tensor?.t?.dims).toEqual([2n]);
    expect(tensor?.t?.rawData).toHaveLength(16);
  });

  test("refuses a tensor whose bytes do not fit its dimensions", () => {
    const b = new GraphBuilder("bad");
    b.constant("w", { type: "float32", dims: [2], data: new Uint8Array(7) });
    expect(() => writeModel(b.build())).toThrow("The tensor w of float32 [2] has 7 bytes, not 8.");
  });

  test("refuses an integer attribute that is none", () => {
    const b = new GraphBuilder("bad");
    b.node("Flatten", ["x"], { axis: 0.5 });
    expect(() => writeModel(b.build())).toThrow("The attribute axis is an integer and cannot be 0.5.");
  });

  test("refuses more than 2 GB before it makes them", () => {
    const b = new GraphBuilder("huge");
    const data = new Uint8Array(2 ** 20);
    for (let i = 0; i < 2048; i++) b.constant("w", { type: "uint8", dims: [2 ** 20], data });
    expect(() => writeModel(b.build())).toThrow("larger than 2 GB");
  });
});
