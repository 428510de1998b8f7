import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  AttributeProtoSchema,
  AttributeProto_AttributeType as AttributeType,
  FunctionProtoSchema,
  type GraphProto,
  TensorProto_DataLocation as Location,
  type ModelProto,
  ModelProtoSchema,
  NodeProtoSchema,
  type TensorProto,
  TensorProtoSchema,
  TensorProto_DataType as Type,
  ValueInfoProtoSchema,
} from "onnx-buf";
import { describe, expect, test } from "vitest";
import { runGraph } from "../../test/support/run-graph.js";
import { shared } from "../../test/support/shared.js";
import { HeadstartError } from "../errors.js";
import { GraphBuilder } from "./builder.js";
import { reads } from "./captures.js";
import type { Graph } from "./graph.js";
import { readModel } from "./read.js";
import { numbersOf, tensorOf } from "./scalars.js";
import { elementCount, float32, type Tensor } from "./tensor.js";
import { writeModel } from "./write.js";

/** A graph without the messages it was read from, to compare what it says. */
function plain(graph: Graph) {
  const bare = <T extends { source?: unknown }>({ source: _, ...rest }: T) => rest;
  return {
    ...bare(graph),
    inputs: graph.inputs.map(bare),
    outputs: graph.outputs.map(bare),
    nodes: graph.nodes.map(bare),
    values: [...graph.values.values()].map(bare),
    initializers: [...graph.initializers].map(([name, { type, dims, data }]) => {
      return { name, type, dims, digest: createHash("sha256").update(data).digest("hex") };
    }),
  };
}

/** A file that adds the tensor `w` of [2] to `x`, with changes made to its messages. */
function file(change: (graph: GraphProto, model: ModelProto) => void = () => {}): Uint8Array {
  const b = new GraphBuilder("g");
  const w = b.constant("w", float32([2], [1, 2]));
  b.output(
    "y",
    "float32",
    ["N", 2],
    b.node("Add", [b.input("x", "float32", ["N", 2]), w], {}, { name: "sum" }),
  );
  const model = fromBinary(ModelProtoSchema, writeModel(b.build()));
  if (model.graph !== undefined) change(model.graph, model);
  return toBinary(ModelProtoSchema, model);
}

/** The file with another message for `w`. */
function withTensor(init: Partial<Omit<TensorProto, "$typeName" | "$unknown">>): Uint8Array {
  return file((graph) => {
    graph.initializer = [create(TensorProtoSchema, { name: "w", ...init })];
  });
}

/** The error that reading gives. */
function problem(bytes: Uint8Array): string {
  try {
    readModel(bytes);
  } catch (error) {
    if (error instanceof HeadstartError) return `${error.code}: ${error.message}`;
    throw error;
  }
  return "none";
}

const text = (value: string) => new TextEncoder().encode(value);

