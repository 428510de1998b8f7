import { type ChildProcess, spawn } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { main } from "../src/cli/main.js";
import { captured } from "./support/captured.js";
import { drawPhotos } from "./support/photos.js";
import { newFolder } from "./support/temporary.js";

const folder = newFolder();
const photos = join(folder, "photos");
const runs = join(folder, "runs");
const first = join(runs, "first");
const cat = join(photos, "cat", "01.jpg");
const program = fileURLToPath(new URL("../bin/headstart.js", import.meta.url));

interface Result {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
  /** The signal that ended a process of its own. */
  readonly signal?: string | null;
}

/** The command line in this process. */
async function headstart(...args: readonly string[]): Promise<Result> {
  const streams = captured();
  const code = await main(args, streams);
  return { code, out: streams.out(), err: streams.err() };
}

/** The command line in a process of its own; `watch` is called with what it has printed on standard error. */
async function shell(
  args: readonly string[],
  options: {
    readonly env?: Record<string, string>;
    readonly watch?: (err: string, child: ChildProcess) => void;
  } = {},
): Promise<Result> {
  const child = spawn(process.execPath, [program, ...args], {
    cwd: folder,
    env: { ...process.env, ...options.env },
  });
  let [out, err] = ["", ""];
  child.stdout.on("data", (chunk) => {
    out += String(chunk);
  });
  child.stderr.on("data", (chunk) => {
    err += String(chunk);
    options.watch?.(err, child);
  });
  return await new Promise((resolve) =>
    child.on("close", (code, signal) => resolve({ code, out, err, signal })),
  );
}

let training: Result;
beforeAll(async () => {
  vi.stubEnv("HEADSTART_CACHE", join(folder, "own cache"));
  await drawPhotos(photos, 30);
  training = await headstart("train", photos, "--out", runs, "--name", "first");
});
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

const COMMANDS = [
  "check",
  "train",
  "evaluate",
  "predict",
  "explain",
  "report",
  "compare",
  "runs",
  "summary",
  "recipes",
  "lr-find",
  "backbones",
  "convert",
  "augment",
  "cache",
];

describe("help", () => {
  test("the bare command prints it", async () => {
    const { code, out, err } = await headstart();
    expect([code, err]).toEqual([0, ""]);
    for (const command of COMMANDS) expect(out).toContain(`\n  ${command} `);
  });

  test.each(COMMANDS)("%s has an example", async (command) => {
    const { code, out, err } = await headstart(command, "--help");
    expect([code, err]).toEqual([0, ""]);
    expect(out).toContain(`Example:\n  $ headstart ${command}`);
  });

  test("the settings stand where they matter", async () => {
    for (const command of ["train", "cache"])
      expect((await headstart(command, "--help")).out).toContain("HEADSTART_CACHE_LIMIT");
  });

  test("the version", async () => {
    const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
    expect(await headstart("--version")).toEqual({ code: 0, out: `${version}\n`, err: "" });
  });
});

