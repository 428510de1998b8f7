import { describe, expect, test } from "vitest";
import { GraphBuilder } from "../../../onnx/index.js";
import { Layouts, mapDim, storedAxis, storedShape, type Value } from "./value.js";

describe("Layouts", () => {
  const builder = new GraphBuilder("layouts");
  const layouts = new Layouts(builder);
  const picture: Value = {
    name: builder.input("x", "float32", ["N", 4, 5, 3]),
    shape: ["N", 4, 5, 3],
    layout: "keras",
  };

  test("turns a value once, and back for nothing", () => {
    const turned = layouts.channelsFirst(picture);
    expect(turned).toEqual({ name: "x/channels_first", shape: ["N", 4, 5, 3], layout: "channels-first" });
    expect(layouts.channelsFirst(picture)).toBe(turned);
    expect(layouts.keras(turned)).toBe(picture);
    expect(layouts.channelsFirst(turned)).toBe(turned);
    expect(builder.build().nodes).toHaveLength(1);
    expect(storedShape(turned)).toEqual(["N", 3, 4, 5]);
    expect([0, 1, 2, 3].map((axis) => storedAxis(turned, axis))).toEqual([0, 2, 3, 1]);
  });

  test("leaves what is no picture as it is", () => {
    const row: Value = { name: "row", shape: ["N", 3], layout: "keras" };
    expect(layouts.channelsFirst(row)).toBe(row);
    expect(storedAxis(row, 1)).toBe(1);
  });

  test("what follows from an unknown size is unknown", () => {
    expect(mapDim(4, (n) => n * 2)).toBe(8);
    expect(mapDim("H", (n) => n * 2)).toBe("?");
  });
});
