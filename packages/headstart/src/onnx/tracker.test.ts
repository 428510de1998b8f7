import { expect, test } from "vitest";
import { GraphBuilder } from "./builder.js";
import { float32, int64, integers } from "./tensor.js";
import { Tracker } from "./tracker.js";

test("follows shapes, and what is computed from those that are known", () => {
  const b = new GraphBuilder("g");
  const x = b.input("x", "float32", ["N", 4, 6]);
  const half = b.constant("half", { type: "float16", dims: [2], data: new Uint8Array(4) });
  const shape = b.node("Shape", [x], {}, { name: "shape" });
  b.node("Gather", [shape, b.constant("at", int64([], [0]))], {}, { name: "photos" });
  b.node("Gather", [shape, b.integers([2])], {}, { name: "width" });
  // Pads as PyTorch writes them: a list of pairs, turned about.
  const pairs = b.node("Reshape", [b.integers([1, 2, 3, 4]), b.integers([-1, 2])]);
  const ordered = b.node("Transpose", [pairs], { perm: [1, 0] });
  b.node("Reshape", [ordered, b.integers([-1])], {}, { name: "pads" });
  b.node("Cast", [half], { to: 1 }, { name: "weights" });
  b.node("Constant", [], { value: float32([1], [2]) }, { name: "two" });
  const graph = b.build();
  const tracker = new Tracker(graph);
  const constant = graph.nodes.filter((node) => tracker.add(node)).flatMap(({ outputs }) => outputs);
  expect(constant).toEqual(expect.arrayContaining(["width", "pads", "two"]));
  // The number of photos is not known, and weights stay as they are stored.
  for (const name of ["shape", "photos", "weights"]) expect(constant).not.toContain(name);
  expect(tracker.of("photos").elements).toEqual(["N"]);
  const list = (name: string) => integers(tracker.constants.get(name) ?? int64([0], []));
  expect(list("width")).toEqual([6]);
  expect(list("pads")).toEqual([1, 3, 2, 4]);
});
