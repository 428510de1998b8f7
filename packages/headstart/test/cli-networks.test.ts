import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { main } from "../src/cli/main.js";
import { readModel, writeModel } from "../src/onnx/index.js";
import { captured } from "./support/captured.js";
import { hubServer } from "./support/hub.js";
import { KERAS_SIZE, writeKerasClassifier } from "./support/keras-model.js";
import { drawPhotos } from "./support/photos.js";
import { serve } from "./support/server.js";
import { newFolder } from "./support/temporary.js";
import { tinyClassifier } from "./support/tiny-backbone.js";

const folder = newFolder();
const photos = join(folder, "photos");
const cat = join(photos, "cat", "01.jpg");
const names = join(folder, "names.txt");
const keras = join(folder, "mine.h5");
const onnx = join(folder, "net.onnx");

/** An address that only the mirror answers for. */
const ADDRESS = "https://example.org/nets/net.onnx";

/** The command line in this process. */
async function headstart(...args: readonly string[]) {
  const streams = captured();
  const code = await main(args, streams);
  return { code, out: streams.out(), err: streams.err() };
}

beforeAll(async () => {
  const mirror = join(folder, "mirror");
  vi.stubEnv("HEADSTART_CACHE", join(folder, "cache"));
  vi.stubEnv("HEADSTART_MIRROR", mirror);
  await drawPhotos(photos, 8);
  await writeKerasClassifier(keras, { rescales: true });
  writeFileSync(names, "cat\ndog\nfox\n");
  writeFileSync(onnx, writeModel(tinyClassifier()));
  mkdirSync(join(mirror, "example.org", "nets"), { recursive: true });
  writeFileSync(join(mirror, "example.org", "nets", "net.onnx"), readFileSync(onnx));
});
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

describe("help", () => {
  test.each(["train", "predict", "evaluate", "summary"])(
    "%s says which networks there are",
    async (command) => {
      const { code, out } = await headstart(command, "--help");
      expect(code).toBe(0);
      for (const kind of ["keras:resnet50", "hf:OWNER/NAME", "https://", "model.h5", "efficientnet-lite0"])
        expect(out).toContain(kind);
      for (const option of ["--mean", "--std", "--channels", "--layout", "--offline"])
        expect(out).toContain(option);
      const isCut = command === "train" || command === "summary";
      expect(out.includes("--features")).toBe(isCut);
      expect(out.includes("--classes")).toBe(!isCut);
      expect(out.includes("--image-size")).toBe(!isCut);
    },
  );

  test("backbones names what can be done with downloads", async () => {
    const { out } = await headstart("backbones", "--help");
    for (const command of ["fetch", "list", "verify", "remove"]) expect(out).toContain(`\n  ${command} `);
    for (const command of ["fetch", "list", "verify", "remove"])
      expect((await headstart("backbones", command, "--help")).out).toContain("--json");
  });
});

describe("convert", () => {
  test("writes the ONNX model, and says what goes in and out", async () => {
    const out = join(folder, "converted.onnx");
    const told = await headstart("convert", keras, out);
    expect([told.code, told.err]).toEqual([0, ""]);
    expect(told.out).toMatch(new RegExp(`^input +photo \\(\\w+, ${KERAS_SIZE}, ${KERAS_SIZE}, 3\\)$`, "m"));
    expect(told.out).toMatch(/^output +\S+ \(\w+, 3\)$/m);
    expect(told.out).toMatch(/^parameters +127$/m);
    expect(told.out).toMatch(/^file +.*converted\.onnx, \S+ \S+$/m);
    expect(readModel(readFileSync(out)).inputs).toMatchObject([{ name: "photo" }]);
    const json = await headstart("convert", keras, out, "--json");
    expect(JSON.parse(json.out)).toMatchObject({
      file: out,
      parameters: 127,
      bytes: readFileSync(out).length,
    });
  });
});

