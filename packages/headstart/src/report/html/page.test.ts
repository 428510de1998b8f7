import { createHash } from "node:crypto";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { drawPhotos } from "../../../test/support/photos.js";
import { HOSTILE, madeUpReport } from "../../../test/support/report-data.js";
import { newFolder } from "../../../test/support/temporary.js";
import { escapeHtml } from "./html.js";
import { composeReport } from "./page.js";

const folder = newFolder();
const paths: string[] = [];
beforeAll(async () => {
  await drawPhotos(folder, 4);
  for (const name of ["cat", "dog", "fox"])
    for (let number = 1; number <= 4; number++) paths.push(join(folder, name, `0${number}.jpg`));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Elements that have no end. */
const VOID = new Set(["meta", "link", "input", "br", "line", "rect", "circle", "polyline"]);

/** Complaints about tags that do not match; scripts and styles are left out. */
function mismatches(page: string): string[] {
  const found: string[] = [];
  const open: string[] = [];
  const text = page.replace(/<(script|style)>[\s\S]*?<\/\1>/g, "");
  for (const [, slash, name = "", attributes = "", closed] of text.matchAll(
    /<(\/?)([a-z][a-z0-9]*)((?:\s+[a-z-]+(?:="[^"]*")?)*)\s*(\/?)>/gi,
  )) {
    if (slash === "/") {
      const expected = open.pop();
      if (expected !== name) found.push(`</${name}> ends <${expected}>`);
    } else if (closed !== "/" && !VOID.has(name)) open.push(name);
    const names = [...attributes.matchAll(/\s([a-z-]+)(?:="[^"]*")?/g)].map(
      ([, attribute]) => attribute ?? "",
    );
    if (names.includes("style") || names.some((attribute) => attribute.startsWith("on")))
      found.push(`<${name}${attributes}>`);
    if (new Set(names).size !== names.length) found.push(`twice the same: <${name}${attributes}>`);
  }
  return [...found, ...open.map((name) => `<${name}> has no end`)];
}

describe("composeReport", () => {
  test("is well-formed, and whatever names hold stays text", async () => {
    const page = await composeReport(madeUpReport({ classes: HOSTILE, perClass: 20, paths }));
    expect(mismatches(page)).toEqual([]);
    for (const name of HOSTILE.slice(0, 2)) {
      expect(page).not.toContain(name);
      expect(page).toContain(escapeHtml(name));
    }
    for (const unwanted of ["\u0000", "\u202e", "\ud800"]) expect(page).not.toContain(unwanted);
    // Every "<" is the beginning of one of the page's own tags: none is left once these are gone.
    const text = page.replace(/<(script|style)>[\s\S]*?<\/\1>/g, "").replace(/<!?\/?[a-z][^<>]*>/gi, "");
    expect(text).not.toContain("<");
  });

  test("loads nothing, and its policy allows its own styles and script only", async () => {
    const page = await composeReport(madeUpReport({ classes: ["a", "b"], perClass: 20, paths }));
    expect(page).not.toMatch(/https?:(?!\/\/www\.w3\.org)/);
    const policy =
      /Content-Security-Policy" content="([^"]*)"/.exec(page)?.[1]?.replaceAll("&#39;", "'") ?? "";
    expect(policy).toMatch(/^default-src 'none'; img-src data:; style-src 'sha256-/);
    expect(policy).not.toContain("unsafe");
    const parts = [...page.matchAll(/<(script|style)>([\s\S]*?)<\/\1>/g)];
    expect(parts).toHaveLength(4);
    for (const [, , content = ""] of parts)
      expect(policy).toContain(createHash("sha256").update(content).digest("base64"));
  });

  test("the same data give the same bytes", async () => {
    const data = madeUpReport({ classes: ["a", "b", "c"], perClass: 20, paths });
    expect(await composeReport(data)).toBe(await composeReport(data));
  });

  test("every anchor that is linked to is there", async () => {
    const page = await composeReport(madeUpReport({ classes: ["a", "b", "c"], perClass: 30, paths }));
    const ids = new Set([...page.matchAll(/\sid="([^"]+)"/g)].map(([, id]) => id));
    const links = [...page.matchAll(/href="#([^"]+)"/g)].map(([, id]) => id);
    expect(links.filter((id) => !ids.has(id))).toEqual([]);
  });

  test("little to tell breaks nothing: one split, no epochs, no answers, photos that are gone", async () => {
    const whole = madeUpReport({ classes: ["a", "b"], perClass: 10, paths: [join(folder, "gone.jpg")] });
    const bare = {
      ...whole,
      training: { unit: "epoch", epochs: [], learningRates: [], kept: null } as const,
      splits: whole.splits.slice(0, 1),
      photos: whole.photos.filter(({ split }) => split === "train"),
      performance: [],
      data: { ...whole.data, findings: [], leaks: [], skipped: [], truncated: [], warnings: [] },
    };
    const page = await composeReport(bare);
    expect(mismatches(page)).toEqual([]);
    expect(page).toContain("All photos were trained on.");
    expect(page).toContain("agone");
    const empty = await composeReport({ ...bare, splits: [], photos: [] });
    expect(mismatches(empty)).toEqual([]);
  });

  test("says which epoch was kept, were it the weights from before the first", async () => {
    const data = madeUpReport({ classes: ["a", "b"], perClass: 10, paths: [] });
    expect(await composeReport(data)).toContain("Kept is epoch 2, the best on the validation photos");
    const untrained = { ...data, training: { ...data.training, kept: 0 } };
    expect(await composeReport(untrained)).toContain("Kept are the weights from before the first epoch");
    const last = { ...data, training: { ...data.training, kept: null } };
    expect(await composeReport(last)).toContain("Kept is the last one: it has a training loss");
  });

  test("says what the calibration error means beside that of exact probabilities", async () => {
    const data = madeUpReport({ classes: ["a", "b"], perClass: 10, paths: [] });
    expect(await composeReport(data)).toContain("they say nothing against the probabilities");
    const splits = data.splits.map((split) => ({
      ...split,
      calibrationError: { value: 0.05, interval: null },
    }));
    expect(await composeReport({ ...data, splits })).toContain("the classifier is surer than it should be");
  });

  test("133 classes and 20,000 photos are below 25 MB", async () => {
    const classes = Array.from({ length: 133 }, (_, index) => `A breed of dogs with the number ${index}`);
    const gone = join(folder, "gone.jpg");
    // Most photos are gone, which saves the test's time; a picture that is there counts as three.
    const data = madeUpReport({ classes, perClass: 150, paths: [paths[0] ?? gone, gone, gone] });
    const page = await composeReport(data);
    expect(data.photos).toHaveLength(19_950);
    const pictures = [...page.matchAll(/base64,([^)]*)/g)].reduce(
      (sum, [, text = ""]) => sum + text.length,
      0,
    );
    expect(Buffer.byteLength(page) + 2 * pictures).toBeLessThan(25e6);
    expect([...page.matchAll(/<i class="at /g)].length).toBeGreaterThan(4000);
    expect(mismatches(page)).toEqual([]);
  });
});
