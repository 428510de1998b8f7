import { describe, expect, test } from "vitest";
import { patterned, worstDifference } from "../../test/support/figures.js";
import { runGraph } from "../../test/support/run-graph.js";
import { AUGMENTATIONS, drawAugmentation } from "../data/index.js";
import { float32, floats, type Graph, GraphBuilder, type Tensor } from "../onnx/index.js";
import { createRandom } from "../random.js";
import { drawMix } from "./mixing.js";
import { drawInputs, type ViewChoices, viewStage } from "./views.js";

const SIZE = 6;
const none = { augmentation: null, mixup: 0, cutmix: 0 } as const;
const still = { rotation: 0, shear: 0, zoom: [1, 1], horizontalFlip: false } as const;

function compose(choices: ViewChoices): Graph {
  const b = new GraphBuilder("views");
  const photo = b.input("photo", "float32", ["N", 3, SIZE, SIZE]);
  b.output("view", "float32", ["N", 3, SIZE, SIZE], viewStage(choices, SIZE)(b, photo));
  return b.build();
}

async function run(choices: ViewChoices, rows: number, seed = 1): Promise<Float32Array> {
  const graph = compose(choices);
  const { share: _, ...inputs } = drawInputs(createRandom(seed), choices, rows, SIZE);
  const photos = Array.from({ length: rows }, (_, row) => [...ramp(row)]).flat();
  const found = await runGraph(graph, { photo: float32([rows, 3, SIZE, SIZE], photos), ...inputs });
  return floats(found.view ?? float32([0], []));
}

/** A photo [3, SIZE, SIZE], another for each row. */
function ramp(row: number): Float32Array {
  return Float32Array.from(patterned(SIZE, SIZE).data, (value) => (value + 60 * row) % 256);
}

const names = (inputs: Record<string, Tensor>) => Object.keys(inputs).sort();

describe("viewStage and drawInputs", () => {
  test.each<[string, ViewChoices, readonly string[]]>([
    ["nothing", none, []],
    ["an augmentation that allows nothing", { ...none, augmentation: still }, []],
    ["Keras's", { ...none, augmentation: AUGMENTATIONS.keras }, ["affine"]],
    ["colours alone", { ...none, augmentation: { ...still, contrast: 0.2 } }, ["colour"]],
    ["standard", { ...none, augmentation: AUGMENTATIONS.standard }, ["affine", "colour"]],
    ["mixup alone", { ...none, mixup: 0.2 }, ["mix_box", "mix_weight", "partner"]],
    [
      "everything",
      { augmentation: AUGMENTATIONS.strong, mixup: 0.2, cutmix: 1 },
      ["affine", "colour", "mix_box", "mix_weight", "partner"],
    ],
  ])("%s: the graph has the inputs that are drawn, and gives views", async (_, choices, wanted) => {
    const declared = compose(choices)
      .inputs.map(({ name }) => name)
      .filter((name) => name !== "photo");
    expect(declared.sort()).toEqual(wanted);
    const { share, ...inputs } = drawInputs(createRandom(1), choices, 3, SIZE);
    expect(names(inputs)).toEqual(wanted);
    expect(share === undefined).toBe(!wanted.includes("partner"));
    for (const rows of [1, 3]) {
      const found = await run(choices, rows);
      expect(found).toHaveLength(rows * 3 * SIZE * SIZE);
      expect(found.every((value) => value >= 0 && value <= 255)).toBe(true);
    }
  });

  test("photos as they are where nothing is drawn", async () => {
    const found = await run({ ...none, augmentation: still }, 2);
    expect(worstDifference(found, [...ramp(0), ...ramp(1)])).toBe(0);
  });

  test("draws for keras-classic what it always drew", () => {
    const choices = { ...none, augmentation: AUGMENTATIONS.keras };
    const random = createRandom(7, "augmentation", 3, 2);
    const wanted = [0, 1].flatMap(() => [...drawAugmentation(random, AUGMENTATIONS.keras, 224)]);
    const { affine } = drawInputs(createRandom(7, "augmentation", 3, 2), choices, 2, 224);
    expect(affine && [...floats(affine)]).toEqual(wanted);
  });

  test("mixing is drawn after the views, and mixes them", async () => {
    const choices = { augmentation: AUGMENTATIONS.strong, mixup: 0.2, cutmix: 0 };
    const random = createRandom(1);
    const { affine, colour } = drawInputs(random, { ...choices, mixup: 0 }, 3, SIZE);
    expect(drawInputs(createRandom(1), choices, 3, SIZE)).toEqual({
      affine,
      colour,
      ...drawMix(random, choices, 3, SIZE),
    });
    const [plain, mixed] = [await run({ ...choices, mixup: 0 }, 1), await run(choices, 1)];
    expect(worstDifference(mixed, plain)).toBeLessThan(1e-3);
  });

  test("the same seed draws the same inputs and makes the same views, another seed others", async () => {
    const choices = { augmentation: AUGMENTATIONS.strong, mixup: 0.2, cutmix: 1 };
    const draw = (seed: number) => drawInputs(createRandom(seed), choices, 4, SIZE);
    expect(draw(1)).toEqual(draw(1));
    expect(draw(1)).not.toEqual(draw(2));
    expect(await run(choices, 4)).toEqual(await run(choices, 4));
    expect(await run(choices, 4, 2)).not.toEqual(await run(choices, 4));
  });
});
