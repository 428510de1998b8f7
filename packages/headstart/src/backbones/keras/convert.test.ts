import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { KERAS_SIZE, writeKerasClassifier } from "../../../test/support/keras-model.js";
import { runGraph } from "../../../test/support/run-graph.js";
import { folderWith } from "../../../test/support/temporary.js";
import { float32, floats, readModel } from "../../onnx/index.js";
import { convertKeras } from "./convert.js";
import { readKeras } from "./read.js";

test("the ONNX model takes and returns what the Keras model does", async () => {
  const folder = folderWith({});
  const file = await writeKerasClassifier(join(folder, "mine.h5"));
  const out = join(folder, "mine.onnx");
  const converted = await convertKeras(file, out);
  const shapes = [
    ["N", KERAS_SIZE, KERAS_SIZE, 3],
    ["N", 3],
  ].map((shape) => [expect.anything(), ...shape.slice(1)]);
  expect(converted).toEqual({
    file: out,
    bytes: readFileSync(out).length,
    parameters: 27 * 4 + 4 + 4 * 3 + 3,
    inputs: [{ name: "photo", shape: shapes[0] }],
    outputs: [{ name: expect.any(String), shape: shapes[1] }],
  });
  const written = readModel(readFileSync(out));
  const { graph } = await readKeras(file);
  const photo = float32(
    [2, KERAS_SIZE, KERAS_SIZE, 3],
    Float32Array.from({ length: 2 * KERAS_SIZE ** 2 * 3 }, (_, i) => Math.sin(i)),
  );
  const answers = await runGraph(written, { photo });
  expect(answers).toEqual(await runGraph(graph, { photo }));
  const [answer] = Object.values(answers).map(floats);
  expect(answer?.slice(0, 3).reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 5);
});

test("an output that is no ONNX file, and an input that is no Keras model", async () => {
  const folder = folderWith({ "text.h5": "hello" });
  await expect(convertKeras(join(folder, "text.h5"), join(folder, "out.h5"))).rejects.toMatchObject({
    code: "INVALID_OPTION",
    message: expect.stringContaining("does not end in .onnx"),
  });
  await expect(convertKeras(join(folder, "text.h5"), join(folder, "out.onnx"))).rejects.toMatchObject({
    code: "INVALID_MODEL",
  });
  await expect(convertKeras(join(folder, "none.h5"), join(folder, "out.onnx"))).rejects.toMatchObject({
    code: "NOT_FOUND",
  });
});
