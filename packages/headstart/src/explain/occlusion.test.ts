import { expect, test } from "vitest";
import { CLASSES, mapPhotos, pooledNetwork, SIDE } from "../../test/support/map-networks.js";
import { runGraph } from "../../test/support/run-graph.js";
import { float32, floats, int64 } from "../onnx/index.js";
import { composeOcclusion } from "./occlusion.js";

test("the drop is that of the logit of a photo with grey pixels", async () => {
  const network = pooledNetwork();
  const image = mapPhotos(1);
  const logitOf = async (data: Uint8Array<ArrayBuffer>) => {
    const { logits } = await runGraph(network, { image: { ...image, data } });
    return floats(logits ?? float32([0], []))[1] ?? Number.NaN;
  };
  expect(CLASSES).toBe(3);
  const clean = await logitOf(image.data);
  const { drop } = await runGraph(composeOcclusion(network, SIDE, 4), {
    image,
    class: int64([1], [1]),
    place: int64([2], [0, 6]),
    clean: float32([1], [clean]),
  });
  // Places are 4 pixels wide, and so is the patch: row 0, column 0; row 1, column 2.
  for (const [i, [top, left]] of [
    [0, 0],
    [4, 8],
  ].entries()) {
    const data = image.data.slice();
    for (let y = 0; y < 4; y++)
      for (let x = 0; x < 4; x++) {
        const at = (((top ?? 0) + y) * SIDE + (left ?? 0) + x) * 3;
        data.fill(127, at, at + 3);
      }
    const found = floats(drop ?? float32([0], []))[i];
    expect(found).toBeCloseTo(clean - (await logitOf(data)), 5);
  }
});

test("a patch on grey takes nothing away", async () => {
  const image = { ...mapPhotos(1), data: new Uint8Array(SIDE * SIDE * 3).fill(127) };
  const { logits } = await runGraph(pooledNetwork(2), { image });
  const [first = 0, second = 0] = floats(logits ?? float32([0], []));
  const { drop } = await runGraph(composeOcclusion(pooledNetwork(2), SIDE), {
    image,
    class: int64([1], [0]),
    place: int64([3], [0, 100, 195]),
    clean: float32([1], [first - second]),
  });
  for (const value of floats(drop ?? float32([0], []))) expect(value).toBeCloseTo(0, 5);
});
