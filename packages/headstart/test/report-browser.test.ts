import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { AxeResults } from "axe-core";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { composeReport } from "../src/report/html/index.js";
import { CHROMIUM, startBrowser } from "./support/chromium.js";
import { drawPhotos } from "./support/photos.js";
import { HOSTILE, madeUpReport } from "./support/report-data.js";
import { newFolder } from "./support/temporary.js";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const folder = newFolder();
const file = join(folder, "report.html");
const large = join(folder, "large.html");
const CLASSES = [...HOSTILE, "ants", "bees", "cats", "dogs", "eels", "foxes"];
const DESKTOP = { width: 1280, height: 900 };

/** Opens the report, and fails at the end if the browser had anything to complain about or anything was fetched. */
async function visit(
  browser: Browser,
  options: BrowserContextOptions,
  look: (page: Page) => Promise<void>,
  path: string = file,
): Promise<void> {
  const address = pathToFileURL(path).href;
  const context = await browser.newContext(options);
  try {
    const page = await context.newPage();
    const complaints: string[] = [];
    page.on("console", (message) => complaints.push(`${message.type()}: ${message.text()}`));
    page.on("pageerror", (error) => complaints.push(String(error)));
    page.on("dialog", (dialog) => complaints.push(`a dialog: ${dialog.message()}`));
    page.on("request", (request) => {
      if (request.url() !== address && !request.url().startsWith("data:"))
        complaints.push(`a request for ${request.url()}`);
    });
    await page.goto(address);
    await look(page);
    expect(complaints).toEqual([]);
  } finally {
    await context.close();
  }
}

/** What axe holds against a page, of the graver kinds. */
async function complaintsOf(page: Page): Promise<string[]> {
  // What is out of view is not laid out, and axe would measure it where it is not.
  await page.evaluate(
    "for (const part of document.querySelectorAll('.class')) part.style.contentVisibility = 'visible'",
  );
  await page.evaluate(axe);
  const { violations } = await page.evaluate<AxeResults>("axe.run(document)");
  return violations
    .filter(({ impact }) => impact !== "minor")
    .map(({ id, nodes: [first, ...others] }) => {
      const told = `${first?.html.slice(0, 200)} ${JSON.stringify(first?.any[0]?.data)}`;
      return `${id}: ${told} and ${others.length} more`;
    });
}

