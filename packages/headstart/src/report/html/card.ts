import { stringify } from "yaml";
import type { ReportData, SplitReport } from "./data.js";
import { counted, intervalOf, measured, percent, SPLIT_TITLES, SPLIT_WORDS, whole } from "./format.js";
import { mainSplit } from "./groups.js";
import { usage } from "./use-section.js";

/** Identifiers that the Hugging Face hub has for the licences of pretrained networks. */
const LICENCES: ReadonlySet<string> = new Set([
  "apache-2.0",
  "mit",
  "bsd-2-clause",
  "bsd-3-clause",
  "cc0-1.0",
  "cc-by-4.0",
  "cc-by-sa-4.0",
  "cc-by-nc-4.0",
  "cc-by-nc-sa-4.0",
  "agpl-3.0",
  "gpl-3.0",
  "lgpl-3.0",
  "openrail",
]);

/** Classes that a card lists; of more, it says how many. */
const MOST_CLASSES = 200;

/**
 * Composes a model card, `README.md`, with the front matter that the Hugging Face hub reads: licence, tags, library, task, metrics and
 * results. It holds no paths of the machine.
 *
 * @param data - as for {@link composeReport}; no photo of it is used
 * @returns Markdown
 */
export function composeModelCard(data: ReportData): string {
  const { classes, imageSize, backbone, source } = data;
  const main = data.splits.find(({ split }) => split === mainSplit(data));
  const { typescript, python } = usage({ run: "." });
  const name = line(data.name);
  const photos = data.data.counts.reduce((sum, { train }) => sum + train, 0);
  return `---
${stringify(frontMatter(data, main), { lineWidth: 0 })}---

# ${escapeMarkdown(name)}

An image classifier of ${counted(classes.length, "class", "classes")}, trained with Headstart ${line(data.version)} on ${counted(photos, "photo")}${
    source === "" ? "" : ` ("${cell(source)}")`
  }. It is one ONNX file: photos of any size go in, probabilities come out.

## How good it is

${measuresTable(data)}

Below a figure stands its interval at 95 %. ${
    main === undefined || main.split === "train"
      ? "It was measured on photos that it was trained on only, which says little."
      : `What counts are the ${SPLIT_WORDS[main.split]} photos. The figures hold for photos of the same kind; of other photos they say nothing.`
  }

${leaks(data)}${confidence(main)}## Classes

${classList(data, main)}

## How it was made

| what | |
| --- | --- |
${data.choices.map(({ name: what, value }) => `| ${cell(what)} | ${cell(value)} |`).join("\n")}

The pretrained network is ${escapeMarkdown(line(backbone.name))} (licence: ${escapeMarkdown(line(backbone.licence))}; source: ${escapeMarkdown(line(backbone.source))}). Check what the licence of
your photos allows before you publish a model that was trained on them.

## How to use it

\`\`\`python
${python}
\`\`\`

\`\`\`ts
${typescript}
\`\`\`

The input \`image\` is uint8 \`[N, H, W, 3]\`: RGB, rows from the top, of any height and width; it is resized to ${imageSize} x ${imageSize} inside. The outputs are
\`probabilities\`, \`logits\`, \`features\`${main?.certainty?.unlike == null ? "" : ", `unlike`"}: the metadata says more.

## Limits

It knows its ${counted(classes.length, "class", "classes")} only, and names one of them for any photo.${
    main?.certainty?.unlike == null
      ? ""
      : " Its output `unlike` says how much a photo differs from the training photos: from 0.99 on it is probably of something else."
  }
`;
}

function frontMatter({ name, backbone, source }: ReportData, main: SplitReport | undefined): unknown {
  const base = /^hf:([\w.-]+\/[\w.-]+)/.exec(backbone.name)?.[1];
  const shown = (main?.measures ?? []).flatMap(({ id, name: title, value }) =>
    id === undefined || value === null ? [] : [{ type: id, name: title, value: Number(value.toFixed(6)) }],
  );
  return {
    ...licenceOf(backbone.licence),
    library_name: "onnx",
    pipeline_tag: "image-classification",
    tags: ["image-classification", "onnx", "headstart"],
    ...(base !== undefined && { base_model: base }),
    metrics: shown.map(({ type }) => type),
    "model-index": [
      {
        name: line(name),
        results:
          main === undefined
            ? []
            : [
                {
                  task: { type: "image-classification", name: "Image classification" },
                  dataset: { name: line(source) || "photos", type: "imagefolder", split: main.split },
                  metrics: shown,
                },
              ],
      },
    ],
  };
}