describe("backbones", () => {
  const fetched = () => join(folder, "cache", "weights", "url");

  test("fetch, list, verify and remove", async () => {
    expect((await headstart("backbones", "list")).out).toBe("nothing has been downloaded\n");
    expect((await headstart("backbones", "verify")).out).toBe("nothing has been downloaded\n");
    const got = await headstart("backbones", "fetch", ADDRESS);
    expect(got.code).toBe(0);
    expect(got.out).toMatch(/net\.onnx\n$/);
    const json = JSON.parse((await headstart("backbones", "fetch", ADDRESS, "--json")).out);
    expect(json).toMatchObject({ network: ADDRESS, file: expect.stringContaining(fetched()) });
    expect(readFileSync(json.file)).toEqual(readFileSync(onnx));

    const listed = await headstart("backbones", "list");
    expect(listed.out).toMatch(
      /^url\/[0-9a-f]{16}\/net\.onnx +\d\S* \S+ +\d{4}-\d\d-\d\d +https:\/\/example\.org\/nets\/net\.onnx$/m,
    );
    const { downloads } = JSON.parse((await headstart("backbones", "list", "--json")).out);
    expect(downloads).toMatchObject([{ file: json.file, url: ADDRESS, size: readFileSync(onnx).length }]);

    const verified = await headstart("backbones", "verify");
    expect([verified.code, verified.err]).toEqual([0, ""]);
    expect(verified.out).toMatch(/^intact +[0-9a-f]{64} +url\/.*net\.onnx$/m);

    appendFileSync(json.file, "x");
    const damaged = await headstart("backbones", "verify");
    expect(damaged.code).toBe(1);
    expect(damaged.out).toMatch(/^damaged +[0-9a-f]{64} +url\/.*net\.onnx$/m);
    expect(damaged.err).toContain("has been put aside");
    expect([existsSync(json.file), existsSync(`${json.file}.wrong-checksum`)]).toEqual([false, true]);

    await headstart("backbones", "fetch", ADDRESS);
    appendFileSync(json.file, "x");
    const told = await headstart("backbones", "verify", "--json");
    expect(told.code).toBe(1);
    expect(JSON.parse(told.out)).toMatchObject({ verified: [{ intact: false }] });

    await headstart("backbones", "fetch", ADDRESS);
    const removed = await headstart("backbones", "remove", ADDRESS);
    expect([removed.code, removed.out]).toEqual([
      0,
      expect.stringMatching(/^removed \S+ \S+: url\/.*net\.onnx$/m),
    ]);
    expect((await headstart("backbones", "list")).out).toBe("nothing has been downloaded\n");
    expect((await headstart("backbones", "remove", ADDRESS)).code).toBe(1);
  });

  test("fetch from a server, and remove by the path that list shows", async () => {
    vi.stubEnv("HEADSTART_MIRROR", "");
    const server = await serve((_, response) => response.end(readFileSync(onnx)));
    const address = `${server.origin}/net.onnx`;
    expect((await headstart("backbones", "fetch", address)).code).toBe(0);
    const { downloads } = JSON.parse((await headstart("backbones", "list", "--json")).out);
    expect((await headstart("backbones", "remove", downloads[0].path, "--json")).code).toBe(0);
    expect((await headstart("backbones", "list")).out).toBe("nothing has been downloaded\n");
    vi.stubEnv("HEADSTART_MIRROR", join(folder, "mirror"));
  });

  test("what cannot be fetched says why, with an exit code of 1", async () => {
    const absent = await headstart("backbones", "fetch", "https://example.org/absent.onnx");
    expect([absent.code, absent.out]).toEqual([1, ""]);
    expect(absent.err).toMatch(/^error: [A-Z].*absent\.onnx/m);
    const keras = await headstart("backbones", "fetch", "keras:resnet50", "--json");
    expect(keras.code).toBe(1);
    expect(JSON.parse(keras.out)).toMatchObject({ error: { code: "NOT_FOUND" } });
  });

  test("a network of Keras's that is not the published one is not used", async () => {
    const { backbones } = JSON.parse((await headstart("backbones", "--json")).out);
    expect(backbones.length).toBeGreaterThan(20);
    const { KERAS_APPLICATIONS } = await import("../src/backbones/keras/applications/index.js");
    const { host, pathname } = new URL(KERAS_APPLICATIONS.vgg16?.weights.noTop.url ?? "");
    const file = join(folder, "mirror", host, pathname);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, "other weights");
    const { code, err } = await headstart("train", photos, "--backbone", "keras:vgg16");
    expect(code).toBe(1);
    expect(err).toMatch(/^error: .*vgg16/m);
    const damaged = await headstart("backbones", "fetch", "keras:vgg16", "--json");
    expect(JSON.parse(damaged.out)).toMatchObject({ error: { code: "CHECKSUM" } });
  });
});