describe("readModel", () => {
  test("reads back what was written", () => {
    const b = new GraphBuilder("g");
    const x = b.input("x", "uint8", ["N", "?", 3]);
    b.output("y", "float32", ["N", "?", 3], b.node("Cast", [x], { to: 1 }));
    b.metadata("__proto__", "kept");
    const graph = b.build();
    expect(plain(readModel(writeModel(graph)))).toEqual(plain(graph));
  });

  test("makes views of raw data, not copies", () => {
    const bytes = file();
    expect(readModel(bytes).initializers.get("w")?.data.buffer).toBe(bytes.buffer);
    const fromBuffer = readModel(Buffer.from(bytes)).initializers.get("w")?.data;
    expect(fromBuffer?.constructor).toBe(Uint8Array);
  });

  test.each<[Tensor["type"], number, Partial<TensorProto>]>([
    ["float32", Type.FLOAT, { floatData: [1.5, -2] }],
    ["float64", Type.DOUBLE, { doubleData: [1.5, -2] }],
    ["int64", Type.INT64, { int64Data: [1n, -2n] }],
    ["uint64", Type.UINT64, { uint64Data: [1n, 2n] }],
    ["uint32", Type.UINT32, { uint64Data: [1n, 2n ** 32n - 1n] }],
    ["int32", Type.INT32, { int32Data: [1, -2] }],
    ["int16", Type.INT16, { int32Data: [1, -2] }],
    ["uint16", Type.UINT16, { int32Data: [1, 65535] }],
    ["int8", Type.INT8, { int32Data: [1, -2] }],
    ["uint8", Type.UINT8, { int32Data: [1, 255] }],
    ["bool", Type.BOOL, { int32Data: [1, 0] }],
    ["float16", Type.FLOAT16, { int32Data: [0x3e00, 0xc000] }],
    ["bfloat16", Type.BFLOAT16, { int32Data: [0x3fc0, 0xc000] }],
  ])("reads %s from lists of numbers", (type, dataType, lists) => {
    const { floatData, doubleData, int64Data, uint64Data, int32Data } = lists;
    const tensor = readModel(withTensor({ ...lists, dims: [2n], dataType })).initializers.get("w");
    expect(tensor?.type).toBe(type);
    const given =
      floatData ?? doubleData ?? int64Data?.map(Number) ?? uint64Data?.map(Number) ?? int32Data ?? [];
    const expected = type === "float16" || type === "bfloat16" ? [1.5, -2] : given;
    expect(tensor && Array.from(numbersOf(tensor))).toEqual(expected);
  });

  test("makes constants of Constant nodes", () => {
    const constants = {
      value_float: { type: AttributeType.FLOAT, f: 0.5 },
      value_floats: { type: AttributeType.FLOATS, floats: [1, 2] },
      value_int: { type: AttributeType.INT, i: 2n ** 63n - 1n },
      value_ints: { type: AttributeType.INTS, ints: [3n] },
      value_string: { type: AttributeType.STRING, s: text("kept") },
    };
    const graph = readModel(
      file((message) => {
        for (const [name, value] of Object.entries(constants))
          message.node.push(
            create(NodeProtoSchema, {
              opType: "Constant",
              output: [name],
              attribute: [create(AttributeProtoSchema, { name, ...value })],
            }),
          );
      }),
    );
    expect(graph.nodes.map(({ op }) => op)).toEqual(["Add", "Identity", "Constant"]);
    expect(graph.initializers.get("value_int")?.data).toEqual(
      new Uint8Array([255, 255, 255, 255, 255, 255, 255, 127]),
    );
    expect(graph.initializers.get("value_floats")?.dims).toEqual([2]);
  });

  test("leaves out inputs that have an initializer, sorts nodes and names them", () => {
    const graph = readModel(
      file((message) => {
        message.input.push(create(ValueInfoProtoSchema, { name: "w" }));
        message.node.reverse();
        for (const node of message.node) node.name = "";
      }),
    );
    expect(graph.inputs.map(({ name }) => name)).toEqual(["x"]);
    expect(graph.nodes.map(({ op, name }) => [op, name])).toEqual([
      ["Add", "sum"],
      ["Identity", "y"],
    ]);
  });

  test("keeps what a graph does not show", () => {
    const unknown = [{ no: 900, wireType: 0, data: new Uint8Array([5]) }];
    const bytes = file((graph, model) => {
      model.docString = "a model";
      model.$unknown = unknown;
      graph.$unknown = unknown;
      graph.docString = "a graph";
      for (const node of graph.node) {
        node.$unknown = unknown;
        node.docString = "a node";
        node.metadataProps = [{ $typeName: "onnx.StringStringEntryProto", key: "k", value: "v" }];
      }
      for (const tensor of graph.initializer) tensor.docString = "a tensor";
      graph.initializer.push(
        create(TensorProtoSchema, {
          name: "words",
          dataType: Type.STRING,
          dims: [1n],
          stringData: [text("a")],
        }),
      );
      for (const value of graph.input) value.$unknown = unknown;
      model.functions.push(create(FunctionProtoSchema, { name: "f", domain: "d" }));
    });
    const again = fromBinary(ModelProtoSchema, writeModel(readModel(bytes)));
    const before = fromBinary(ModelProtoSchema, bytes);
    expect(again).toEqual(before);
    const twice = readModel(writeModel(readModel(bytes)));
    expect(plain(twice)).toEqual(plain(readModel(bytes)));
  });

  test("keeps integers at the ends of int64, and others that are no safe numbers", () => {
    const ints = [2n ** 63n - 1n, -(2n ** 63n), 5n];
    const bytes = file((graph) => {
      graph.node[0]?.attribute.push(
        create(AttributeProtoSchema, { name: "ends", type: AttributeType.INTS, ints }),
        create(AttributeProtoSchema, { name: "odd", type: AttributeType.INT, i: 2n ** 60n + 1n }),
      );
    });
    const graph = readModel(bytes);
    expect(graph.nodes[0]?.attributes.get("odd")?.kind).toBe("other");
    const attributes = fromBinary(ModelProtoSchema, writeModel(graph)).graph?.node[0]?.attribute;
    expect(attributes?.[0]?.ints).toEqual(ints);
    expect(attributes?.[1]?.i).toBe(2n ** 60n + 1n);
  });

  test("knows the kind of attributes that do not say it", () => {
    const bytes = file((graph) => {
      graph.node[0]?.attribute.push(
        create(AttributeProtoSchema, { name: "i", i: 0n }),
        create(AttributeProtoSchema, { name: "f", f: 0 }),
        create(AttributeProtoSchema, { name: "s", s: text("t") }),
        create(AttributeProtoSchema, { name: "ints", ints: [1n] }),
      );
    });
    expect([...(readModel(bytes).nodes[0]?.attributes.values() ?? [])].map(({ kind }) => kind)).toEqual([
      "int",
      "float",
      "string",
      "ints",
    ]);
  });

  test("counts what subgraphs capture as read", () => {
    const branch = create(ModelProtoSchema, {
      graph: {
        name: "branch",
        node: [
          { opType: "Neg", input: ["x"], output: ["inner"] },
          { opType: "Add", input: ["inner", "w"], output: ["z"] },
        ],
        output: [{ name: "z" }],
      },
    }).graph;
    const bytes = file((graph) => {
      if (branch === undefined) return;
      const attribute = [
        create(AttributeProtoSchema, { name: "then_branch", type: AttributeType.GRAPH, g: branch }),
      ];
      graph.node.unshift(create(NodeProtoSchema, { opType: "If", input: ["sum"], output: ["z"], attribute }));
    });
    const graph = readModel(bytes);
    const chosen = graph.nodes.find(({ op }) => op === "If");
    expect(chosen && reads(chosen)).toEqual(["sum", "x", "w"]);
    expect(graph.nodes.map(({ op }) => op)).toEqual(["Add", "If", "Identity"]);
  });

  describe("reads weights from other files", () => {
    const external = (entries: Record<string, string>) =>
      withTensor({
        dims: [2n],
        dataType: Type.FLOAT,
        dataLocation: Location.EXTERNAL,
        externalData: Object.entries(entries).map(([key, value]) => ({
          $typeName: "onnx.StringStringEntryProto",
          key,
          value,
        })),
      });

    test("through a callback", () => {
      const asked: unknown[] = [];
      const graph = readModel(external({ location: "weights/w.bin", offset: "16", length: "8" }), {
        external: (...question) => {
          asked.push(question);
          return Buffer.from(float32([2], [3, 4]).data);
        },
      });
      expect(asked).toEqual([["weights/w.bin", 16, 8]]);
      expect(graph.initializers.get("w")).toEqual(float32([2], [3, 4]));
      expect(readModel(writeModel(graph)).initializers.get("w")).toEqual(float32([2], [3, 4]));
    });

    test.each([
      "/etc/passwd",
      "../w.bin",
      "a/../../w.bin",
      "a\\..\\w.bin",
      "C:\\w.bin",
      "\\\\server\\w.bin",
      "file:///w.bin",
      "",
      "w\0.bin",
    ])("but not from %j", (location) => {
      expect(() => readModel(external({ location }), { external: () => new Uint8Array(8) })).toThrow(
        "no path inside",
      );
    });

    test("and says what is wrong with them", () => {
      expect(problem(external({ location: "w.bin" }))).toMatch("another file, w.bin, which was not given");
      expect(problem(external({ location: "w.bin", length: "9" }))).toMatch("takes 8 bytes, but its file");
      expect(problem(external({ location: "w.bin", offset: "-1" }))).toMatch('the offset "-1"');
      const short = () => readModel(external({ location: "w.bin" }), { external: () => new Uint8Array(7) });
      expect(short).toThrow("takes 8 bytes, but 7 are given");
      const missing = () =>
        readModel(external({ location: "w.bin" }), {
          external: () => {
            throw new Error("ENOENT");
          },
        });
      expect(missing).toThrow("cannot be read from w.bin");
    });
  });

  test.each<[string, Uint8Array, RegExp]>([
    ["an empty file", new Uint8Array(0), /it is empty/],
    ["a JPEG", new Uint8Array([0xff, 0xd8, 0xff, 0xe0]), /a JPEG photo/],
    ["a PNG", new Uint8Array([0x89, 0x50, 0x4e, 0x47]), /a PNG picture/],
    ["a web page", text("<!DOCTYPE html><html></html>"), /a web page/],
    ["a zip archive", text("PK\x03\x04"), /a zip archive/],
    ["Keras weights", new Uint8Array([0x89, 0x48, 0x44, 0x46]), /an HDF5 file/],
    ["a Git LFS pointer", text("version https://git-lfs.github.com/spec/v1\n"), /a Git LFS pointer/],
    ["JSON", text('{"a": 1}'), /JSON/],
    ["text", text("hello"), /not an ONNX model/],
    ["a message without a graph", new Uint8Array([8, 10]), /it has no graph/],
    ["a truncated file", file().subarray(0, 60), /not an ONNX model/],
    [
      "another wire type",
      new Uint8Array([0x3d, 1, 2, 3, 4]),
      /the field graph of a ModelProto has the wrong type/,
    ],
    ["deep nesting", nested(2000), /nested more than/],
    ["a length beyond the end", new Uint8Array([0x3a, 0xff, 0xff, 0xff, 0xff, 0x0f]), /announced/],
    ["a number without end", new Uint8Array(20).fill(0xff), /does not end/],
    [
      "negative dimensions",
      withTensor({ dims: [-2n], dataType: 1, rawData: new Uint8Array(8) }),
      /negative dimension -2/,
    ],
    [
      "dimensions that overflow",
      withTensor({ dims: [2n ** 40n, 2n ** 40n], dataType: 1 }),
      /more elements than can be counted/,
    ],
    ["an impossible dimension", withTensor({ dims: [2n ** 62n], dataType: 1 }), /impossible dimension/],
    [
      "too little data",
      withTensor({ dims: [3n], dataType: 1, rawData: new Uint8Array(8) }),
      /takes 12 bytes, but 8/,
    ],
    [
      "too few numbers",
      withTensor({ dims: [2n ** 40n], dataType: 1, floatData: [1] }),
      /1099511627776 elements by its dimensions, but 1/,
    ],
    [
      "many dimensions",
      withTensor({ dims: Array.from({ length: 99 }, () => 1n), dataType: 1 }),
      /99 dimensions/,
    ],
    ["a value made twice", file((graph) => void graph.node.push(...graph.node)), /made twice/],
    ["a value never made", file((graph) => void graph.node.shift()), /reads sum, which nothing makes/],
    ["an output never made", file((graph) => void graph.node.pop()), /output "y" is made by no node/],
    [
      "an initializer twice",
      file((graph) => void graph.initializer.push(...graph.initializer)),
      /two values called w/,
    ],
    [
      "an operator without a name",
      file((graph) => {
        for (const node of graph.node) node.opType = "";
      }),
      /which operator/,
    ],
    [
      "nodes in a circle",
      file((graph) => {
        const [first] = graph.node;
        if (first !== undefined) first.input[1] = "y";
      }),
      /wait for each other in a circle/,
    ],
    [
      "opset 0",
      file((_, model) => {
        for (const one of model.opsetImport) one.version = 0n;
      }),
      /version 0/,
    ],
  ])("says what is wrong with %s", (_, bytes, expected) => {
    expect(problem(bytes)).toMatch(/^INVALID_MODEL: .*\.$/);
    expect(problem(bytes)).toMatch(expected);
  });

  test("refuses a file that is made to fill the memory", () => {
    const nodes = 2 ** 20;
    const body = new Uint8Array(2 * nodes).map((_, i) => (i % 2 === 0 ? 0x0a : 0));
    const length = [0, 7, 14, 21].map((shift) => ((body.length >> shift) & 0x7f) | (shift < 21 ? 0x80 : 0));
    const started = performance.now();
    expect(problem(new Uint8Array([0x3a, ...length, ...body]))).toMatch(/far more memory/);
    expect(performance.now() - started).toBeLessThan(2000);
  });

  test("is not confused by names of built-in properties", () => {
    const b = new GraphBuilder("__proto__");
    const x = b.input("constructor", "float32", [1]);
    const w = b.constant("__proto__", float32([1], [2]));
    b.output("toString", "float32", [1], b.node("Add", [x, w], {}, { name: "hasOwnProperty" }));
    const graph = readModel(writeModel(b.build()));
    expect(graph.initializers.get("__proto__")?.dims).toEqual([1]);
    expect(graph.nodes.map(({ outputs }) => outputs)).toEqual([["hasOwnProperty"], ["toString"]]);
  });
});

