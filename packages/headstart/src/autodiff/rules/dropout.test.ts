import { describe, expect, test } from "vitest";
import { gradientsOf } from "../../../test/support/gradients-of.js";
import { float32, type GraphBuilder, type Tensor } from "../../onnx/index.js";

const flag = (b: GraphBuilder, on: boolean) =>
  b.constant("training", { type: "bool", dims: [], data: Uint8Array.of(on ? 1 : 0) } satisfies Tensor);

describe("Dropout", () => {
  const x = float32([8], [1, 2, 3, 4, 5, 6, 7, 8]);

  test.each([
    ["without inputs for training", () => []],
    ["with a ratio", (b: GraphBuilder) => [b.scalar(0.4)]],
    ["with training off", (b: GraphBuilder) => ["", flag(b, false)]],
  ])("passes the gradient on %s", async (_, more) => {
    const found = await gradientsOf((b) => b.node("Dropout", ["x", ...more(b)]), { x });
    expect(found.x).toEqual(Array(8).fill(1));
  });

  test.each([undefined, 0.75])("in training goes where its mask is set, ratio %s", async (ratio) => {
    // The result is x / (1 - ratio) or 0, and so is the gradient of the sum of y x / 2, for its two factors apart from each other.
    const found = await gradientsOf(
      (b) => {
        const inputs = ["x", ratio === undefined ? "" : b.scalar(ratio), flag(b, true)];
        const [y = ""] = b.nodes("Dropout", inputs, 2, { seed: 7 });
        return b.node("Mul", [y, y]);
      },
      { x },
    );
    // d(x^2 s^2) = 2 x s^2 with s = 1 / (1 - ratio) where an element was kept.
    const scale = 1 / (1 - (ratio ?? 0.5));
    const gradients = found.x?.map((d, i) => d / (2 * (i + 1) * scale ** 2)) ?? [];
    expect(new Set(gradients)).toEqual(new Set([0, 1]));
  });

  test("in training needs its mask, and has to be known to be in training", async () => {
    await expect(gradientsOf((b) => b.node("Dropout", ["x", "", flag(b, true)]), { x })).rejects.toThrow(
      "Dropout (Dropout), which is in training form and does not hand out its mask.",
    );
    const mode: Tensor = { type: "bool", dims: [], data: Uint8Array.of(0) };
    await expect(gradientsOf((b) => b.node("Dropout", ["x", "", "mode"]), { x, mode })).rejects.toThrow(
      "of which is not known whether it is in training form",
    );
  });
});
