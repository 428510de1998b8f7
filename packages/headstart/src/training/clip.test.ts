import { expect, test } from "vitest";
import { runGraph } from "../../test/support/run-graph.js";
import { float32, floats, GraphBuilder } from "../onnx/index.js";
import { addClipping } from "./clip.js";

const FIRST = [3, -1, 0.5, 2];
const SECOND = [1, -4, 0.25];

// The clipped gradients are those of torch.nn.utils.clip_grad_norm_ in float64.
test.each([
  {
    most: 1,
    first: [0.5361203661221582, -0.17870678870738607, 0.08935339435369304, 0.35741357741477214],
    second: [0.17870678870738607, -0.7148271548295443, 0.04467669717684652],
  },
  { most: 100, first: FIRST, second: SECOND },
])("gradients of length 5.6 are clipped to $most as PyTorch does", async ({ most, first, second }) => {
  const b = new GraphBuilder("clip");
  const given = [b.input("a", "float32", [2, 2]), b.input("b", "float32", [3])];
  const { gradients, norm } = addClipping(b, given, most);
  b.output("a.clipped", "float32", [2, 2], gradients[0]);
  b.output("b.clipped", "float32", [3], gradients[1]);
  b.output("norm", "float32", [], norm);
  const found = await runGraph(b.build(), { a: float32([2, 2], FIRST), b: float32([3], SECOND) });
  const close = (name: string, expected: readonly number[]) => {
    const tensor = found[name];
    const values = tensor === undefined ? [] : [...floats(tensor)];
    expect(values).toHaveLength(expected.length);
    for (const [i, value] of expected.entries()) expect(values[i]).toBeCloseTo(value, 6);
  };
  close("norm", [5.595757321399848]);
  close("a.clipped", first);
  close("b.clipped", second);
});
