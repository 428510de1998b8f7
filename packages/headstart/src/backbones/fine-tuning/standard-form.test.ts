import { describe, expect, test } from "vitest";
import { runGraph } from "../../../test/support/run-graph.js";
import { float32, floats, GraphBuilder, type Tensor, tensorOf } from "../../onnx/index.js";
import { standardForm } from "./standard-form.js";
import { unshared } from "./unshared.js";

const half = (dims: readonly number[], values: readonly number[]): Tensor =>
  tensorOf("float16", dims, values);

describe("standardForm", () => {
  /** Photos of one pixel to four features, through weights that are stored in several ways. */
  function network() {
    const b = new GraphBuilder("stored");
    const image = b.input("image", "float32", ["N", 3, 1, 1]);
    const cast = (name: string, tensor: Tensor, made: string) =>
      b.node("Cast", [b.constant(name, tensor)], { to: 1 }, { name: made });
    const kernel = cast("kernel.fp16", half([2, 3, 1, 1], [1, 2, 3, 4, 5, 6]), "kernel");
    const again = b.node("Cast", ["kernel.fp16"], { to: 1 }, { name: "again" });
    const bias = b.node("Constant", [], { value: float32([2], [0.5, -0.5]) }, { name: "bias" });
    const maps = b.node("Conv", [image, kernel, bias]);
    const more = b.node("Conv", [image, again, b.node("Identity", [bias])]);
    const flat = b.node("Flatten", [b.node("Add", [maps, more])]);
    const matrix = b.constant("matrix", float32([4, 2], [1, 2, 3, 4, 5, 6, 7, 8]));
    const product = b.node("MatMul", [
      flat,
      b.node("Transpose", [matrix], { perm: [1, 0] }, { name: "turned" }),
    ]);
    const scale = b.node("CastLike", [b.constant("two", half([], [2])), product]);
    b.output("features", "float32", ["N", 4], b.node("Mul", [product, scale]));
    return b.build();
  }

  test("weights are float32 initializers; what carries them stays, what copies them goes", () => {
    const form = standardForm(network());
    expect(form.nodes.map(({ op }) => op).join(" ")).toBe(
      "Conv Conv Add Flatten Transpose MatMul Mul Identity",
    );
    expect([...form.initializers.keys()].toSorted()).toEqual(["CastLike", "bias", "kernel", "matrix"]);
    for (const tensor of form.initializers.values()) expect(tensor.type).toBe("float32");
    const convolutions = form.nodes.filter(({ op }) => op === "Conv").map(({ inputs }) => inputs.slice(1));
    expect(convolutions).toEqual([
      ["kernel", "bias"],
      ["kernel", "bias"],
    ]);
  });

  test("it computes the same", async () => {
    const image = float32([2, 3, 1, 1], [1, 2, 3, -1, 0.5, 2]);
    const [expected, found] = [
      await runGraph(network(), { image }),
      await runGraph(standardForm(network()), { image }),
    ];
    expect(found.features && floats(found.features)).toEqual(expected.features && floats(expected.features));
  });
});

test("a normalisation exported in training mode uses its running statistics, unless it standardises weights", () => {
  const b = new GraphBuilder("training");
  const image = b.input("image", "float32", ["N", 3, 4, 4]);
  const vector = (name: string, values: readonly number[]) => b.constant(name, float32([3], values));
  const norm = (x: string, name: string) =>
    b.nodes(
      "BatchNormalization",
      [
        x,
        vector(`${name}.scale`, [1, 2, 3]),
        vector(`${name}.bias`, [0, 1, 2]),
        vector(`${name}.mean`, [0, 1, 0]),
        vector(`${name}.variance`, [1, 1, 2]),
      ],
      3,
      { training_mode: 1 },
      { name },
    );
  const kernel = b.constant("kernel", float32([1, 3, 3], [1, 2, 3, 4, 5, 6, 7, 8, 9]));
  const [standard = ""] = norm(kernel, "standardised");
  const weight = b.node("Reshape", [standard, b.integers([3, 3, 1, 1])]);
  const [maps = ""] = norm(b.node("Conv", [image, weight]), "norm");
  b.output("features", "float32", ["N", 48], b.node("Flatten", [maps]));
  const norms = standardForm(b.build()).nodes.filter(({ op }) => op === "BatchNormalization");
  expect(norms.map(({ attributes, outputs }) => [attributes.has("training_mode"), outputs.length])).toEqual([
    [true, 3],
    [false, 1],
  ]);
});

test("layers that an exporter made share zeros and ones get their own", () => {
  const b = new GraphBuilder("shared");
  const image = b.input("image", "float32", ["N", 2, 1, 1]);
  const zeros = b.constant("zeros", half([2], [0, 0]));
  const ones = b.constant("ones", float32([2], [1, 1]));
  const tied = b.constant("tied", float32([2, 2, 1, 1], [1, 2, 3, 4]));
  const offset = b.node("Cast", [zeros], { to: 1 });
  const first = b.node("Conv", [image, tied, offset], {}, { name: "first" });
  const second = b.node("Conv", [first, tied, b.node("Identity", [offset])], {}, { name: "second" });
  const norm = b.node("BatchNormalization", [second, ones, offset, offset, ones], {}, { name: "norm" });
  b.output("features", "float32", ["N", 2], b.node("Flatten", [norm]));
  const graph = unshared(b.build());
  const inputs = (name: string) => graph.nodes.find((node) => node.name === name)?.inputs.slice(1);
  expect(inputs("first")).toEqual(["tied", "Cast"]);
  expect(inputs("second")).toEqual(["tied", "second.zeros"]);
  expect(inputs("norm")).toEqual(["ones", "norm.zeros", "norm.zeros_1", "norm.ones"]);
  expect(graph.initializers.get("norm.zeros_1")).toMatchObject({ type: "float32", dims: [2] });
});