/** A licence as the hub names it: one that it does not know has an identifier of its own, and one that nobody stated is unknown. */
function licenceOf(licence: string): { readonly license: string; readonly license_name?: string } {
  const identifier = line(licence)
    .toLowerCase()
    .replace(/[^a-z0-9.]+/g, "-")
    .replace(/^-|-$/g, "");
  if (LICENCES.has(identifier)) return { license: identifier };
  if (identifier === "" || identifier === "not-stated") return { license: "unknown" };
  return { license: "other", license_name: identifier };
}

function measuresTable({ splits }: ReportData): string {
  const head = ["", ...splits.map(({ split, photos }) => `${SPLIT_TITLES[split]} (${whole(photos)})`)];
  const rows = (splits[0]?.measures ?? []).map(({ name }, row) => [
    cell(name),
    ...splits.map(({ measures }) => {
      const one = measures[row];
      if (one === undefined) return "–";
      const interval = intervalOf(one);
      return interval === "" ? measured(one) : `${measured(one)}<br>${interval}`;
    }),
  ]);
  const lines = [head, head.map((_, index) => (index === 0 ? "---" : "---:")), ...rows];
  return lines.map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

/** What photos that were seen in training do to the figures; empty where there are none. */
function leaks({ data: { leaks: found = [] } }: ReportData): string {
  return found
    .map(
      ({ split, leaked, accuracy, without }) =>
        `${counted(leaked, `${SPLIT_WORDS[split]} photo`)} ${leaked === 1 ? "shows" : "show"} what a training photo shows: without them accuracy is ${percent(without)}, not ${percent(accuracy)}.\n\n`,
    )
    .join("");
}

/** From which probability on answers can be trusted; empty where the model promises nothing. */
function confidence(main: SplitReport | undefined): string {
  if (main?.certainty == null) return "";
  const rows = main.certainty.thresholds.flatMap(
    ({ asked, threshold, coverage, accuracy, accuracyInterval: interval }) =>
      threshold === null
        ? []
        : [
            `| ${percent(asked)} | ${threshold.toFixed(4)} | ${percent(coverage)} | ${percent(accuracy)}<br>${intervalOf({ interval, kind: "share" })} |`,
          ],
  );
  if (rows.length === 0) return "";
  return `## When to trust it

Answers whose probability is at least the threshold should have at least the accuracy that is asked for. Measured on the ${SPLIT_WORDS[main.split]} photos, with intervals at 95 %:

| accuracy asked for | threshold | photos answered | right of these |
| ---: | ---: | ---: | ---: |
${rows.join("\n")}

`;
}

function classList({ classes }: ReportData, main: SplitReport | undefined): string {
  const rows = classes.slice(0, MOST_CLASSES).map((name, label) => {
    const one = main?.perClass[label];
    return `| ${cell(name)} | ${percent(one?.precision)} | ${percent(one?.recall)} | ${percent(one?.f1)} |`;
  });
  const more = classes.length - rows.length;
  return [
    "| class | precision | recall | F1 |",
    "| --- | ---: | ---: | ---: |",
    ...rows,
    ...(more > 0 ? ["", `And ${whole(more)} more.`] : []),
  ].join("\n");
}

/** A text on one line, without controls and without characters that turn the direction. */
function line(text: string): string {
  return text
    .replace(/[\u202a-\u202e\u2066-\u2069]/g, "")
    .replace(/[\p{Control}\p{Surrogate}\s]+/gu, " ")
    .trim();
}

/** A text whose characters mean nothing to Markdown or HTML. */
function escapeMarkdown(text: string): string {
  return text.replace(/[\\`*_{}[\]|~<>&$]/g, (character) =>
    character === "<" ? "&lt;" : character === ">" ? "&gt;" : character === "&" ? "&amp;" : `\\${character}`,
  );
}

function cell(text: string): string {
  return escapeMarkdown(line(text));
}
