import { createHash } from "node:crypto";
import { certaintySection } from "./certainty-section.js";
import { classesSection } from "./classes-section.js";
import { confusionSection } from "./confusion-section.js";
import type { ReportData } from "./data.js";
import { unsureSection, wrongSection } from "./gallery.js";
import { type Html, html, trusted } from "./html.js";
import { measuresSection } from "./measures-section.js";
import { dataSection } from "./photos-section.js";
import { drawPictures, type OnDrawn } from "./pictures.js";
import { SCRIPT } from "./script.js";
import { STYLE } from "./style.js";
import { summarySection } from "./summary.js";
import { trainingSection } from "./training-section.js";
import { performanceSection, useSection } from "./use-section.js";

const SECTIONS = [
  ["summary", "Summary"],
  ["measures", "Measures"],
  ["certainty", "“I don’t know”"],
  ["confusion", "Confusion"],
  ["wrong", "Surest wrong answers"],
  ["unsure", "Least sure right answers"],
  ["classes", "Classes"],
  ["data", "Data"],
  ["training", "Training"],
  ["performance", "Speed and size"],
  ["use", "How to use it"],
] as const;

/**
 * Composes the report of a run: one HTML file with everything in it. It loads nothing from anywhere, and its content security policy
 * forbids it to. All of it can be read without scripts; a short script lets cells of the confusion matrix open their photos on the spot,
 * sorts tables and finds classes by name. The same data give the same bytes.
 *
 * Photos are read from their paths and drawn small, at most 8,000 of them and at most 16 MB: the more there are to show, the smaller they
 * become. Wrong answers come first; a photo that is gone is a grey square.
 *
 * @param data - all that is told
 * @param onDrawn - called while photos are drawn
 * @returns the HTML, below 25 MB at 133 classes and 20,000 photos
 */
export async function composeReport(data: ReportData, onDrawn?: OnDrawn): Promise<string> {
  const pictures = await drawPictures(data, onDrawn);
  const styles = [STYLE, ...pictures.css];
  const policy = [
    "default-src 'none'",
    "img-src data:",
    `style-src ${styles.map(hashOf).join(" ")}`,
    `script-src ${hashOf(SCRIPT)}`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
  const sections: Html[] = [
    summarySection(data),
    measuresSection(data),
    certaintySection(data),
    confusionSection(data),
    wrongSection(data, pictures),
    unsureSection(data, pictures),
    classesSection(data, pictures),
    dataSection(data, pictures),
    trainingSection(data),
    performanceSection(data),
    useSection(data),
  ];
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>${data.name} – Headstart report</title>
<link rel="icon" href="data:,">
${styles.map((style) => html`<style>${trusted(style)}</style>\n`)}</head>
<body>
<a class="skip" href="#main">Go to the content</a>
<div class="page">
<nav aria-label="Sections"><ul>${SECTIONS.map(([id, name]) => html`<li><a href="#${id}">${name}</a></li>`)}</ul></nav>
<main id="main" tabindex="-1">
${sections}
<footer>Made by Headstart ${data.version}. The photos in this file are those of the data set, made small.</footer>
</main>
</div>
<script>${trusted(SCRIPT)}</script>
</body>
</html>
`.toString();
}

/** How a content security policy names a style sheet or a script. */
function hashOf(text: string): string {
  return `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
}
