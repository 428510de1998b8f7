import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { kerasFixture } from "../../../test/support/keras-files.js";
import { writeKerasClassifier } from "../../../test/support/keras-model.js";
import { runGraph } from "../../../test/support/run-graph.js";
import { folderWith } from "../../../test/support/temporary.js";
import { float32, floats } from "../../onnx/index.js";
import { KERAS_APPLICATIONS } from "./applications/index.js";
import { readKeras } from "./read.js";

describe("a whole model", () => {
  test.each(["keras3.h5", "keras3.keras", "keras2-13.keras", "keras2-15.keras"])(
    "%s becomes a graph with the inputs and outputs that Keras gives it",
    async (name) => {
      const file = kerasFixture(name);
      const { graph, digest, prepared } = await readKeras(file);
      expect(digest).toBe(createHash("sha256").update(readFileSync(file)).digest("hex"));
      expect(prepared).toBeUndefined();
      expect(graph.inputs).toMatchObject([{ type: "float32", shape: [expect.anything(), 4, 4, 3] }]);
      const [{ name: input } = { name: "" }] = graph.inputs;
      const [{ name: output } = { name: "" }] = graph.outputs;
      const made = (await runGraph(graph, { [input]: float32([2, 4, 4, 3], new Float32Array(96).fill(1)) }))[
        output
      ];
      expect(made?.dims).toEqual([2, 2]);
    },
  );

  test("the versions of Keras give the same answers", async () => {
    const image = float32(
      [1, 4, 4, 3],
      Float32Array.from({ length: 48 }, (_, i) => i / 48),
    );
    const answers: number[][] = [];
    for (const name of ["keras3.h5", "keras3.keras", "keras2-13.keras", "keras2-15.keras"]) {
      const { graph } = await readKeras(kerasFixture(name));
      const made = Object.values(await runGraph(graph, { [graph.inputs[0]?.name ?? ""]: image }));
      answers.push(made.flatMap((tensor) => [...floats(tensor)]));
    }
    for (const answer of answers) expect(answer).toEqual(answers[0]);
  });

  test("that is called like one of Keras's own is prepared like it", async () => {
    const file = await writeKerasClassifier(join(folderWith({}), "mine.h5"), { name: "vgg16" });
    const { prepared } = await readKeras(file);
    expect(prepared).toEqual({
      preprocessing: KERAS_APPLICATIONS.vgg16?.preprocessing,
      preparation: "as Keras prepares them for VGG16, because the network is called vgg16",
    });
  });
});

describe("is refused", () => {
  test("a file of weights only", async () => {
    await expect(readKeras(kerasFixture("keras3.weights.h5"))).rejects.toMatchObject({
      code: "INVALID_MODEL",
      message: expect.stringContaining("holds weights only"),
      hint: expect.stringContaining("keras:resnet50"),
    });
  });

  test("a layer that runs code, by its name", async () => {
    const extra = { className: "Lambda", config: { name: "mine", function: ["x"] } };
    const file = await writeKerasClassifier(join(folderWith({}), "mine.h5"), { extra });
    await expect(readKeras(file)).rejects.toMatchObject({
      code: "UNSUPPORTED",
      message: expect.stringMatching(/Lambda/),
    });
  });

  test("weights that do not fit the architecture", async () => {
    await expect(
      readKeras(kerasFixture("keras2.h5"), { name: "resnet50", top: false }),
    ).rejects.toMatchObject({ code: "INVALID_MODEL" });
  });

  test("a file that is not there", async () => {
    await expect(readKeras(join(folderWith({}), "none.h5"))).rejects.toMatchObject({ code: "NOT_FOUND" });
  });
});