describe("wrong usage exits with 2, and says what is wrong and where help is", () => {
  test.each([
    [["fly"], "Unknown command 'fly'.", "headstart --help"],
    [["trian", "x"], "Unknown command 'trian'.", "Did you mean train?"],
    [["train"], "Missing required argument 'photos'.", "headstart train --help"],
    [["train", "x", "--sede", "1"], "Unknown option '--sede'.", "Did you mean --seed?"],
    [["train", "x", "--seed", "12abc"], "'12abc' is invalid. It must be a whole number.", "train --help"],
    [["train", "x", "--batch-size", "0"], "from 1 to 65536", "train --help"],
    [["train", "x", "--learning-rate", "fast"], "a number above 0", "train --help"],
    [["train", "x", "--threads", "1.5"], "a whole number", "train --help"],
    [["train", "x", "--device", "tpu"], "Allowed choices are cpu, webgpu, cuda.", "train --help"],
    [["train", "x", "--split", "70/30"], "three numbers", "train --help"],
    [["train", "x", "y"], "Too many arguments", "train --help"],
    [["train", "--resume", "r", "--seed", "1"], "Leave out --seed", "train --help"],
    [["train", "x", "--resume", "r"], "Leave out x", "train --help"],
    [["train", "x", "--recipe", "keras"], 'no recipe called "keras"', "default, keras-classic"],
    [["train", "x", "--stages", "5x224"], '"5x224" is not a stage.', "5@224,15@299"],
    [["train", "x", "--learning-rate", "0.1"], "L-BFGS takes no learning rate.", "keras-classic"],
    [["train", "x", "--backbone", "resnet"], "There is no network resnet.", "efficientnet-lite0"],
    [["evaluate", "x"], "Missing required argument 'photos'.", "evaluate --help"],
    [["predict", "x"], "Missing required argument 'photos'.", "predict --help"],
    [["predict", "x", "y", "--top", "0"], "at least 1", "predict --help"],
    [["predict", "x", "y", "--json", "--csv"], "cannot be used with", "predict --help"],
    [["augment", "x", "--recipe", "default"], "does not augment", "keras-classic"],
    [["convert", "x.h5"], "Missing required argument 'out'.", "convert --help"],
    [["convert", "x.h5", "y.h5"], "The file to write, y.h5, does not end in .onnx.", "model.onnx"],
    [["train", "x", "--mean", "1,2"], "one number, or three with commas", "train --help"],
    [["train", "x", "--channels", "GBR"], "Allowed choices are RGB, BGR.", "train --help"],
    [["train", "x", "--layout", "HWC"], "Allowed choices are NCHW, NHWC.", "train --help"],
    [["train", "x", "--precision", "half"], "Allowed choices are auto, float, int8.", "train --help"],
    [["train", "--resume", "r", "--precision", "int8"], "Leave out --precision", "train --help"],
    [["predict", "x", "y", "--image-size", "4"], "from 8 to 4096", "predict --help"],
    [["backbones", "fetch"], "Missing required argument 'network'.", "backbones"],
    [["backbones", "fetch", "keras:fly"], "There is no Keras network keras:fly.", "resnet50"],
    [["cache", "clean"], "Allowed choices are clear.", "cache --help"],
  ])("%j", async (args, sentence, hint) => {
    if (!args.includes("--json")) {
      const { code, out, err } = await headstart(...args);
      expect([code, out]).toEqual([2, ""]);
      expect(err).toMatch(/^error: [A-Z"]/);
      expect(err).toContain(sentence);
      expect(err.split("\n")[1]).toContain(hint);
    }
    // With --json the same in a document.
    const json = await headstart(...args, "--json");
    expect([json.code, json.err]).toEqual([2, ""]);
    const { error } = JSON.parse(json.out);
    expect(error).toMatchObject({ code: "INVALID_OPTION" });
    expect(error.message).toContain(sentence);
    expect(error.hint).toContain(hint);
  });
});

describe("failures exit with 1, a sentence and no stack trace", () => {
  test.each([
    [["train", join(folder, "nowhere")], "NOT_FOUND"],
    [["train", "--resume", join(folder, "nowhere")], "NOT_FOUND"],
    [["train", "--resume", photos], "INVALID_RUN"],
    [["train", join(photos, "cat")], "INVALID_DATA"],
    [["evaluate", join(folder, "nowhere"), photos], "NOT_FOUND"],
    [["evaluate", first, join(folder, "nowhere")], "NOT_FOUND"],
    [["predict", join(folder, "nowhere"), cat], "NOT_FOUND"],
    [["predict", cat, cat], "INVALID_MODEL"],
    [["predict", first, join(folder, "nowhere.jpg")], "NOT_FOUND"],
    [["predict", first, cat, "--grid", join(folder, "no", "grid.png")], "NOT_FOUND"],
    [["summary", cat], "INVALID_MODEL"],
    [["augment", join(folder, "nowhere")], "NOT_FOUND"],
    [["convert", join(folder, "nowhere.h5"), join(folder, "out.onnx")], "NOT_FOUND"],
    [["convert", cat, join(folder, "out.onnx")], "INVALID_MODEL"],
    [["backbones", "remove", "url/nothing"], "NOT_FOUND"],
  ])("%j", async (args, code) => {
    const told = await headstart(...args);
    expect(told.code).toBe(1);
    expect(told.err).toMatch(/^error: .+/m);
    expect(told.err).not.toMatch(/^\s+at /m);
    const json = await headstart(...args, "--json");
    expect(json.code).toBe(1);
    expect(JSON.parse(json.out)).toMatchObject({ error: { code } });
  });

  test("--debug shows where it comes from", async () => {
    const { code, err } = await headstart("train", join(folder, "nowhere"), "--debug");
    expect(code).toBe(1);
    expect(err).toMatch(/^\s+at /m);
  });
});

describe("train", () => {
  test("says what it found, how it went, what came out and what to type next", () => {
    const { code, out, err } = training;
    expect(code).toBe(0);
    expect(err).toContain("3 classes: cat, dog, fox");
    expect(err).toMatch(/90 photos: \d+ to train on, \d+ to validate with, \d+ to test with/);
    expect(err).toContain(`run: ${first}`);
    expect(err).toMatch(/features: 90 photos done in .* s, .* photos\/s/);
    expect(err).toMatch(/head solved in \d+ iterations: loss 0\.\d{4}, accuracy 100\.0 %/);
    expect(err.split("\n").length).toBeLessThan(20);
    expect(out).toMatch(/^split +accuracy +95 % interval +right +loss$/m);
    expect(out).toMatch(/^test +100\.0 % +\d+\.\d to 100\.0 % +(\d+) of \1 +0\.\d{4}$/m);
    expect(out).toContain(`model     ${first}/model.onnx`);
    expect(out).toContain("grid.png, confusion.png, curves.png");
    expect(out.trimEnd().split("\n").at(-1)).toBe(`next      headstart predict ${first} PHOTO`);
    for (const text of [out, err]) expect(text).not.toContain("\u001b");
  });

  test("--json prints one document and nothing else; a second run finds the features stored", async () => {
    const { code, out, err } = await headstart("train", photos, "--out", runs, "--json", "--no-report");
    expect([code, err]).toEqual([0, ""]);
    const document = JSON.parse(out);
    expect(document).toMatchObject({
      folder: join(runs, "1"),
      model: join(runs, "1", "model.onnx"),
      classes: ["cat", "dog", "fox"],
      skipped: [],
      warnings: [],
      metrics: { test: { accuracy: 1, perClass: [{ className: "cat" }, {}, {}] } },
    });
    expect(document.photos.train).toBe(document.metrics.train.photos);
    expect(readFileSync(join(runs, "1", "model.onnx")).equals(readFileSync(join(first, "model.onnx")))).toBe(
      true,
    );
  });

  test("--split shares photos out; --resume of a finished run says that it is finished", async () => {
    const split = await headstart("train", photos, "--out", runs, "--name", "half", "--split", "1/1/0");
    expect(split.code).toBe(0);
    expect(split.out).toMatch(/^test +no photos$/m);
    const again = await headstart("train", "--resume", join(runs, "half"));
    expect(again.code).toBe(0);
    expect(again.err).toContain("finished");
    expect(again.out).toBe(split.out);
  });

  test("what is skipped is counted, and a warning is a sentence", async () => {
    const odd = join(folder, "odd");
    cpSync(photos, odd, { recursive: true });
    writeFileSync(join(odd, "cat", "notes.txt"), "no photo");
    cpSync(join(odd, "dog", "01.jpg"), join(odd, "fox", "copy.jpg"));
    const { code, err } = await headstart("train", odd, "--out", runs, "--name", "odd");
    expect(code).toBe(0);
    expect(err).toContain("1 skipped: data.json");
    expect(err).toMatch(/^note: .*copies.*$/m);
  });

  test("an interrupted run says how to go on, and goes on to the same model", async () => {
    const options = ["--recipe", "keras-classic", "--stages", "3@64,1@96", "--out", runs];
    const whole = await headstart("train", photos, ...options, "--name", "whole");
    expect(whole.code).toBe(0);
    expect(whole.err).toMatch(
      /^epoch {3}4 at 96: loss .*, accuracy .* %; validation loss .*, accuracy .* %$/m,
    );
    const listeners = process.listenerCount("SIGINT");
    const streams = captured();
    const running = main(["train", photos, ...options, "--name", "broken"], streams);
    while (!streams.err().includes("epoch   1 at 64")) await new Promise((resolve) => setTimeout(resolve, 5));
    process.emit("SIGINT");
    expect(await running).toBe(130);
    expect(streams.out()).toBe("");
    const broken = join(runs, "broken");
    expect(streams.err().trimEnd().split("\n").at(-1)).toBe(
      `interrupted; go on with: headstart train --resume ${broken}`,
    );
    expect(existsSync(join(broken, "model.onnx"))).toBe(false);
    expect(process.listenerCount("SIGINT")).toBe(listeners);
    expect((await headstart("predict", broken, cat)).err).toContain("--resume");
    const resumed = await headstart("train", "--resume", broken);
    expect([resumed.code, resumed.err]).toEqual([0, expect.not.stringContaining("epoch   1 at")]);
    const model = (name: string) => readFileSync(join(runs, name, "model.onnx"));
    expect(model("broken").equals(model("whole"))).toBe(true);
  });
});

describe("evaluate", () => {
  test("prints accuracy with its interval, figures of each class, and the confusion matrix", async () => {
    const { code, out } = await headstart("evaluate", first, photos);
    expect(code).toBe(0);
    expect(out).toContain(`90 photos in ${photos}\n`);
    expect(out).toMatch(/^accuracy {2}100\.0 % {2}\(90 of 90; 95 % interval 9\d\.\d to 100\.0 %\)$/m);
    expect(out).toMatch(/^fox +30 +100\.0 % +100\.0 % +100\.0 %$/m);
    expect(out).toMatch(/^true \\ predicted +cat +dog +fox$/m);
    expect(out).toMatch(/^dog +0 +30 +0$/m);
  });

  test("--json", async () => {
    const { code, out, err } = await headstart("evaluate", first, photos, "--json");
    expect([code, err]).toEqual([0, ""]);
    expect(JSON.parse(out)).toMatchObject({ model: first, photos, metrics: { photos: 90 }, skipped: [] });
  });
});

describe("predict", () => {
  test("a line for each photo, the best class first, and the grid", async () => {
    const grid = join(folder, "grid.png");
    const { code, out } = await headstart("predict", first, cat, join(photos, "fox"), "--grid", grid);
    expect(code).toBe(0);
    const lines = out.split("\n");
    expect(lines[0]).toMatch(
      /\/cat\/01\.jpg +cat +(9\d\.\d|100\.0) % +(dog|fox) +\d\.\d % +(dog|fox) +\d\.\d %$/,
    );
    expect(lines.filter((line) => /\/fox\/\d\d\.jpg {2}fox/.test(line))).toHaveLength(30);
    expect(lines.at(-2)).toBe(`grid  ${grid}`);
    expect((await sharp(grid).metadata()).format).toBe("png");
  });

  test("--csv and --top", async () => {
    const name = join(folder, 'a "photo", odd.jpg');
    cpSync(cat, name);
    const { code, out, err } = await headstart("predict", first, name, cat, "--csv", "--top", "2");
    expect([code, err]).toEqual([0, ""]);
    const lines = out.trimEnd().split("\n");
    expect(lines).toHaveLength(5);
    expect(lines[0]).toBe("photo,rank,class,probability,in_set,confident,unlike");
    expect(lines[1]).toMatch(/\/a ""photo"", odd\.jpg",1,cat,(1|0\.9\d*),true,(true|false),0[.\d]*$/);
    expect(lines[4]).toMatch(/^[^"]+\/cat\/01\.jpg,2,(dog|fox),[\d.e-]+,false,(true|false),0[.\d]*$/);
  });

  test("--json: one photo and many give the same answers; what cannot be decoded is named and left out", async () => {
    const broken = join(folder, "broken.jpg");
    writeFileSync(broken, readFileSync(cat).subarray(0, 40));
    const one = await headstart("predict", first, cat, "--json");
    const many = await headstart("predict", first, cat, broken, join(photos, "dog", "02.jpg"), "--json");
    expect([one.code, many.code, many.err]).toEqual([0, 0, ""]);
    const [{ predictions: a }, { predictions: b, skipped }] = [JSON.parse(one.out), JSON.parse(many.out)];
    expect(a).toHaveLength(1);
    expect(b.map(({ photo }: { photo: string }) => photo)).toEqual([cat, join(photos, "dog", "02.jpg")]);
    expect(b[0].classes[0].className).toBe("cat");
    expect(b[0].classes[0].probability).toBeCloseTo(a[0].classes[0].probability, 4);
    expect(skipped).toEqual([{ name: broken, reason: expect.stringMatching(/./) }]);
    const text = await headstart("predict", first, cat, broken);
    expect(text.code).toBe(0);
    expect(text.err).toContain(`note: ${broken} is skipped: `);
  });

  test("exits with 1 where no photo could be decoded", async () => {
    const text = join(folder, "text.jpg");
    writeFileSync(text, "no photo");
    const told = await headstart("predict", first, text);
    expect([told.code, told.out]).toEqual([1, ""]);
    expect(told.err).toContain("error: The photo could not be used.");
    const json = await headstart("predict", first, text, text, "--json");
    expect([json.code, json.err]).toEqual([1, ""]);
    expect(JSON.parse(json.out)).toMatchObject({ predictions: [], skipped: [{}, {}] });
    mkdirSync(join(folder, "empty"));
    expect((await headstart("predict", first, join(folder, "empty"))).err).toContain("There are no photos.");
  });
});

describe("the small commands", () => {
  test("summary of a run, of a model and of a backbone", async () => {
    const run = await headstart("summary", first);
    expect(run.out).toMatch(/^logits +Gemm +\(N, 3\) +3,843 +trainable$/m);
    expect(run.out).toMatch(/^parameters {2}3,416,867: 3,843 trainable, 3,413,024 frozen$/m);
    expect(run.out).toMatch(/^classes {5}3: cat, dog, fox$/m);
    expect((await headstart("summary", join(first, "model.onnx"))).out).toBe(run.out);
    const { code, out, err } = await headstart("summary", "efficientnet-lite0", "--json");
    expect([code, err]).toEqual([0, ""]);
    expect(JSON.parse(out)).toMatchObject({ kind: "backbone", parameters: 3_413_024, trainable: 0 });
  });

  test("backbones", async () => {
    const { code, out } = await headstart("backbones");
    expect(code).toBe(0);
    expect(out).toMatch(/^efficientnet-lite0 +224 x 224 +[\d,]+ +1,280 +75\.1 % +Apache-2\.0 +yes$/m);
    expect(out).toMatch(/^keras:resnet50 +224 x 224 +25,636,712 +2,048 +74\.9 % +\S+$/m);
    const json = await headstart("backbones", "--json");
    expect(JSON.parse(json.out)).toMatchObject({
      backbones: expect.arrayContaining([
        expect.objectContaining({ name: "efficientnet-lite0", features: 1280, isHere: true }),
      ]),
    });
  });

  test("augment", async () => {
    const sheet = join(folder, "sheet.png");
    const { code, out } = await headstart("augment", cat, "--out", sheet, "--seed", "3");
    expect([code, out]).toEqual([0, `${sheet} shows 1 photo\n`]);
    expect((await sharp(sheet).metadata()).format).toBe("png");
  });

  test("cache: what it holds, its limit, its folder, and clearing it", async () => {
    const env = { HEADSTART_CACHE: join(folder, "cache"), HEADSTART_CACHE_LIMIT: "1 GB" };
    cpSync(process.env.HEADSTART_CACHE ?? "", env.HEADSTART_CACHE, { recursive: true });
    const shown = await shell(["cache", "--json"], { env });
    expect(JSON.parse(shown.out)).toMatchObject({ folder: env.HEADSTART_CACHE, limit: 1e9 });
    expect(JSON.parse(shown.out).bytes).toBeGreaterThan(0);
    expect((await shell(["cache", "clear"], { env })).out).toMatch(/^removed .* from .*cache\n$/);
    const cleared = await shell(["cache"], { env });
    expect(cleared.out).toMatch(/^features +0 +0 bytes$/m);
    expect(cleared.out).toContain("0 bytes of at most 1.0 GB (HEADSTART_CACHE_LIMIT)");
    const wrong = await shell(["cache"], { env: { ...env, HEADSTART_CACHE_LIMIT: "much" } });
    expect([wrong.code, wrong.err]).toEqual([2, expect.stringContaining('HEADSTART_CACHE_LIMIT is "much"')]);
  });
});

describe("in a process of its own", () => {
  test("Ctrl-C exits with 130 and leaves a run that goes on", async () => {
    let sent = false;
    const { code, out, err } = await shell(
      ["train", photos, "--recipe", "keras-classic", "--stages", "50@64", "--name", "shell"],
      {
        watch: (text, child) => {
          if (sent || !text.includes("epoch   1 at")) return;
          sent = true;
          child.kill("SIGINT");
        },
      },
    );
    expect([code, out]).toEqual([130, ""]);
    expect(err).toContain("interrupted; go on with: headstart train --resume runs/shell\n");
  });

  test("NO_COLOR takes colours away, FORCE_COLOR brings them to a pipe", async () => {
    const colours = { FORCE_COLOR: "1", NO_COLOR: "" };
    expect((await shell(["train", "nowhere"], { env: colours })).err).toContain("\u001b[31m");
    // Node itself may add a warning that both are set.
    const { err } = await shell(["train", "nowhere"], { env: { ...colours, NO_COLOR: "1" } });
    expect(err).toMatch(/^error: There is no file/m);
    expect(err).not.toContain("\u001b[");
  });

  test("a second Ctrl-C ends it at once", async () => {
    let sent = 0;
    const { code, err, signal } = await shell(
      ["train", photos, "--recipe", "keras-classic", "--stages", "50@64", "--name", "twice"],
      {
        watch: (text, child) => {
          if (sent === 0 && text.includes("epoch   1 at")) sent += Number(child.kill("SIGINT"));
          if (sent === 1 && text.includes("stopping;")) sent += Number(child.kill("SIGINT"));
        },
      },
    );
    // A shell shows both as 130: the program saved first where the second signal came too late to stop it.
    expect([130, "SIGINT"]).toContain(code ?? signal);
    expect(err).not.toContain("terminate called");
  });

  test("a reader that wants no more ends it quietly", async () => {
    const child = spawn(process.execPath, [program, "predict", first, photos]);
    child.stdout.destroy();
    let err = "";
    child.stderr.on("data", (chunk) => {
      err += String(chunk);
    });
    expect([0, 130]).toContain(await new Promise((resolve) => child.on("close", resolve)));
    expect(err).toBe("");
  });
});
