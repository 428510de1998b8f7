import { spawn } from "node:child_process";
import {
  appendFileSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Progress, type Run, resume, type TrainOptions, train } from "../src/index.js";
import { drawPhotos } from "./support/photos.js";
import { newFolder } from "./support/temporary.js";
import { writeBackbone } from "./support/tiny-backbone.js";

const work = newFolder();
const photos = join(work, "photos");
const out = join(work, "runs");
const library = new URL("../dist/index.js", import.meta.url).href;
const solved = { out, report: false, threads: 2, stages: "60@64" } as const;
const stepped = {
  ...{ out, report: false, threads: 2 },
  ...{ recipe: "keras-classic", batchSize: 10, stages: "2@64,2@96" },
} as const;

/** When a process is killed: at the first report like this one, or some milliseconds later. */
interface Moment {
  readonly phase?: string;
  readonly detail?: string;
  readonly done?: number;
  readonly kind?: Progress["kind"];
  readonly epoch?: number;
  readonly later?: number;
}

/** A process that trains or goes on with a run, and kills itself at some moment. */
const PROGRAM = `
  const [library, moment, run, photos, options] = process.argv.slice(1).map((text) => {
    try { return JSON.parse(text); } catch { return text; }
  });
  const { train, resume } = await import(library);
  const kill = () => process.kill(process.pid, "SIGKILL");
  const onProgress = (progress) => {
    const { kind, phase, detail, done, row } = progress;
    if (moment.kind !== undefined && moment.kind !== kind) return;
    if (moment.phase !== undefined && moment.phase !== phase) return;
    if (moment.detail !== undefined && !detail.startsWith(moment.detail)) return;
    if (moment.done !== undefined && !(done >= moment.done)) return;
    if (moment.epoch !== undefined && moment.epoch !== row.epoch) return;
    if (moment.later === undefined) kill();
    else setTimeout(kill, moment.later);
  };
  await (run === "" ? train(photos, { ...options, onProgress }) : resume(run, { report: false, onProgress }));
`;

/** Trains, or goes on with a run, in a process that must end by being killed. */
async function killAt(moment: Moment, run: string, options: TrainOptions = {}): Promise<void> {
  const child = spawn(
    process.execPath,
    [
      "--input-type=module",
      "--eval",
      PROGRAM,
      "--",
      library,
      JSON.stringify(moment),
      run,
      photos,
      JSON.stringify(options),
    ],
    { stdio: ["ignore", "ignore", "pipe"] },
  );
  let said = "";
  child.stderr.on("data", (chunk) => {
    said += String(chunk);
  });
  const signal = await new Promise((resolve) => child.on("close", (_, name) => resolve(name)));
  expect([moment, signal, said]).toEqual([moment, "SIGKILL", ""]);
}

function useCache(name: string): void {
  process.env.HEADSTART_CACHE = join(work, name);
}

function expectSame(a: Run, b: Run): void {
  expect(a.metrics).toEqual(b.metrics);
  expect(readdirSync(a.folder)).toEqual(readdirSync(b.folder));
  for (const name of ["results.csv", "metrics.json", "grid.png", "curves.png", "model.onnx"])
    expect([name, readFileSync(join(a.folder, name)).equals(readFileSync(join(b.folder, name)))]).toEqual([
      name,
      true,
    ]);
}

let wholeSolved: Run;
let wholeStepped: Run;
beforeAll(async () => {
  await drawPhotos(photos, 24);
  useCache("whole");
  wholeSolved = await train(photos, solved);
  wholeStepped = await train(photos, stepped);
});
afterAll(() => rmSync(work, { recursive: true, force: true }));

