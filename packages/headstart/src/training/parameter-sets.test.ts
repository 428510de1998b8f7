import { afterAll, expect, test } from "vitest";
import { float32, floats } from "../onnx/index.js";
import { Runtime } from "../runtime/index.js";
import { ParameterSets } from "./parameter-sets.js";

const runtime = Runtime.start({ threads: 1 });
afterAll(() => runtime.close());

const TENSORS = [
  { name: "weight", shape: [2] },
  { name: "weight.momentum", shape: [2] },
];

test("starts from what is given, and from zeros where nothing is", async () => {
  const sets = await ParameterSets.create(runtime, TENSORS, new Map([["weight", float32([2], [1, 2])]]));
  const values = await sets.read();
  expect([...values].map(([name, tensor]) => [name, ...floats(tensor)])).toEqual([
    ["weight", 1, 2],
    ["weight.momentum", 0, 0],
  ]);
  expect([...(await sets.read(["weight"])).keys()]).toEqual(["weight"]);
  await sets.close();
});

test("what a step writes is what the next one reads", async () => {
  const sets = await ParameterSets.create(runtime, TENSORS, new Map());
  const first = sets.swap();
  expect(Object.keys(first.inputs)).toEqual(["weight", "weight.momentum"]);
  expect(Object.keys(first.into)).toEqual(["weight.next", "weight.momentum.next"]);
  const second = sets.swap();
  expect(Object.values(second.inputs)).toEqual(Object.values(first.into));
  expect(Object.values(second.into)).toEqual(Object.values(first.inputs));
  expect(sets.held(["weight"])).toEqual({ weight: first.inputs.weight });
  await sets.close();
});
