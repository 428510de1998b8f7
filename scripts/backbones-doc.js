// Writes the table of networks into docs/backbones.md. Usage: npm run docs:backbones
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const page = fileURLToPath(new URL("../docs/backbones.md", import.meta.url));
const [START, END] = ["<!-- networks -->\n", "<!-- /networks -->"];

/**
 * The page with its table brought up to date.
 *
 * @param {string} text - the page
 * @param {readonly import("../packages/headstart/src/backbones/registry.js").NamedNetwork[]} networks
 */
export function withTable(text, networks) {
  const head = ["name", "image size", "parameters", "features", "top-1", "licence of the weights"];
  /** @param {number} value */
  const number = (/** @type {number} */ value) => value.toLocaleString("en-US");
  const rows = networks.map(({ name, imageSize, parameters, features, top1, licence, source }) => [
    `\`${name}\``,
    String(imageSize),
    number(parameters),
    number(features),
    top1 === null ? "" : `${top1.toFixed(1)} %`,
    source.startsWith("https://") ? `${licence} ([source](${source}))` : licence,
  ]);
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => row[column]?.length ?? 0)));
  /** @param {number} column */
  const isRight = (/** @type {number} */ column) => column > 0 && column < 5;
  /** @param {string[]} row */
  const line = (/** @type {readonly string[]} */ row) =>
    `| ${row.map((cell, i) => (isRight(i) ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0))).join(" | ")} |`;
  const rule = `| ${widths.map((width, i) => (isRight(i) ? `${"-".repeat(width - 1)}:` : "-".repeat(width))).join(" | ")} |`;
  const table = [line(head), rule, ...rows.map(line)].join("\n");
  return `${text.slice(0, text.indexOf(START) + START.length)}\n${table}\n\n${text.slice(text.indexOf(END))}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { listNetworks } = await import("../packages/headstart/dist/backbones/registry.js");
  writeFileSync(page, withTable(readFileSync(page, "utf8"), await listNetworks()));
}