// Each run is killed once at every one of these moments, and goes on from there to the next.
describe("a run that is killed again and again ends in the same bytes", () => {
  test("the default recipe", { timeout: 120_000 }, async () => {
    useCache("killed solved");
    const folder = join(out, "killed solved");
    await killAt({ phase: "reading photos", done: 10 }, "", { ...solved, name: "killed solved" });
    expect(readdirSync(folder)).toEqual(["recipe.json"]);
    for (const moment of [
      { phase: "features", done: 32 },
      { phase: "choosing the L2 penalty", done: 1 },
      { kind: "epoch", epoch: 2 },
      { phase: "measuring" },
    ] as const)
      await killAt(moment, folder);
    expectSame(await resume(folder, { report: false }), wholeSolved);
  });

  test("keras-classic", { timeout: 120_000 }, async () => {
    useCache("killed stepped");
    const folder = join(out, "killed stepped");
    await killAt({ phase: "training", detail: "epoch 1 of", done: 20 }, "", {
      ...stepped,
      name: "killed stepped",
    });
    for (const moment of [
      // At the end of an epoch, about when its checkpoint is written.
      { phase: "training", detail: "epoch 1 of", done: 49, later: 3 },
      // Between the stages.
      { kind: "epoch", epoch: 2 },
      { phase: "training", detail: "epoch 4 of", done: 40 },
      { phase: "measuring" },
    ] as const)
      await killAt(moment, folder);
    expectSame(await resume(folder, { report: false }), wholeStepped);
  });
});