const title = "the report in Chromium (skipped where neither HEADSTART_CHROMIUM nor a usual place has one)";
describe.skipIf(CHROMIUM === undefined)(title, () => {
  let browser: Browser;
  beforeAll(async () => {
    await drawPhotos(folder, 4);
    const paths = ["cat", "dog", "fox"].flatMap((name) =>
      [1, 2, 3, 4].map((number) => join(folder, name, `0${number}.jpg`)),
    );
    const overlay = readFileSync(paths[0] ?? "");
    const gone = join(folder, "gone.jpg");
    const data = madeUpReport({ classes: CLASSES, perClass: 20, paths: [...paths, gone], overlay });
    writeFileSync(file, await composeReport(data));
    browser = await startBrowser();
  });
  afterAll(async () => {
    await browser.close();
    rmSync(folder, { recursive: true, force: true });
  });

  test("complains of nothing, fetches nothing, and names stay text", async () => {
    await visit(browser, { viewport: DESKTOP }, async (page) => {
      expect(await page.locator("script").count()).toBe(1);
      expect(await page.locator("img").count()).toBe(0);
      expect(await page.locator("h1").textContent()).toBe(HOSTILE[0]);
      const picture = "getComputedStyle(document.querySelector('i.at:not(.agone)')).backgroundImage";
      expect(await page.evaluate(picture)).toMatch(/^url\("data:image\/jpeg;/);
      expect(await page.locator("i.agone").count()).toBeGreaterThan(0);
    });
  });

  test("every link leads somewhere, and no anchor is there twice", async () => {
    await visit(browser, { viewport: DESKTOP }, async (page) => {
      const links = await page.evaluate<string[]>(
        "[...document.querySelectorAll('a[href]')].map((link) => link.getAttribute('href'))",
      );
      const ids = await page.evaluate<string[]>("[...document.querySelectorAll('[id]')].map(({ id }) => id)");
      expect(new Set(ids).size).toBe(ids.length);
      const known = new Set(ids.map((id) => `#${id}`));
      expect(links.filter((link) => !known.has(link))).toEqual([]);
      expect(links.length).toBeGreaterThan(100);
    });
  });

  test("every control works by keyboard", async () => {
    await visit(browser, { viewport: DESKTOP }, async (page) => {
      const focus = page.locator(":focus");
      // The first stop is the way past the menu.
      await page.keyboard.press("Tab");
      expect(await focus.getAttribute("href")).toBe("#main");

      // A cell opens its photos; Escape closes them, and one is back at the cell.
      const cell = page.locator(".matrix a.cell").first();
      const dialog = page.locator("dialog");
      await cell.press("Enter");
      expect(await dialog.isVisible()).toBe(true);
      expect(await dialog.locator("li").count()).toBe(Number(await cell.textContent()));
      expect(await dialog.locator("h2").textContent()).toContain("answered right");
      await page.keyboard.press("Escape");
      expect(await dialog.isVisible()).toBe(false);
      expect(await focus.getAttribute("aria-label")).toBe(await cell.getAttribute("aria-label"));
      await page.keyboard.press("Enter");
      await dialog.getByText("Close").press("Enter");
      expect(await dialog.isVisible()).toBe(false);
      await cell.press("Enter");
      await dialog.getByText("See them among").press("Enter");
      expect(await dialog.isVisible()).toBe(false);
      expect(page.url().endsWith((await cell.getAttribute("href")) ?? "?")).toBe(true);

      // Every heading of a table that can be sorted sorts it, up and down.
      for (const button of await page.locator("table.sortable th button").all()) {
        const heading = button.locator("..");
        await button.press("Enter");
        expect(await heading.getAttribute("aria-sort")).toBe("ascending");
        await button.press("Space");
        expect(await heading.getAttribute("aria-sort")).toBe("descending");
      }
      const recall = page.locator("#classes table.sortable th button").nth(3);
      await recall.press("Enter");
      const values = await page.evaluate<number[]>(
        "[...document.querySelectorAll('#classes table.sortable tbody td:nth-child(4)')].map(({ dataset }) => Number(dataset.by))",
      );
      expect(values).toHaveLength(CLASSES.length);
      expect(values).toEqual([...values].sort((a, b) => a - b));

      // Classes are found by name; a link to one that is hidden shows it.
      await page.locator("input[type=search]").fill("EELS");
      expect(await page.locator("article.class:visible").count()).toBe(1);
      await page.locator("#data a[href='#class-0']").press("Enter");
      await page.waitForFunction("document.querySelectorAll('article.class:not([hidden])').length > 1");

      await page.locator("details summary").first().press("Enter");
      expect(await page.locator("details[open]").count()).toBe(1);
    });
  });

  test("what a check found is shown, and curves of each class that has some", async () => {
    await visit(browser, { viewport: DESKTOP }, async (page) => {
      expect(await page.locator("#summary .warning").textContent()).toContain("87.5");
      const [first] = await page.locator(".finding").all();
      expect(await first?.locator(".items").first().locator("li").count()).toBe(12);
      expect(await first?.locator(".strip i.at").count()).toBe(24);
      await first?.locator("summary").press("Enter");
      expect(await first?.locator("li").count()).toBe(30);
      for (const [label, charts] of [2, 0, 2].entries()) {
        const part = page.locator(`#class-${label}`);
        if (charts > 0) await part.locator("summary").press("Enter");
        expect(await part.locator(".chart").count()).toBe(charts);
      }
      expect(await page.locator("#class-0 .chart").first().isVisible()).toBe(true);
      expect(await page.locator("#certainty table").count()).toBe(2);
    });
  });

  test("133 classes and 20,000 photos open and answer", async () => {
    const classes = Array.from({ length: 133 }, (_, index) => `breed ${index}`);
    const data = madeUpReport({ classes, perClass: 150, paths: [join(folder, "gone.jpg")] });
    writeFileSync(large, await composeReport(data));
    const look = async (page: Page) => {
      expect(await page.locator("article.class").count()).toBe(133);
      await page.locator(".matrix a.cell").last().press("Enter");
      expect(await page.locator("dialog li").count()).toBeGreaterThan(0);
      await page.keyboard.press("Escape");
      for (const id of ["class-50", "data", "class-3", "test-60-60"]) {
        await page.evaluate(`location.hash = "${id}"`);
        const top = `document.getElementById("${id}").getBoundingClientRect().top`;
        expect(Math.abs(await page.evaluate<number>(top))).toBeLessThan(100);
      }
      await page.locator("input[type=search]").fill("breed 132");
      expect(await page.locator("article.class:visible").count()).toBe(1);
      await page.locator("#classes table.sortable th button").nth(3).press("Enter");
      await page.locator("#class-132 summary").press("Enter");
      expect(await page.locator("#class-132 .chart").last().isVisible()).toBe(true);
    };
    await visit(browser, { viewport: DESKTOP }, look, large);
  });

  test.each(["light", "dark"] as const)("axe finds nothing grave, %s", async (colorScheme) => {
    await visit(browser, { viewport: DESKTOP, colorScheme }, async (page) => {
      expect(await complaintsOf(page)).toEqual([]);
      await page.locator(".matrix a.cell").first().press("Enter");
      expect(await complaintsOf(page)).toEqual([]);
    });
  });

  test("is not wider than a phone", async () => {
    await visit(browser, { viewport: { width: 360, height: 740 } }, async (page) => {
      expect(
        await page.evaluate<number>(
          "document.documentElement.scrollWidth - document.documentElement.clientWidth",
        ),
      ).toBe(0);
    });
  });

  test("printed, and without scripts, all is there", async () => {
    await visit(browser, { javaScriptEnabled: false, viewport: DESKTOP }, async (page) => {
      expect(await page.locator("dialog").count()).toBe(0);
      await page.locator(".matrix a.cell").first().press("Enter");
      expect(page.url()).toMatch(/#test-0-0$/);
      await page.emulateMedia({ media: "print" });
      expect(await page.locator("nav").isVisible()).toBe(false);
      const parts = [
        "summary",
        "measures",
        "certainty",
        "confusion",
        "wrong",
        "unsure",
        "classes",
        "data",
        "training",
        "use",
      ];
      for (const id of parts) expect(await page.locator(`#${id}`).isVisible()).toBe(true);
      expect(await page.locator("details table").first().isVisible()).toBe(true);
      expect((await page.pdf()).length).toBeGreaterThan(20_000);
    });
  });
});
