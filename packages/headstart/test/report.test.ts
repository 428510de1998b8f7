import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Command } from "commander";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { addCompare } from "../src/cli/compare.js";
import { addReport } from "../src/cli/report.js";
import { addRuns } from "../src/cli/runs.js";
import { Terminal } from "../src/cli/terminal.js";
import type { Finding } from "../src/data/index.js";
import { galleryPhotos } from "../src/report/html/index.js";
import { checkRun } from "../src/run/check-run.js";
import { readFinishedRun } from "../src/run/finished-run.js";
import { RUN_FILES } from "../src/run/folder.js";
import { compareRuns, listRuns, report, train } from "../src/run/index.js";
import { readMetrics } from "../src/run/metrics.js";
import { reportData } from "../src/run/report.js";
import { captured } from "./support/captured.js";
import { drawPhotos } from "./support/photos.js";
import { newFolder } from "./support/temporary.js";

const folder = newFolder();
const photos = join(folder, "photos");
const runs = join(folder, "runs");
const [first, second] = [join(runs, "first"), join(runs, "2")];

/** The commands of this part by themselves. */
async function headstart(...args: readonly string[]): Promise<string> {
  const streams = captured();
  const program = new Command("headstart");
  const terminal = new Terminal(streams);
  for (const add of [addReport, addCompare, addRuns]) add(program, terminal);
  await program.parseAsync(args, { from: "user" });
  return streams.out();
}

