import { existsSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { Classifier, type Progress, resume, train } from "../src/index.js";
import { RECIPES } from "../src/training/index.js";
import { drawPhotos } from "./support/photos.js";
import { newFolder } from "./support/temporary.js";

const work = newFolder();
const photos = join(work, "photos");
const out = join(work, "runs");
const quick = {
  out,
  report: false,
  threads: 2,
  recipe: { ...RECIPES.default, name: "quick", optimiser: { kind: "lbfgs", l2: 0.01 } },
  stages: "100@64",
} as const;
const classic = {
  out,
  report: false,
  threads: 2,
  recipe: "keras-classic",
  batchSize: 16,
  learningRate: 0.01,
} as const;

beforeAll(() => drawPhotos(photos, 16));
afterAll(() => rmSync(work, { recursive: true, force: true }));
beforeEach(() => useCache("cache"));

function useCache(name: string): void {
  process.env.HEADSTART_CACHE = join(work, name);
}

function model(name: string): Buffer {
  return readFileSync(join(out, name, "model.onnx"));
}

function decision(name: string): { precision: string; reason: string } {
  return JSON.parse(readFileSync(join(out, name, "precision.json"), "utf8"));
}

describe("int8, as asked", () => {
  test("makes a smaller model that answers alike, and says what it is", async () => {
    const notes: string[] = [];
    const onProgress = (progress: Progress) => {
      if (progress.kind === "note") notes.push(progress.message);
    };
    const run = await train(photos, { ...quick, name: "int8", precision: "int8", onProgress });
    const float = await train(photos, { ...quick, name: "float", precision: "float" });
    expect(notes).toContainEqual(expect.stringMatching(/^int8, as asked: .*cosine of the features 0\.\d+/));
    expect(decision("int8")).toMatchObject({
      precision: "int8",
      reason: notes.find((note) => /^int8/.test(note)),
    });
    expect(existsSync(join(out, "float", "precision.json"))).toBe(false);
    expect(existsSync(join(out, "int8", "int8.onnx"))).toBe(false);
    expect(statSync(run.model).size).toBeLessThan(0.6 * statSync(float.model).size);
    const classifiers = await Promise.all([run, float].map(({ model }) => Classifier.load(model)));
    expect(classifiers.map(({ provenance }) => provenance.backbone.precision)).toEqual(["int8", "float32"]);
    const [first, second] = await Promise.all(
      classifiers.map((classifier) => classifier.predict(join(photos, "cat", "01.jpg"))),
    );
    expect(first?.className).toBe("cat");
    expect(first?.probability).toBeCloseTo(second?.probability ?? 0, 1);
    for (const classifier of classifiers) await classifier.close();
  });

  test("gives the same model again, calibrated anew or taken from the cache", async () => {
    await train(photos, { ...quick, name: "again", precision: "int8" });
    useCache("other cache");
    await train(photos, { ...quick, name: "anew", precision: "int8" });
    expect(model("again").equals(model("int8"))).toBe(true);
    expect(model("anew").equals(model("int8"))).toBe(true);
  });

  test("is refused for a network that has been quantised already, and auto leaves that alone", async () => {
    const backbone = fileURLToPath(new URL("fixtures/onnx/resnet-qdq.onnx", import.meta.url));
    const own = { backbone, mean: [127.5], std: [127.5] };
    await expect(
      train(photos, { ...quick, ...own, stages: "5@32", name: "twice", precision: "int8" }),
    ).rejects.toMatchObject({ code: "UNSUPPORTED" });
    await train(photos, { ...classic, ...own, stages: "12@32", name: "left alone" });
    expect(decision("left alone").reason).toBe("float: the network has nothing that can run in int8");
    expect(decision("left alone").precision).toBe("float32");
  });
});

describe("auto", () => {
  test("stays in float where trying would take longer than it can save", async () => {
    await train(photos, { ...quick, name: "short" });
    expect(decision("short")).toEqual({
      precision: "float32",
      reason: "float: with this few photos, trying int8 would take longer than it can save",
    });
  });

  test("tries in a longer run, decides by what it measures, and a resumed run goes on with that", async () => {
    const stop = new AbortController();
    const long = { ...classic, name: "long", stages: "12@64" };
    const interrupted = train(photos, {
      ...long,
      signal: stop.signal,
      onProgress: (progress) => {
        if (progress.kind === "epoch" && progress.row.epoch === 2) stop.abort();
      },
    });
    await expect(interrupted).rejects.toMatchObject({ code: "INTERRUPTED" });
    const { precision, reason } = decision("long");
    expect(reason).toMatch(precision === "int8" ? /^int8: .* times as fast .*cross-validated/ : /^float: /);
    expect(existsSync(join(out, "long", "int8.onnx"))).toBe(precision === "int8");
    await resume(join(out, "long"), { report: false });
    const classifier = await Classifier.load(join(out, "long"));
    expect(classifier.provenance.backbone.precision).toBe(precision);
    await classifier.close();
    await train(photos, { ...long, name: "whole", precision: precision === "int8" ? "int8" : "float" });
    expect(model("long").equals(model("whole"))).toBe(true);
    expect(existsSync(join(out, "long", "int8.onnx"))).toBe(false);
  });
});
