import type { ReportData, SplitReport } from "./data.js";
import { counted, own, SPLIT_TITLES, SPLIT_WORDS, whole } from "./format.js";
import { type Group, groupId, shownGroups, splitsInOrder } from "./groups.js";
import { type Html, html } from "./html.js";
import { table } from "./table.js";

/** Up to this many classes every split has its matrix, and the matrix is printed. */
const FEW_CLASSES = 30;
/** Confusions that are listed under a matrix. */
const MOST_LISTED = 100;
/** Shades of a cell. */
export const SHADES = 10;

interface Confusion {
  readonly truth: number;
  readonly predicted: number;
  readonly photos: number;
}

/** The section of the confusion matrix, whose cells lead to the photos behind them. */
export function confusionSection(data: ReportData): Html {
  const isSmall = data.classes.length <= FEW_CLASSES;
  const groups = shownGroups(data);
  const parts = splitsInOrder(data).map((split, index) => {
    const report = data.splits.find((one) => one.split === split);
    if (report === undefined) return undefined;
    return html`<h3>${SPLIT_TITLES[split]} photos</h3>
${!isSmall && index === 0 && overview(data, report)}
${(isSmall || index === 0) && matrix(data, report, groups)}
${listed(data, report, groups)}`;
  });
  return html`<section id="confusion" aria-labelledby="confusion-h"><h2 id="confusion-h">Confusion</h2>
<p class="lead">A row for each true class, a column for each predicted class. Blue is right, orange is wrong; the stronger the colour, the more of the row's photos. Open a cell to see its photos.</p>
${parts}</section>`;
}

/** The whole matrix in one small picture, where the table is too large to be seen at once. */
function overview({ classes }: ReportData, { split, confusion }: SplitReport): Html {
  const side = classes.length;
  const cells = confusion.map((counts, truth) => {
    const total = counts.reduce((sum, value) => sum + value, 0);
    return counts.map((value, predicted) => {
      if (value === 0) return undefined;
      const opacity = (0.25 + (0.75 * value) / total).toFixed(2);
      return html`<rect class="${truth === predicted ? "o-right" : "o-wrong"}" x="${predicted}" y="${truth}" width="1" height="1" fill-opacity="${opacity}"/>`;
    });
  });
  const title = `The whole confusion matrix of the ${SPLIT_WORDS[split]} photos: ${side} true classes from top to bottom, ${side} predicted ones from left to right.`;
  return html`<svg class="overview" viewBox="-0.5 -0.5 ${side + 1} ${side + 1}" role="img" aria-label="${title}"><rect class="o-frame" x="0" y="0" width="${side}" height="${side}"/>${cells}</svg>`;
}

type Groups = ReadonlyMap<string, Group>;

function matrix(data: ReportData, { split, confusion }: SplitReport, groups: Groups): Html {
  const { classes } = data;
  const isSmall = classes.length <= FEW_CLASSES;
  const caption = `Confusion matrix of the ${SPLIT_WORDS[split]} photos`;
  const rows = confusion.map((counts, truth) => {
    const total = counts.reduce((sum, value) => sum + value, 0);
    const cells = counts.map((value, predicted) => {
      if (value === 0) return html`<td></td>`;
      const shade = Math.max(1, Math.ceil((value / total) * SHADES));
      const cell = cellLink(data, groups, { split, truth, predicted }, value);
      return html`<td class="${truth === predicted ? "r" : "w"}${shade}">${cell}</td>`;
    });
    return html`<tr><th scope="row"><a href="#class-${truth}">${own(classes[truth] ?? "")}</a></th>${cells}</tr>\n`;
  });
  return html`<div class="wide matrix${!isSmall && " large"}" role="region" aria-label="${caption}" tabindex="0"><table><caption class="unseen">${caption}: true classes in rows, predicted classes in columns</caption>
<thead><tr><th scope="col"><span class="axes">true \\ predicted</span></th>${classes.map((name) => html`<th scope="col"><span>${own(name)}</span></th>`)}</tr></thead>
<tbody>${rows}</tbody></table></div>`;
}

/** All confusions, the largest first; the cells of a matrix that hold wrong answers, as a list. */
function listed(data: ReportData, { split, confusion, photos }: SplitReport, groups: Groups): Html {
  const wrong = confusions(confusion);
  if (wrong.length === 0)
    return html`<p>No ${SPLIT_WORDS[split]} photo is taken for another class (${counted(photos, "photo")}).</p>`;
  const shown = wrong.slice(0, MOST_LISTED);
  const more = wrong.length - shown.length;
  return html`${table(
    [{ name: "True class" }, { name: "Taken for" }, { name: "Photos", isNumber: true }],
    shown.map((one) => [
      own(data.classes[one.truth] ?? ""),
      own(data.classes[one.predicted] ?? ""),
      cellLink(data, groups, { ...one, split }, one.photos),
    ]),
    { caption: `The largest confusions, ${SPLIT_WORDS[split]} photos`, isCaptionShown: true },
  )}${
    more > 0 &&
    html`<p>And ${whole(more)} more pairs with at most ${counted(shown.at(-1)?.photos ?? 0, "photo")} each; each class below lists its own.</p>`
  }`;
}

/** A number of photos, as a link to them where they are shown. */
export function cellLink(
  { classes }: ReportData,
  groups: Groups,
  { split, truth, predicted }: Omit<Group, "photos">,
  photos: number,
): Html {
  const id = groupId(split, truth, predicted);
  if (!groups.has(id)) return html`<span class="cell">${whole(photos)}</span>`;
  const label = `${sayGroup(classes, truth, predicted)}: ${counted(photos, "photo")}`;
  return html`<a class="cell" href="#${id}" aria-label="${label}">${whole(photos)}</a>`;
}

/** The wrong cells of a matrix, the largest first. */
export function confusions(matrix: readonly (readonly number[])[]): Confusion[] {
  return matrix
    .flatMap((row, truth) => row.map((photos, predicted) => ({ truth, predicted, photos })))
    .filter(({ photos, truth, predicted }) => photos > 0 && truth !== predicted)
    .sort((a, b) => b.photos - a.photos || a.truth - b.truth || a.predicted - b.predicted);
}

/** What a cell holds, such as `ants taken for bees`. */
export function sayGroup(classes: readonly string[], truth: number, predicted: number): string {
  const name = classes[truth] ?? "";
  return truth === predicted ? `${name}, answered right` : `${name} taken for ${classes[predicted] ?? ""}`;
}