describe("a pretrained classifier", () => {
  test("predict says names, and JSON has the same probabilities", async () => {
    const text = await headstart("predict", keras, cat, "--classes", names);
    expect([text.code, text.err]).toEqual([0, ""]);
    expect(text.out).toMatch(
      /cat\/01\.jpg +(cat|dog|fox) +\d+\.\d % +(cat|dog|fox) +\d+\.\d % +(cat|dog|fox)/,
    );
    const json = await headstart("predict", keras, cat, "--classes", names, "--json");
    const [{ classes }] = JSON.parse(json.out).predictions;
    expect(classes.map(({ className }: { className: string }) => className).sort()).toEqual([
      "cat",
      "dog",
      "fox",
    ]);
    const sum = classes.reduce(
      (all: number, { probability }: { probability: number }) => all + probability,
      0,
    );
    expect(sum).toBeCloseTo(1, 4);
  });

  test.each([
    ["no names", [], 2, "It is not written what the 3 classes of mine are called.", "--classes names.txt"],
    ["a file of names that is not there", ["--classes", join(folder, "absent.txt")], 1, "absent.txt", ""],
  ])("predict with %s", async (_, options, exitCode, sentence, hint) => {
    const { code, out, err } = await headstart("predict", keras, cat, ...options);
    expect([code, out]).toEqual([exitCode, ""]);
    expect(err).toContain(sentence);
    expect(err).toContain(hint);
  });

  test("predict at another size than its own", async () => {
    const { code, err } = await headstart("predict", keras, cat, "--classes", names, "--image-size", "32");
    expect([code, err]).toEqual([2, expect.stringContaining(`takes photos of ${KERAS_SIZE} pixels only`)]);
  });

  test("evaluate measures it on labelled photos", async () => {
    const text = await headstart("evaluate", keras, photos, "--classes", names);
    expect(text.code).toBe(0);
    expect(text.out).toMatch(/^accuracy +\d+\.\d % +\(\d+ of 24;/m);
    const json = await headstart("evaluate", keras, photos, "--classes", names, "--json");
    expect([json.code, json.err]).toEqual([0, ""]);
    expect(JSON.parse(json.out)).toMatchObject({ model: keras, metrics: { photos: 24 } });
  });

  test("comes from the hub by its name, with names and preprocessing", async () => {
    const commit = "a".repeat(40);
    const server = await hubServer("o/n", commit, {
      "model.onnx": readFileSync(onnx),
      "config.json": JSON.stringify({ id2label: { 0: "a", 1: "b", 2: "c", 3: "d", 4: "e" } }),
      "preprocessor_config.json": JSON.stringify({
        image_mean: [0.5, 0.5, 0.5],
        image_std: [0.5, 0.5, 0.5],
        size: 64,
      }),
    });
    vi.stubEnv("HEADSTART_MIRROR", "");
    vi.stubEnv("HF_ENDPOINT", server.origin);
    vi.stubEnv("HF_HOME", join(folder, "hf"));
    const online = await headstart("predict", "hf:o/n", cat, "--json");
    expect([online.code, online.err]).toEqual([0, ""]);
    expect(JSON.parse(online.out).predictions[0].classes).toHaveLength(5);
    const asked = server.requests.length;
    const offline = await headstart("predict", "hf:o/n", cat, "--json", "--offline");
    expect(offline.out).toBe(online.out);
    expect(server.requests).toHaveLength(asked);
    const summary = await headstart("summary", "hf:o/n", "--offline");
    expect(summary.out).toMatch(
      /^photos +RGB, minus 127\.5, divided by 127\.5; prepared as preprocessor_config\.json says$/m,
    );
    vi.stubEnv("HEADSTART_MIRROR", join(folder, "mirror"));
    expect((await headstart("backbones", "remove", "hf:o/n")).code).toBe(0);
  });
});

describe("summary of a file", () => {
  test("says which tensor the features are, why, and how photos are prepared", async () => {
    const { code, out } = await headstart("summary", onnx, "--mean", "127", "--std", "64");
    expect(code).toBe(0);
    expect(out).toMatch(/^features +8, the tensor Flatten$/m);
    expect(out).toMatch(/ Flatten feeds Gemm \(Gemm\), the last fully connected layer\./m);
    expect(out).toMatch(/^photos +RGB, minus 127, divided by 64; prepared as the options say$/m);
  });

  test("says that the preprocessing is not known", async () => {
    const { code, out } = await headstart("summary", onnx);
    expect(code).toBe(0);
    expect(out).toMatch(/^photos +how they are prepared is not known: .*preprocessor_config\.json/m);
    expect(JSON.parse((await headstart("summary", onnx, "--json")).out)).toMatchObject({
      preprocessing: null,
    });
  });

  test("takes another tensor, and tells names like one that does not exist", async () => {
    expect((await headstart("summary", onnx, "--features", "logits")).out).toMatch(
      /^ +logits was asked for\.$/m,
    );
    const { code, err } = await headstart("summary", onnx, "--features", "logit");
    expect([code, err]).toEqual([2, expect.stringContaining("logits")]);
  });
});

describe("train", () => {
  const train = (...args: readonly string[]) =>
    headstart(
      "train",
      photos,
      "--out",
      join(folder, "runs"),
      "--precision",
      "float",
      "--stages",
      "1@32",
      "--no-report",
      ...args,
    );

  test("without a preprocessing exits with 2, says so and begins no run", async () => {
    const { code, out, err } = await train("--backbone", onnx, "--name", "unknown");
    expect([code, out]).toEqual([2, ""]);
    expect(err).toMatch(/^error: How photos have to be prepared for net is not known: /m);
    expect(err).toContain("--mean and --std");
    expect(existsSync(join(folder, "runs", "unknown"))).toBe(false);
  });

  test("with one makes a run, which remembers it and predicts", async () => {
    const { code, err } = await train("--backbone", onnx, "--mean", "0.5", "--std", "0.25", "--name", "mine");
    expect([code, err]).toEqual([0, expect.stringContaining("3 classes")]);
    const run = join(folder, "runs", "mine");
    expect(readdirSync(run)).toContain("model.onnx");
    expect((await headstart("predict", run, cat)).out).toMatch(/cat\/01\.jpg +(cat|dog|fox)/);
    expect((await headstart("train", "--resume", run)).code).toBe(0);
    const other = await train("--backbone", onnx, "--mean", "0", "--std", "1", "--name", "other");
    expect(other.code).toBe(0);
    const model = (name: string) => readFileSync(join(folder, "runs", name, "model.onnx"));
    expect(model("mine").equals(model("other"))).toBe(false);
  });

  test("on the trunk of a Keras model, and on a network that is fetched", async () => {
    const own = await headstart(
      ...[
        "train",
        photos,
        "--out",
        join(folder, "runs"),
        "--precision",
        "float",
        "--backbone",
        keras,
        "--no-report",
      ],
    );
    expect(own.code).toBe(0);
    const far = await train("--backbone", ADDRESS, "--mean", "127", "--std", "64", "--name", "far");
    expect(far.code).toBe(0);
    const again = await train("--backbone", ADDRESS, "--mean", "127", "--std", "64", "--offline");
    expect(again.code).toBe(0);
  });
});
