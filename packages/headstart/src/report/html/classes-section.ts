import type { DetailedClassMetrics } from "../../evaluation/index.js";
import { drawClassCurves } from "./class-curves.js";
import { cellLink, confusions, sayGroup } from "./confusion-section.js";
import type { Measure, ReportData, SplitReport } from "./data.js";
import { counted, intervalOf, measured, own, percent, SPLIT_WORDS, whole } from "./format.js";
import { sayAnswer, verdict } from "./gallery.js";
import { type Group, groupId, mainSplit, shownGroups, splitsInOrder } from "./groups.js";
import { type Content, type Html, html } from "./html.js";
import type { Pictures } from "./pictures.js";
import { table } from "./table.js";

/** The section of the classes: a table of all, then each with its photos. */
export function classesSection(data: ReportData, pictures: Pictures): Html {
  const split = mainSplit(data);
  const main = data.splits.find((one) => one.split === split);
  const groups = shownGroups(data);
  return html`<section id="classes" aria-labelledby="classes-h"><h2 id="classes-h">Classes</h2>
<p class="lead">Figures are of the ${SPLIT_WORDS[split]} photos. Precision: of the photos taken for a class, the share that is of it. Recall: of the photos of a class, the share taken for it. F1: the harmonic mean of both.</p>
${main !== undefined && overview(data, main)}
${data.classes.map((_, label) => classPart(data, label, main, groups, pictures))}</section>`;
}

function overview(data: ReportData, main: SplitReport): Html {
  const wrong = confusions(main.confusion);
  const sortable = (value: number | null, shown: Content) => ({ shown, by: value });
  const rows = data.classes.map((name, label) => {
    const one = main.perClass[label];
    const worst = wrong.find(({ truth }) => truth === label);
    return [
      html`<a href="#class-${label}">${own(name)}</a>`,
      sortable(one?.photos ?? 0, whole(one?.photos ?? 0)),
      sortable(one?.precision ?? null, percent(one?.precision)),
      sortable(one?.recall ?? null, html`${bar(one?.recall ?? null)}${percent(one?.recall)}`),
      sortable(one?.f1 ?? null, percent(one?.f1)),
      worst === undefined ? "–" : own(data.classes[worst.predicted] ?? ""),
    ];
  });
  return table(
    ["Class", "Photos", "Precision", "Recall", "F1", "Most taken for"].map((name, index) => ({
      name,
      isNumber: index > 0 && index < 5,
    })),
    rows,
    { caption: `Figures of each class on the ${SPLIT_WORDS[main.split]} photos`, isSortable: true },
  );
}

/** A share as a bar, for the eye only. */
function bar(share: number | null): Html | undefined {
  if (share === null) return undefined;
  return html`<svg class="bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true"><rect class="bar-ground" width="100" height="8"/><rect class="bar-value" width="${Math.round(share * 100)}" height="8"/></svg>`;
}

function classPart(
  data: ReportData,
  label: number,
  main: SplitReport | undefined,
  groups: ReadonlyMap<string, Group>,
  pictures: Pictures,
): Html {
  const name = data.classes[label] ?? "";
  const counts = data.data.counts[label];
  const figures = main?.perClass[label];
  const own_ = [...groups.values()].filter(({ truth }) => truth === label);
  const parts = splitsInOrder(data).flatMap((split) => {
    const wrong = own_
      .filter((group) => group.split === split && group.predicted !== label)
      .sort((a, b) => b.photos.length - a.photos.length || a.predicted - b.predicted);
    const right = split === main?.split ? groups.get(groupId(split, label, label)) : undefined;
    return [...wrong, ...(right === undefined ? [] : [right])];
  });
  const taken = main === undefined ? [] : confusions(main.confusion).filter((one) => one.predicted === label);
  return html`<article class="class" id="class-${label}" aria-labelledby="class-${label}-h">
<h3 id="class-${label}-h">${own(name)}</h3>
<p class="faint">${counts !== undefined && `${whole(counts.train)} training, ${whole(counts.validation)} validation, ${whole(counts.test)} test photos`}</p>
${figures !== undefined && classFigures(figures)}
${main !== undefined && drawClassCurves(data, main, label)}
${
  main !== undefined &&
  taken.length > 0 &&
  html`<p>Taken for it: ${taken.map(
    (one, index) =>
      html`${index > 0 && ", "}${own(data.classes[one.truth] ?? "")} (${cellLink(data, groups, { ...one, split: main.split }, one.photos)})`,
  )}</p>`
}
${parts.length === 0 ? html`<p>There are no answers to show.</p>` : parts.map((group) => groupPart(data, group, pictures))}
<p class="back"><a href="#classes">All classes</a></p></article>\n`;
}

function classFigures(figures: DetailedClassMetrics): Html {
  const { precision, precisionInterval, recall, recallInterval, f1, f1Interval } = figures;
  const { rocArea, averagePrecision } = figures;
  const one = (name: string, measure: Pick<Measure, "value" | "interval" | "kind">) =>
    html`<div><dt>${name}</dt><dd>${measured(measure)} <small>${intervalOf(measure)}</small></dd></div>`;
  return html`<dl class="figures">${[
    one("Precision", { value: precision, interval: precisionInterval, kind: "share" }),
    one("Recall", { value: recall, interval: recallInterval, kind: "share" }),
    one("F1", { value: f1, interval: f1Interval, kind: "share" }),
    one("ROC area", { ...rocArea, kind: "number" }),
    one("Average precision", { ...averagePrecision, kind: "number" }),
  ]}</dl>`;
}

/** The photos behind a cell of the confusion matrix. */
function groupPart(data: ReportData, group: Group, pictures: Pictures): Html {
  const { split, truth, predicted, photos } = group;
  const isRightOne = truth === predicted;
  const id = groupId(split, truth, predicted);
  const items = photos.map((index) => photoItem(data, index, pictures, !isRightOne));
  const shown = items.filter((item) => item !== undefined);
  const left = photos.length - shown.length;
  const title = isRightOne
    ? html`Answered right, the least sure first`
    : html`Taken for ${own(data.classes[predicted] ?? "")}`;
  return html`<div class="group" role="group" id="${id}" aria-labelledby="${id}-h" tabindex="-1" data-title="${sayGroup(data.classes, truth, predicted)}">
<h4 id="${id}-h">${title} <span class="faint">${counted(photos.length, `${SPLIT_WORDS[split]} photo`)}</span></h4>
<ul class="photos">${shown}</ul>
${left > 0 && html`<p class="faint">${counted(left, "more photo")} without a picture here: there are more than a page can hold.</p>`}</div>`;
}

/** A photo with its answer; of photos without a picture only those that `isNamed` are listed. */
function photoItem(data: ReportData, index: number, pictures: Pictures, isNamed: boolean): Html | undefined {
  const photo = data.photos[index];
  if (photo === undefined) return undefined;
  const picture = pictures.small(index, sayAnswer(data, photo));
  if (picture === undefined && !isNamed) return undefined;
  return html`<li>${picture}${verdict(data, photo)}<small class="file" title="${photo.name}">${own(photo.name.slice(photo.name.lastIndexOf("/") + 1))}</small></li>\n`;
}