describe("a run that is interrupted", () => {
  /** Trains or goes on until a report satisfies the condition, and expects to be interrupted there. */
  async function interruptAt(
    at: (progress: Progress) => boolean,
    go: (watched: Pick<TrainOptions, "signal" | "onProgress">) => Promise<Run>,
  ): Promise<string> {
    const controller = new AbortController();
    let folder = "";
    const onProgress = (progress: Progress) => {
      if (progress.kind === "found") folder = progress.folder;
      if (at(progress)) controller.abort();
    };
    await expect(go({ signal: controller.signal, onProgress })).rejects.toMatchObject({
      code: "INTERRUPTED",
    });
    return folder;
  }
  const during = (phase: string, done: number, detail?: string) => (progress: Progress) =>
    progress.kind === "progress" &&
    progress.phase === phase &&
    progress.done >= done &&
    (detail === undefined || progress.detail.startsWith(detail));

  test("goes on to the same bytes, wherever it was", async () => {
    useCache("interrupted");
    const folder = await interruptAt(during("decoding", 10), (watched) =>
      train(photos, { ...stepped, ...watched }),
    );
    for (const at of [
      during("training", 20, "epoch 1"),
      during("training", 40, "epoch 1"),
      during("training", 49, "epoch 2"),
      during("features", 1),
    ])
      expect(await interruptAt(at, (watched) => resume(folder, { ...watched, report: false }))).toBe(folder);
    const log = readFileSync(join(folder, "log.txt"), "utf8");
    expect(log.match(/HeadstartError: .* interrupted/g)).toHaveLength(5);
    expectSame(await resume(folder, { report: false }), wholeStepped);
  });

  test("the default recipe too", async () => {
    useCache("interrupted solved");
    const folder = await interruptAt(during("features", 1), (watched) =>
      train(photos, { ...solved, ...watched }),
    );
    const fitting = ({ kind }: Progress) => kind === "epoch";
    expect(await interruptAt(fitting, (watched) => resume(folder, { ...watched, report: false }))).toBe(
      folder,
    );
    expectSame(await resume(folder, { report: false }), wholeSolved);
  });

  test("before the photos are read, it leaves no folder", async () => {
    const before = readdirSync(out);
    await interruptAt(during("reading photos", 1), (watched) => train(photos, { ...solved, ...watched }));
    await expect(train(photos, { ...solved, signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: "INTERRUPTED",
    });
    expect(readdirSync(out)).toEqual(before);
  });
});

test("a run that is finished is returned as it is", async () => {
  const before = readdirSync(wholeStepped.folder);
  const events: Progress[] = [];
  expect(
    await resume(wholeStepped.folder, { report: false, onProgress: (event) => events.push(event) }),
  ).toEqual(wholeStepped);
  expect(events).toEqual([{ kind: "note", message: expect.stringContaining("is finished") }]);
  expect(readdirSync(wholeStepped.folder)).toEqual(before);
});

describe("what cannot be gone on with", () => {
  /** A run that is interrupted after its first epoch, on photos and with a backbone of its own. */
  async function interrupted(name: string): Promise<{ folder: string; own: string; backbone: string }> {
    const own = join(work, name, "photos");
    cpSync(photos, own, { recursive: true });
    const backbone = writeBackbone(join(work, name));
    const controller = new AbortController();
    let folder = "";
    await expect(
      train(own, {
        ...stepped,
        stages: "2@16",
        backbone,
        signal: controller.signal,
        onProgress: (progress) => {
          if (progress.kind === "found") folder = progress.folder;
          if (progress.kind === "epoch") controller.abort();
        },
      }),
    ).rejects.toMatchObject({ code: "INTERRUPTED" });
    return { folder, own, backbone };
  }
  const refused = (folder: string, code: string, sentence: string | RegExp) =>
    expect(resume(folder, { report: false })).rejects.toMatchObject({
      name: "HeadstartError",
      code,
      message:
        typeof sentence === "string" ? expect.stringContaining(sentence) : expect.stringMatching(sentence),
    });

  test("photos that have changed, until they are brought back", async () => {
    const { folder, own } = await interrupted("changed photos");
    const photo = join(own, "cat", "01.jpg");
    const content = readFileSync(photo);
    appendFileSync(photo, "x");
    await refused(
      folder,
      "INVALID_RUN",
      `The photos in ${own} are not those that the run ${folder} began with.`,
    );
    rmSync(photo);
    await refused(folder, "INVALID_RUN", "are not those");
    writeFileSync(photo, content);
    writeFileSync(join(own, "dog", "new.jpg"), content);
    await refused(folder, "INVALID_RUN", "are not those");
    renameSync(own, `${own} away`);
    await refused(folder, "NOT_FOUND", own);
    renameSync(`${own} away`, own);
    rmSync(join(own, "dog", "new.jpg"));
    expect((await resume(folder, { report: false })).classes).toEqual(["cat", "dog", "fox"]);
  });

  test("a backbone that has changed, or is gone", async () => {
    const { folder, backbone } = await interrupted("changed backbone");
    const content = readFileSync(backbone);
    writeFileSync(backbone, Buffer.concat([content, Buffer.from([0x7a, 0])]));
    await refused(folder, "INVALID_RUN", `The backbone ${backbone} is not the file that the run began with.`);
    rmSync(backbone);
    await refused(folder, "NOT_FOUND", backbone);
  });

  test("files of the run that are damaged", async () => {
    const { folder } = await interrupted("damaged");
    for (const [name, hint] of [
      ["checkpoint.safetensors", "Delete it"],
      ["data.json", "start a new run"],
      ["recipe.json", "start a new run"],
    ] as const) {
      const path = join(folder, name);
      const content = readFileSync(path);
      for (const damaged of [content.subarray(0, content.length / 2), Buffer.from("{}"), Buffer.alloc(0)]) {
        writeFileSync(path, damaged);
        await expect(resume(folder, { report: false })).rejects.toMatchObject({
          code: "INVALID_RUN",
          message: expect.stringContaining(`${path} is damaged.`),
          hint: expect.stringContaining(hint),
        });
      }
      writeFileSync(path, content);
    }
    // As the hint says: without its checkpoint the run begins again.
    rmSync(join(folder, "checkpoint.safetensors"));
    expect((await resume(folder, { report: false })).metrics.train.photos).toBeGreaterThan(0);
  });

  test("a folder that is no run", async () => {
    await refused(photos, "INVALID_RUN", /is not a run: it has no recipe\.json\.$/);
    await refused(join(work, "nowhere"), "NOT_FOUND", "There is no run");
    await refused(join(photos, "cat", "01.jpg"), "NOT_FOUND", "There is no run");
    mkdirSync(join(work, "empty"));
    await refused(join(work, "empty"), "INVALID_RUN", "is not a run");
  });
});

test("a photo that vanishes between the stages stops the run; brought back, the run ends in the same bytes", async () => {
  useCache("vanished");
  const lost = JSON.parse(readFileSync(join(wholeStepped.folder, "data.json"), "utf8")).photos.find(
    ({ split }: { split: string }) => split === "validation",
  );
  const path = join(photos, lost.name);
  let folder = "";
  await expect(
    train(photos, {
      ...stepped,
      onProgress: (progress) => {
        if (progress.kind === "found") folder = progress.folder;
        if (progress.kind === "epoch" && progress.row.epoch === 2) renameSync(path, `${path} away`);
      },
    }),
  ).rejects.toMatchObject({
    code: "INVALID_DATA",
    message: expect.stringContaining(`The photo ${lost.name} cannot be decoded any more. There is no file`),
  });
  renameSync(`${path} away`, path);
  expectSame(await resume(folder, { report: false }), wholeStepped);
});
