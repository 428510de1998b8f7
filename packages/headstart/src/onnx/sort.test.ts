import { describe, expect, test } from "vitest";
import type { Node } from "./graph.js";
import { sortNodes } from "./sort.js";

function node(name: string, inputs: string[], outputs = [name]): Node {
  return { op: "Op", domain: "", name, inputs, outputs, attributes: new Map() };
}

const names = (nodes: readonly Node[]) => nodes.map(({ name }) => name).join("");

describe("sortNodes", () => {
  test("leaves an order that is one, and makes one where it is not", () => {
    const [a, b, c] = [node("a", ["x"]), node("b", ["a", ""]), node("c", ["b", "a"])];
    expect(names(sortNodes([a, b, c], new Set("x")))).toBe("abc");
    expect(names(sortNodes([c, b, a], new Set("x")))).toBe("abc");
  });

  test("refuses circles, what is made twice and what is never made", () => {
    expect(() => sortNodes([node("a", ["b"]), node("b", ["a"])], new Set())).toThrow("in a circle");
    expect(() => sortNodes([node("a", ["a"])], new Set())).toThrow("in a circle");
    expect(() => sortNodes([node("a", []), node("b", [], ["a"])], new Set())).toThrow(
      "The value a is made twice",
    );
    expect(() => sortNodes([node("a", [], ["x"])], new Set("x"))).toThrow("The value x is made twice");
    expect(() => sortNodes([node("a", ["y"])], new Set())).toThrow("reads y, which nothing makes");
  });

  test("takes long chains the wrong way round, and many readers, in its stride", () => {
    const chain = Array.from({ length: 50_000 }, (_, i) =>
      node(`${i}`, i === 0 ? [] : [`${i - 1}`]),
    ).reverse();
    expect(sortNodes(chain, new Set()).at(-1)?.name).toBe("49999");
    const fan = [...Array.from({ length: 50_000 }, (_, i) => node(`r${i}`, ["m"])), node("m", [])];
    expect(sortNodes(fan, new Set())[0]?.name).toBe("m");
  });
});