/** Messages in messages: an attribute with a graph with a node with an attribute ... */
function nested(depth: number): Uint8Array {
  let bytes = new Uint8Array(0);
  const wrap = (field: number) => {
    const length = [0, 7, 14, 21].map((shift) => ((bytes.length >> shift) & 0x7f) | (shift < 21 ? 0x80 : 0));
    bytes = new Uint8Array([(field << 3) | 2, ...length, ...bytes]);
  };
  for (let i = 0; i < depth; i++) for (const field of [6, 5, 1]) wrap(field);
  wrap(7);
  return bytes;
}

const files = ["golden/networks", "models"].flatMap((folder) => {
  const path = shared(folder);
  return path === undefined
    ? []
    : readdirSync(path)
        .filter((name) => name.endsWith(".onnx"))
        .map((name) => `${path}/${name}`);
});

describe.skipIf(files.length === 0)("exported models survive a round trip (needs ../shared)", () => {
  test.each(files)("%s", async (path) => {
    const graph = readModel(readFileSync(path));
    const again = readModel(writeModel(graph));
    expect(plain(again)).toEqual(plain(graph));
    const [input] = graph.inputs;
    const dims =
      input?.shape?.map((dim, axis) => (typeof dim === "number" ? dim : axis === 0 ? 1 : 64)) ?? [];
    const count = elementCount(dims);
    const x = tensorOf(
      input?.type ?? "float32",
      dims,
      Array.from({ length: count }, (_, i) => Math.sin(i)),
    );
    const feeds = { [input?.name ?? ""]: x };
    const [output] = graph.outputs;
    const after = await runGraph(again, feeds);
    const plainly = await runFile(path, feeds);
    expect(after[output?.name ?? ""]?.data).toEqual(plainly[output?.name ?? ""]?.data);
  });
});

/** Runs the file itself, as it stands. */
async function runFile(
  path: string,
  feeds: Record<string, Tensor>,
): Promise<Record<string, { data: Uint8Array }>> {
  const ort = await import("onnxruntime-node");
  const session = await ort.InferenceSession.create(path, {
    intraOpNumThreads: 1,
    graphOptimizationLevel: "basic",
    logSeverityLevel: 3,
  });
  const inputs = Object.entries(feeds).map(([name, { type, dims, data }]) => {
    const values =
      type === "float16" ? new Uint16Array(data.slice().buffer) : new Float32Array(data.slice().buffer);
    return [name, new ort.Tensor(type as "float32", values as Float32Array, dims)] as const;
  });
  const results = await session.run(Object.fromEntries(inputs));
  await session.release();
  return Object.fromEntries(
    Object.entries(results).map(([name, { data }]) => {
      const values = data as Float32Array;
      return [name, { data: new Uint8Array(values.buffer, values.byteOffset, values.byteLength).slice() }];
    }),
  );
}
