import { COLOURS } from "../colours.js";
import { SHADES } from "./confusion-section.js";

/** The page's style sheet: the system's typeface, one accent, light and dark, wide and narrow, paper. */
export const STYLE = `
:root{color-scheme:light dark;--ground:#ffffff;--raised:#f6f7f8;--text:#22262a;--faint:#5c646c;--rule:#dfe3e7;--accent:${COLOURS.blue};--orange:${COLOURS.orange};
--good:#00694b;--bad:#b3261e;--missing:${COLOURS.missing};--right-rgb:0 114 178;--wrong-rgb:217 115 13;--cell-text:#16191c;--least:.1;--span:.6}
@media (prefers-color-scheme:dark){:root{--ground:#15181b;--raised:#1d2125;--text:#e4e7ea;--faint:#a1a9b1;--rule:#343a40;--accent:${COLOURS.lightBlue};--orange:#f0a35e;
--good:#5cc9a2;--bad:#ff9a91;--missing:#3a4046;--right-rgb:0 114 178;--wrong-rgb:176 88 8;--cell-text:#ffffff;--least:.25;--span:.7}}
*{box-sizing:border-box}
html{scroll-padding-top:1rem;-webkit-text-size-adjust:100%}
body{margin:0;background:var(--ground);color:var(--text);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif;overflow-wrap:anywhere}
a{color:var(--accent);text-underline-offset:.15em;text-decoration-thickness:1px}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px;border-radius:3px}
.skip{position:absolute;left:-999rem}
.skip:focus{left:1rem;top:1rem;background:var(--ground);padding:.5rem 1rem;z-index:9}
.page{display:grid;grid-template-columns:minmax(0,1fr);max-width:84rem;margin:0 auto;padding:0 1.25rem 6rem;gap:0 3.5rem}
nav{padding:1rem 0;border-bottom:1px solid var(--rule)}
nav ul{list-style:none;margin:0;padding:0;display:flex;flex-wrap:wrap;gap:.15rem 1.1rem}
nav a{display:inline-block;padding:.2rem 0;text-decoration:none;color:var(--faint);font-size:.92rem}
nav a:hover{color:var(--accent);text-decoration:underline}
@media (min-width:68rem){.page{grid-template-columns:11.5rem minmax(0,1fr)}
nav{position:sticky;top:0;align-self:start;padding:3.4rem 0 1rem;border:0;max-height:100vh;overflow-y:auto}nav ul{display:block}nav li{margin:.3rem 0}}
main{min-width:0;padding-top:2.6rem}
main>section{margin-bottom:4.5rem}
h1{font-size:2.3rem;line-height:1.2;margin:0 0 .6rem;letter-spacing:-.01em}
h2{font-size:1.55rem;line-height:1.25;margin:0 0 .5rem;letter-spacing:-.005em}
h2.small{font-size:1.15rem;margin-top:2.2rem}
h3{font-size:1.1rem;line-height:1.35;margin:2.2rem 0 .5rem}
h4{font-size:1rem;margin:1.4rem 0 .5rem}
p{margin:.4rem 0 .9rem;max-width:46rem}
small{font-size:.82rem;color:var(--faint)}
.eyebrow{color:var(--faint);margin:0 0 .2rem;font-size:.92rem}
.lead{color:var(--faint);max-width:46rem}
#summary>.lead{font-size:1.12rem}
.faint{color:var(--faint);font-weight:400}
.warning{border-left:4px solid var(--orange);background:var(--raised);padding:.7rem 1rem;border-radius:0 6px 6px 0}
.unseen{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
code,pre{font:.86rem/1.6 ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}
pre{background:var(--raised);border:1px solid var(--rule);border-radius:8px;padding:.9rem 1.1rem;overflow-x:auto;overflow-wrap:normal}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(12.5rem,1fr));gap:1rem;margin:1.8rem 0}
.tile{background:var(--raised);border-radius:10px;padding:1rem 1.2rem;display:grid;grid-row:span 3;grid-template-rows:subgrid;row-gap:0}
.tile p{margin:0}
.tile-name{font-size:.92rem}
.tile-name span{color:var(--faint)}
.tile-value{font-size:2rem;line-height:1.3;font-weight:600;font-variant-numeric:tabular-nums;letter-spacing:-.01em}
.tile-note{font-size:.84rem;color:var(--faint)}
.facts{display:grid;grid-template-columns:repeat(auto-fill,minmax(24rem,1fr));gap:0 2.5rem;margin:.8rem 0}
.facts div{display:grid;grid-template-columns:9rem minmax(0,1fr);gap:.8rem;padding:.5rem 0;border-bottom:1px solid var(--rule)}
dt{color:var(--faint)}
dd{margin:0}
dd small{display:block}
.wide{overflow-x:auto;margin:1rem 0;max-width:100%}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}
caption{text-align:left;font-weight:600;padding:.4rem 0}
th,td{padding:.42rem .9rem .42rem 0;text-align:left;vertical-align:top;border-bottom:1px solid var(--rule);font-weight:400}
th:not(:last-child),td:not(:last-child){padding-right:1.6rem}
thead th{color:var(--faint);font-size:.88rem;vertical-align:bottom;white-space:nowrap}
td small,th small{display:block;overflow-wrap:normal}
tbody th:has(small){min-width:11rem}
.number{text-align:right;white-space:nowrap}
th button{font:inherit;color:inherit;background:none;border:0;padding:.15rem .1rem;margin:-.15rem 0;cursor:pointer;min-height:24px}
th button:hover{color:var(--accent)}
th[aria-sort] button::after{content:" ↕";opacity:.45}
th[aria-sort=ascending] button::after{content:" ↑";opacity:1}
th[aria-sort=descending] button::after{content:" ↓";opacity:1}
.bar{width:4.5rem;height:.5rem;margin-right:.7rem;border-radius:2px}
.bar-ground{fill:var(--rule)}
.bar-value{fill:var(--accent)}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,24rem),1fr));gap:1.5rem 2rem;align-items:start;margin:1rem 0}
.charts.small{display:flex;flex-wrap:wrap}
.charts.small .chart{flex:1 1 16rem;max-width:24rem}
.chart{margin:0;max-width:38rem}
.chart figcaption{display:flex;flex-wrap:wrap;gap:.2rem 1.2rem;align-items:baseline;margin-bottom:.3rem}
.chart>svg{display:block;width:100%;height:auto}
.key{color:var(--faint);font-size:.88rem;display:inline-flex;align-items:center;gap:.45rem}
.key svg{width:22px;height:8px}
.rule{stroke:var(--rule)}
.mark{fill:var(--faint);font-size:12px}
.end{text-anchor:end}
.mid{text-anchor:middle}
.line{fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}
.line.first{stroke:var(--accent)}
.line.second{stroke:var(--orange);stroke-dasharray:6 4}
.dot.first{fill:var(--accent)}
.dot.second{fill:var(--orange)}
.ring{fill:var(--ground);stroke-width:2}
.ring.first{stroke:var(--accent)}
.ring.second{stroke:var(--orange)}
.whisker{stroke-width:1.5;opacity:.6}
.whisker.first{stroke:var(--accent)}
.kept{stroke:var(--faint);stroke-dasharray:2 4}
details{margin:1rem 0}
summary{cursor:pointer;color:var(--accent);padding:.2rem 0;width:fit-content}
.names{padding-left:1.2rem;margin:.4rem 0 1rem;columns:22rem;column-gap:2.5rem}
.names li{font-size:.92rem;break-inside:avoid}
.purposes{padding-left:1.2rem;color:var(--faint)}
.finding{border-left:4px solid var(--rule);padding:.1rem 0 .1rem 1.1rem;margin:1.2rem 0}
.finding.error{border-color:var(--bad)}
.finding.warning{background:none;border-color:var(--orange);border-radius:0}
.finding h4{margin:.2rem 0}
.items{list-style:none;padding:0;margin:.6rem 0 1rem;display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,17rem),1fr));gap:1rem 1.4rem}
.items li{font-size:.84rem;line-height:1.45}
.items .next{display:block}
.strip{display:flex;flex-wrap:wrap;gap:.3rem;margin-bottom:.4rem}
.badge{font-size:.78rem;font-weight:600;border:1px solid currentColor;border-radius:999px;padding:.05rem .6rem;margin-right:.4rem;color:var(--faint)}
.error .badge{color:var(--bad)}
.overview{display:block;width:min(100%,32rem);height:auto;margin:1rem 0}
.o-frame{fill:none;stroke:var(--rule);stroke-width:.4}
.o-right{fill:var(--accent)}
.o-wrong{fill:var(--orange)}
.matrix{max-height:80vh;overflow:auto}
.matrix table{border-collapse:separate;border-spacing:0}
.matrix th,.matrix td{border:0;padding:0}
.matrix tbody th{position:sticky;left:0;background:var(--ground);text-align:right;padding:0 .7rem 0 0;max-width:14rem;overflow:hidden;text-overflow:ellipsis;white-space:nowrap;vertical-align:middle;z-index:1}
.matrix tbody th a{color:inherit;text-decoration:none}
.matrix tbody th a:hover{text-decoration:underline}
.matrix thead th{position:sticky;top:0;background:var(--ground);z-index:2;text-align:center;padding-bottom:.5rem;height:1px}
.matrix thead th:not(:first-child)>span{display:inline-block;writing-mode:vertical-rl;transform:rotate(180deg);max-height:11rem;overflow:hidden;text-overflow:ellipsis;white-space:nowrap;color:var(--text)}
.matrix thead th:first-child{left:0;z-index:3;text-align:right;padding-right:.7rem}
.matrix td{min-width:2.6rem;height:2.6rem;text-align:center;vertical-align:middle;border:1px solid var(--rule);border-width:0 1px 1px 0}
.matrix tbody tr:first-child td{border-top-width:1px}
.matrix td:nth-child(2){border-left-width:1px}
.matrix.large td{min-width:1.75rem;height:1.75rem;font-size:.8rem}
.matrix.large th{font-size:.84rem}
.matrix td .cell{display:flex;align-items:center;justify-content:center;width:100%;height:100%;min-height:1.6rem;color:var(--cell-text);text-decoration:none}
.matrix td a:hover{outline:2px solid var(--text);outline-offset:-2px}
.matrix td a:focus-visible{outline:3px solid var(--text);outline-offset:-3px;border-radius:0}
${shades("r", "--right-rgb")}
${shades("w", "--wrong-rgb")}
.gallery,.photos{list-style:none;margin:1rem 0;padding:0;display:flex;flex-wrap:wrap;gap:1rem .9rem}
.gallery{display:grid;grid-template-columns:repeat(auto-fill,minmax(13.5rem,1fr));gap:1.8rem 1.4rem}
.gallery.double{grid-template-columns:repeat(auto-fill,minmax(min(100%,23rem),1fr))}
.photos{margin:.6rem 0 1rem}
.photos li>i{margin-bottom:.3rem}
.gallery figure{margin:0}
.pair{display:flex;gap:.4rem;align-items:flex-end}
.gallery figcaption{margin-top:.45rem;line-height:1.4}
.gallery figcaption>*,.photos li>*{display:block}
.photos li{font-size:.84rem;line-height:1.35;width:8.2rem}
.answer{font-weight:600}
.good{color:var(--good)}
.bad{color:var(--bad)}
.truth{color:var(--bad)}
.file{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.photos .file{font-size:.75rem}
.class{border-top:1px solid var(--rule);margin-top:2.4rem;padding-top:.2rem;content-visibility:auto;contain-intrinsic-size:auto 60rem}
.class>h3{font-size:1.25rem;margin:1.4rem 0 .2rem}
.figures{display:flex;flex-wrap:wrap;gap:.3rem 2.4rem;margin:.6rem 0}
.figures dd{font-weight:600;font-variant-numeric:tabular-nums}
.figures dd small{font-weight:400}
.group:target>h4,.group:focus>h4{color:var(--accent)}
.group:focus{outline:none}
.back{font-size:.88rem}
.filter{display:flex;flex-wrap:wrap;gap:.6rem;align-items:center;margin:1rem 0}
.filter input{font:inherit;color:inherit;background:var(--ground);border:1px solid var(--faint);border-radius:6px;padding:.35rem .7rem;min-width:14rem}
dialog{color:inherit;background:var(--ground);border:1px solid var(--rule);border-radius:12px;padding:1.2rem 1.5rem;width:min(62rem,92vw);max-height:88vh;overflow:auto}
dialog::backdrop{background:rgb(0 0 0/.55)}
.dialog-head{display:flex;justify-content:space-between;gap:1rem;align-items:start}
.dialog-head h2{font-size:1.2rem;margin:.2rem 0}
dialog button{font:inherit;color:inherit;background:var(--raised);border:1px solid var(--rule);border-radius:6px;padding:.3rem .9rem;cursor:pointer;flex:none}
footer{color:var(--faint);font-size:.88rem;border-top:1px solid var(--rule);padding-top:1rem}
@media (max-width:34rem){.chart>.of-wide .mark{font-size:18px}.gallery{grid-template-columns:repeat(auto-fill,minmax(11rem,1fr))}body{font-size:15px}h1{font-size:1.8rem}.facts{grid-template-columns:minmax(0,1fr)}.facts div{grid-template-columns:8rem minmax(0,1fr)}.photos li{width:8rem}.matrix td{min-width:2.1rem;height:2.1rem}}
@page{margin:14mm}
@media print{:root{color-scheme:light;--ground:#fff;--raised:#fff;--text:#000;--faint:#444;--rule:#bbb;--accent:${COLOURS.blue};--orange:${COLOURS.orange};--good:#00694b;--bad:#b3261e;--cell-text:#000;--missing:${COLOURS.missing};--wrong-rgb:217 115 13;--least:.1;--span:.6}
body{font-size:10pt}*{print-color-adjust:exact;-webkit-print-color-adjust:exact}nav,.skip,.filter,.back{display:none}.page{display:block;max-width:none;padding:0}
.wide,.matrix,pre{overflow:visible;max-height:none}pre{white-space:pre-wrap}.matrix.large{display:none}.matrix th,.matrix thead th{position:static}
details::details-content{content-visibility:visible;display:block;height:auto}.class{content-visibility:visible}
th[aria-sort] button::after{content:none}.charts.small .chart{max-width:18rem}
.tile{border:1px solid var(--rule)}.gallery.double{zoom:.85;grid-template-columns:1fr 1fr}li,tr,figure,.tile,.matrix,.facts div{break-inside:avoid}h2,h3,h4{break-after:avoid}main>section{margin-bottom:2rem}}
`.trim();

/** Shades of a matrix's cells, from a tenth of a row's photos to all of them; light enough, or dark enough, for the number upon it. */
function shades(name: string, colour: string): string {
  return Array.from(
    { length: SHADES },
    (_, index) =>
      `.${name}${index + 1}{background:rgb(var(${colour})/calc(var(--least) + var(--span)*${(index + 1) / SHADES}))}`,
  ).join("");
}
