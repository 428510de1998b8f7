import type { ReportData, ReportPhoto } from "./data.js";
import { counted, own, SPLIT_TITLES, SPLIT_WORDS, sureness } from "./format.js";
import {
  isRight,
  leastSure,
  mainSplit,
  predictedOf,
  probabilityOf,
  splitsInOrder,
  surestWrong,
} from "./groups.js";
import { type Content, type Html, html } from "./html.js";
import type { Pictures } from "./pictures.js";

/** What is said of a photo: its class, and what it is taken for. */
export function sayAnswer(data: ReportData, photo: ReportPhoto): string {
  const truth = data.classes[photo.truth] ?? "";
  return isRight(photo) ? truth : `${truth}, taken for ${data.classes[predictedOf(photo)] ?? ""}`;
}

/** The section of the surest wrong answers. */
export function wrongSection(data: ReportData, pictures: Pictures): Html {
  const galleries = splitsInOrder(data).map((split) => {
    const photos = surestWrong(data, split);
    const all = data.photos.filter((photo) => photo.split === split && !isRight(photo)).length;
    const title = `${SPLIT_TITLES[split]} photos`;
    if (all === 0) return html`<h3>${title}</h3><p>No ${SPLIT_WORDS[split]} photo is answered wrong.</p>`;
    const shown =
      photos.length === all
        ? counted(all, "wrong answer")
        : `the surest ${photos.length} of ${counted(all, "wrong answer")}`;
    return html`<h3>${title}</h3><p>${capital(shown)}.${
      split === "train" && " The classifier has learnt from these photos and still contradicts their class."
    }</p>${gallery(data, photos, pictures)}`;
  });
  return html`<section id="wrong" aria-labelledby="wrong-h"><h2 id="wrong-h">Surest wrong answers</h2>
<p class="lead">Look here first. What is wrong with great certainty is often a wrong label, two classes in one photo, or a kind of photo that was missing among the training photos.</p>
${galleries}</section>`;
}

/** The section of the right answers that were nearly wrong. */
export function unsureSection(data: ReportData, pictures: Pictures): Html {
  const photos = leastSure(data);
  return html`<section id="unsure" aria-labelledby="unsure-h"><h2 id="unsure-h">Least sure right answers</h2>
${
  photos.length === 0
    ? html`<p>There are none.</p>`
    : html`<p class="lead">Right, but only just: of the ${SPLIT_WORDS[mainSplit(data)]} photos that are answered right, these have the lowest probability. More photos like them would help.</p>
${gallery(data, photos, pictures)}`
}</section>`;
}

function gallery(data: ReportData, photos: readonly number[], pictures: Pictures): Html {
  const isDouble = photos.some((index) => data.photos[index]?.overlay !== undefined);
  return html`<ul class="gallery${isDouble && " double"}">${photos.map((index) => {
    const photo = data.photos[index];
    if (photo === undefined) return undefined;
    const overlay = pictures.overlay(index, "Where the network looked");
    return html`<li><figure class="${isRight(photo) ? "right" : "wrong"}"><div class="pair">${pictures.large(index, sayAnswer(data, photo))}${overlay}</div>
<figcaption>${verdict(data, photo)}${answers(data, photo)}<small class="file" title="${photo.name}">${own(photo.name)}</small></figcaption></figure></li>\n`;
  })}</ul>`;
}

/** The mark, and what the photo is taken for; of a wrong answer, what it is. */
export function verdict(data: ReportData, photo: ReportPhoto): Html {
  const predicted = own(data.classes[predictedOf(photo)] ?? "");
  const share = sureness(probabilityOf(photo));
  return isRight(photo)
    ? html`<span class="answer"><b class="good" aria-hidden="true">✓</b> ${predicted} ${share}</span>`
    : html`<span class="answer"><b class="bad" aria-hidden="true">✗</b> ${predicted} ${share}</span> <span class="truth">is ${own(data.classes[photo.truth] ?? "")}</span>`;
}

/** The classes that come next. */
function answers(data: ReportData, photo: ReportPhoto): Content {
  const others = photo.answers.slice(1, 3).filter(([, probability]) => probability >= 0.005);
  if (others.length === 0) return undefined;
  return html`<small class="next">then ${others.map(
    ([label, probability], index) =>
      html`${index > 0 && ", "}${own(data.classes[label] ?? "")} ${sureness(probability)}`,
  )}</small>`;
}

function capital(sentence: string): string {
  return sentence.charAt(0).toUpperCase() + sentence.slice(1);
}
