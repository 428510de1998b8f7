import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Command } from "commander";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { addCompare } from "../src/cli/compare.js";
import { addReport } from "../src/cli/report.js";
import { addRuns } from "../src/cli/runs.js";
import { Terminal } from "../src/cli/terminal.js";
import { ANSWERS_FILE } from "../src/run/answers.js";
import { compareRuns } from "../src/run/compare.js";
import { report, reportData } from "../src/run/report.js";
import { listRuns } from "../src/run/runs.js";
import { train } from "../src/run/train.js";
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

describe("report", () => {
  test("tells a run from its folder, and computes answers again where it holds none", async () => {
    rmSync(join(first, ANSWERS_FILE), { force: true });
    const written = await report(first);
    expect(written).toEqual({
      report: join(first, "report.html"),
      card: join(first, "README.md"),
      bytes: readFileSync(join(first, "report.html")).length,
    });
    expect(existsSync(join(first, ANSWERS_FILE))).toBe(true);
    const data = await reportData(first);
    expect(data.classes).toEqual(["cat", "dog", "fox"]);
    expect(data.photos).toHaveLength(60);
    expect(data.splits.map(({ split }) => split)).toEqual(["train", "validation", "test"]);
    for (const { split, photos: own, confusion, measures } of data.splits) {
      const shown = data.photos.filter((photo) => photo.split === split);
      expect(shown).toHaveLength(own);
      // What is computed again agrees with what was measured in training.
      for (const [truth, row] of confusion.entries())
        for (const [predicted, count] of row.entries())
          expect(
            shown.filter((photo) => photo.truth === truth && photo.answers[0]?.[0] === predicted),
          ).toHaveLength(count);
      expect(measures[0]).toMatchObject({ id: "accuracy", value: 1 });
      for (const { interval } of measures) expect(interval).not.toBeNull();
    }
    expect(data.performance.map(({ name }) => name)).toEqual([
      "One photo",
      "Model",
      "Parameters",
      "Features",
    ]);
    expect(data.training).toMatchObject({ unit: "iteration", best: null });
  });

  test("asks for overlays of the photos in galleries only, and the command says where it wrote", async () => {
    const asked: string[] = [];
    const data = await reportData(first, {
      explain: async ({ path, name }) => {
        asked.push(name);
        return readFileSync(path);
      },
    });
    expect(asked.length).toBeGreaterThan(0);
    expect(asked.length).toBeLessThan(30);
    expect(data.photos.filter(({ overlay }) => overlay !== undefined)).toHaveLength(asked.length);
    const out = join(folder, "site", "index.html");
    const told: unknown = JSON.parse(await headstart("report", first, "--out", out, "--json"));
    expect(told).toMatchObject({ report: out, card: join(folder, "site", "README.md") });
    expect(await headstart("report", first, "--out", out)).toContain("index.html");
  });

  test("refuses what is no finished run", async () => {
    await expect(report(join(runs, "nothing"))).rejects.toMatchObject({ code: "NOT_FOUND" });
    const half = join(folder, "half");
    mkdirSync(half);
    cpSync(join(first, "recipe.json"), join(half, "recipe.json"));
    await expect(report(half)).rejects.toMatchObject({ code: "INVALID_RUN" });
  });
});

describe("compare", () => {
  test("a run does not differ from its copy", async () => {
    await report(first);
    cpSync(join(first, ANSWERS_FILE), join(second, ANSWERS_FILE));
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
    const [head = "", ...rows] = readFileSync(join(first, ANSWERS_FILE), "utf8").trimEnd().split("\n");
    const isTest = (row: string) => row.includes(",test,");
    const [gone] = rows.filter(isTest);
    const wrong = rows
      .filter((row) => row !== gone)
      .map((row) => (isTest(row) ? row.replace(/,test,(\w+),([^,]+),\w+/, ",test,$1,$2,other") : row));
    writeFileSync(join(second, ANSWERS_FILE), `${[head, ...wrong].join("\n")}\n`);
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

  test("refuses one run, and runs without answers", async () => {
    await expect(compareRuns([first])).rejects.toMatchObject({ code: "INVALID_OPTION" });
    rmSync(join(second, ANSWERS_FILE));
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