beforeAll(async () => {
  await drawPhotos(photos, 20);
  await train(photos, { out: runs, name: "first" });
  cpSync(first, second, { recursive: true });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A finding as a check makes it. */
function copies(...names: readonly string[]): Finding {
  return {
    kind: "near-copies",
    severity: "note",
    confidence: 0.9,
    photos: names.map((name) => ({ name, className: "cat", side: "train" })),
    sentence: "They show the same.",
    advice: "Keep one.",
    details: {},
    movable: [],
  };
}

describe("report", () => {
  test("is written by every training, and tells the run from its folder", async () => {
    for (const file of [RUN_FILES.report, RUN_FILES.card, RUN_FILES.answers, RUN_FILES.answerCurves])
      expect(existsSync(join(first, file))).toBe(true);
    const metrics = await readMetrics(first);
    const data = await reportData(await readFinishedRun(first));
    expect(data.classes).toEqual(["cat", "dog", "fox"]);
    expect(data.photos).toHaveLength(60);
    expect(data.splits.map(({ split }) => split)).toEqual(["train", "validation", "test"]);
    for (const { split, photos: own, confusion, measures, curves, certainty } of data.splits) {
      const shown = data.photos.filter((photo) => photo.split === split);
      expect(shown).toHaveLength(own);
      for (const [truth, row] of confusion.entries())
        for (const [predicted, count] of row.entries())
          expect(
            shown.filter((photo) => photo.truth === truth && photo.answers[0]?.[0] === predicted),
          ).toHaveLength(count);
      expect(measures[0]).toMatchObject({ id: "accuracy", value: 1 });
      const figure = (name: string) => measures.find((measure) => measure.name === name);
      expect(figure("Log loss")).toMatchObject({
        value: metrics?.[split].loss,
        interval: metrics?.[split].lossInterval,
      });
      expect(figure("Brier score")).toMatchObject({ ...metrics?.[split].brier });
      expect([curves === undefined, certainty === null]).toEqual([split === "train", split === "train"]);
    }
    expect(data.calibration?.photos).toBeGreaterThan(0);
    expect(data.performance.map(({ name }) => name)).toEqual([
      "One photo",
      "Model",
      "Parameters",
      "Features",
    ]);
    expect(data.training).toMatchObject({ unit: "iteration", kept: null });
  });

  test("draws where the network looked for the photos in galleries, and for no others", async () => {
    const data = await reportData(await readFinishedRun(first));
    const drawn = data.photos.flatMap(({ overlay }, index) => (overlay === undefined ? [] : [index]));
    expect(drawn).toEqual(galleryPhotos(data).sort((a, b) => a - b));
    expect(drawn.length).toBeGreaterThan(0);
  });

  test("photos that are gone have neither pictures nor maps", async () => {
    const gone = join(folder, "gone");
    cpSync(first, gone, { recursive: true });
    const known = JSON.parse(readFileSync(join(gone, RUN_FILES.data), "utf8"));
    writeFileSync(join(gone, RUN_FILES.data), JSON.stringify({ ...known, root: join(folder, "nowhere") }));
    const data = await reportData(await readFinishedRun(gone));
    expect(data.photos.filter(({ overlay }) => overlay !== undefined)).toEqual([]);
    expect(data.performance[0]?.name).toBe("Model");
    const { report: file } = await report(gone);
    expect(readFileSync(file, "utf8")).toContain("agone");
  });

  test("says what a check found, and what photos seen in training do to the accuracy", async () => {
    const { photos: shown } = await reportData(await readFinishedRun(first));
    const named = (split: string) => shown.filter((photo) => photo.split === split).map(({ name }) => name);
    const [seen = "", other = ""] = named("train");
    const [leaked = "", ...rest] = named("test");
    // The check takes all of them to be training photos; the run knows better.
    const findings = [copies(seen, leaked), copies(seen, other), copies(...rest)];
    const { data } = await reportData(await readFinishedRun(first), { check: { findings } });
    expect(data.leaks).toEqual([{ split: "test", leaked: 1, accuracy: 1, without: 1 }]);
    expect(data.findings).toEqual([
      {
        severity: "note",
        title: "near copies",
        items: findings.map(({ photos: of }) => ({
          sentence: "They show the same.",
          confidence: 0.9,
          photos: of.map(({ name }) => name),
          advice: "Keep one.",
        })),
      },
    ]);
    expect((await reportData(await readFinishedRun(first))).data.findings).toBeUndefined();
  });

  test("a run's photos are checked once, in the run's splits; those that are gone are not", async () => {
    const { photos: own } = JSON.parse(readFileSync(join(first, RUN_FILES.data), "utf8"));
    const known = readFileSync(join(first, RUN_FILES.check), "utf8");
    const checked = await checkRun(first, { onProgress: () => expect.unreachable("It is known.") });
    expect(checked).toMatchObject({ photos: own.length, root: photos });
    const moved = join(folder, "moved");
    cpSync(first, moved, { recursive: true });
    rmSync(join(moved, RUN_FILES.check));
    expect((await checkRun(moved))?.photos).toBe(60);
    expect(readFileSync(join(moved, RUN_FILES.check), "utf8")).toBe(known);
    const choices = JSON.parse(readFileSync(join(moved, RUN_FILES.recipe), "utf8"));
    writeFileSync(
      join(moved, RUN_FILES.recipe),
      JSON.stringify({ ...choices, photos: join(folder, "nowhere") }),
    );
    expect((await checkRun(moved))?.photos).toBe(60);
    writeFileSync(join(moved, RUN_FILES.check), "{");
    expect(await checkRun(moved)).toBeUndefined();
    expect(await headstart("report", moved)).toContain("report.html");
  });

  test("the command says where it wrote; the card is the same every time", async () => {
    const out = join(folder, "site", "index.html");
    const card = join(folder, "site", "README.md");
    const told: unknown = JSON.parse(await headstart("report", first, "--out", out, "--json"));
    expect(told).toEqual({ report: out, card, bytes: readFileSync(out).length });
    expect(readFileSync(out, "utf8")).toContain('id="certainty"');
    expect(readFileSync(card, "utf8")).toBe(readFileSync(join(first, RUN_FILES.card), "utf8"));
    expect(await headstart("report", first, "--out", out, "--no-check")).toContain("index.html");
    expect(readFileSync(out, "utf8")).not.toContain("<h3>Health</h3>");
  });

  test("refuses what is no finished run, and one without answers", async () => {
    await expect(report(join(runs, "nothing"))).rejects.toMatchObject({ code: "NOT_FOUND" });
    const half = join(folder, "half");
    mkdirSync(half);
    cpSync(join(first, RUN_FILES.recipe), join(half, RUN_FILES.recipe));
    await expect(report(half)).rejects.toMatchObject({ code: "INVALID_RUN" });
    cpSync(join(first, RUN_FILES.metrics), join(half, RUN_FILES.metrics));
    await expect(report(half)).rejects.toMatchObject({
      code: "INVALID_RUN",
      hint: expect.stringContaining("metrics.json"),
    });
  });

  test("an interruption ends it", async () => {
    await expect(report(first, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: "INTERRUPTED",
    });
  });
});

describe("compare", () => {
  test("a run does not differ from its copy", async () => {
    const { differences, pairs, split, notes } = await compareRuns([first, second]);
    expect([differences, split, notes]).toEqual([[], "test", []]);
    expect(pairs).toEqual([expect.objectContaining({ first: 0, second: 1, onlyFirst: 0, exact: 1 })]);
    expect(await headstart("compare", first, second)).toContain("All was chosen alike.");
  });

  test("says what was chosen differently, and tests on the photos that both have", async () => {
    const choices = JSON.parse(readFileSync(join(second, "recipe.json"), "utf8"));
    choices.seed = 7;
    choices.recipe.optimiser.l2 = 0.5;
    writeFileSync(join(second, "recipe.json"), JSON.stringify(choices));
    // All test photos but the first are now wrong, and the first has gone from the second run.
    const [head = "", ...rows] = readFileSync(join(first, RUN_FILES.answers), "utf8").trimEnd().split("\n");
    const isTest = (row: string) => row.includes(",test,");
    const [gone] = rows.filter(isTest);
    const wrong = rows
      .filter((row) => row !== gone)
      .map((row) => (isTest(row) ? row.replace(/,test,(\w+),([^,]+),\w+/, ",test,$1,$2,other") : row));
    writeFileSync(join(second, RUN_FILES.answers), `${[head, ...wrong].join("\n")}\n`);
    const tests = rows.filter(isTest).length - 1;
    const comparison = await compareRuns([first, second]);
    expect(comparison.differences).toEqual([
      { choice: "recipe.optimiser.l2", values: ["cross-validated", 0.5] },
      { choice: "seed", values: [0, 7] },
    ]);
    expect(comparison.pairs[0]).toMatchObject({
      photos: tests,
      onlyFirst: tests,
      onlySecond: 0,
      difference: -1,
      exact: expect.closeTo(2 ** (1 - tests), 12),
    });
    expect(comparison.notes[0]).toContain("only a part");
    const told = await headstart("compare", first, second);
    expect(told).toContain("recipe.optimiser.l2");
    expect(told).toContain("first is better");
    expect(JSON.parse(await headstart("compare", first, second, "--json"))).toMatchObject({ split: "test" });
  });

  test("of several tests, says that chance makes some small", async () => {
    const { pairs, notes } = await compareRuns([first, first, second]);
    expect(pairs).toHaveLength(3);
    expect(notes[0]).toContain("Of 3 tests");
  });

  test("refuses one run, and runs without answers", async () => {
    await expect(compareRuns([first])).rejects.toMatchObject({ code: "INVALID_OPTION" });
    rmSync(join(second, RUN_FILES.answers));
    await expect(compareRuns([first, second])).rejects.toMatchObject({ code: "INVALID_RUN" });
  });
});

describe("runs", () => {
  test("lists what is there, unfinished ones too, the best first where asked", async () => {
    mkdirSync(join(runs, "10"));
    cpSync(join(first, "recipe.json"), join(runs, "10", "recipe.json"));
    mkdirSync(join(runs, "no run"));
    const found = await listRuns(runs);
    expect(found.map(({ name, isFinished }) => [name, isFinished])).toEqual([
      ["2", true],
      ["10", false],
      ["first", true],
    ]);
    expect(found[0]).toMatchObject({ recipe: "default", fineTune: "head", test: { accuracy: 1 } });
    expect((await listRuns(runs, "accuracy")).at(-1)?.name).toBe("10");
    const told = await headstart("runs", "--out", runs, "--sort", "accuracy");
    expect(told).toContain("not finished");
    expect(told.split("\n")[0]).toMatch(/^run\s+recipe\s+backbone\s+trains/);
    await expect(listRuns(join(folder, "nothing"))).rejects.toMatchObject({ code: "NOT_FOUND" });
    mkdirSync(join(folder, "empty"));
    expect(await headstart("runs", "--out", join(folder, "empty"))).toContain("There are no runs");
  });
});
