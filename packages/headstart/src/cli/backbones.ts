import type { Command } from "commander";
import type { DownloadProgress } from "../backbones/index.js";
import { example } from "./context.js";
import { withInterrupt } from "./interrupt.js";
import { jsonOption } from "./options.js";
import { ProgressDisplay } from "./progress.js";
import type { Terminal } from "./terminal.js";
import { bytes, printable, shownPath, table, whole } from "./text.js";

interface JsonChoice {
  readonly json?: boolean;
}

/** `headstart backbones`. */
export function addBackbones(program: Command, terminal: Terminal): void {
  const command = program
    .command("backbones")
    .summary("list, download and remove pretrained networks")
    .description(
      "Lists the pretrained networks that have names. Networks from the hub, from an address and from a file can be used as well: see `headstart train --help`.",
    )
    .addOption(jsonOption())
    .addHelpText("after", example("headstart backbones", "headstart backbones fetch keras:resnet50"))
    .action(({ json }: JsonChoice) => listNamed(terminal, json));
  command
    .command("fetch")
    .description("download a network, so that it can be used offline later")
    .argument("<network>", "keras:NAME, hf:OWNER/NAME[@REVISION] or an address")
    .addHelpText("after", example("headstart backbones fetch keras:resnet50"))
    .action((choice: string, _: unknown, own: Command) =>
      withInterrupt(terminal, (signal) => fetch(terminal, choice, isJson(own), signal)),
    );
  command
    .command("list")
    .description("list what has been downloaded")
    .action((_: unknown, own: Command) => listFetched(terminal, isJson(own)));
  command
    .command("verify")
    .description("check that what has been downloaded is as it came")
    .action((_: unknown, own: Command) =>
      withInterrupt(terminal, (signal) => verify(terminal, isJson(own), signal)),
    );
  command
    .command("remove")
    .description("remove a download")
    .argument("<network>", "as for fetch, or a path that `headstart backbones list` shows")
    .action((choice: string, _: unknown, own: Command) =>
      withInterrupt(terminal, (signal) => remove(terminal, choice, isJson(own), signal)),
    );
  for (const each of command.commands) each.addOption(jsonOption());
}

/** `--json` may stand before or behind the name of the inner command. */
function isJson(command: Command): boolean {
  return command.optsWithGlobals<JsonChoice>().json === true;
}

async function listNamed(terminal: Terminal, json: boolean | undefined): Promise<void> {
  const { listNetworks } = await import("../backbones/index.js");
  const networks = await listNetworks();
  if (json) return terminal.printJson({ backbones: networks });
  printTable(
    terminal,
    ["name", "image size", "parameters", "features", "ImageNet top-1", "licence", "here"],
    networks.map(({ name, imageSize, parameters, features, top1, licence, isHere }) => [
      name,
      `${imageSize} x ${imageSize}`,
      whole(parameters),
      whole(features),
      top1 === null ? "-" : `${top1.toFixed(1)} %`,
      printable(licence),
      isHere ? "yes" : "",
    ]),
    (column) => column > 0 && column < 5,
  );
}

async function fetch(terminal: Terminal, choice: string, json: boolean, signal: AbortSignal): Promise<void> {
  const { locate } = await import("../backbones/index.js");
  const display = await ProgressDisplay.open(
    terminal,
    json ? (terminal.isInteractive ? "lines" : "silent") : undefined,
  );
  try {
    const { file } = await locate(choice, { signal, onProgress: showDownload(display) });
    display.close();
    if (json) terminal.printJson({ network: choice, file });
    else terminal.print(printable(shownPath(file)));
  } finally {
    display.close();
  }
}

/** Shows downloads as the work of one phase. */
export function showDownload(display: ProgressDisplay): (progress: DownloadProgress) => void {
  return ({ file, done, total }) =>
    display.show({
      phase: "downloading",
      done,
      total: total ?? 0,
      detail: file.slice(file.lastIndexOf("/") + 1),
    });
}

async function listFetched(terminal: Terminal, json: boolean): Promise<void> {
  const { listDownloads } = await import("../backbones/index.js");
  const downloads = await listDownloads();
  if (json) return terminal.printJson({ downloads });
  if (downloads.length === 0) return terminal.print("nothing has been downloaded");
  printTable(
    terminal,
    ["download", "size", "date", "from"],
    downloads.map(({ path, size, date, url, sha256 }) => [
      printable(path),
      `${bytes(size)}${sha256 === undefined ? " so far" : ""}`,
      date.toISOString().slice(0, 10),
      printable(url),
    ]),
    (column) => column === 1,
  );
}

async function verify(terminal: Terminal, json: boolean, signal: AbortSignal): Promise<void> {
  const { verifyDownloads } = await import("../backbones/index.js");
  const verified = await verifyDownloads({ signal });
  const damaged = verified.filter(({ intact }) => !intact);
  if (damaged.length > 0) terminal.exitCode = 1;
  if (json)
    return terminal.printJson({
      verified: verified.map(({ download, sha256, intact }) => ({ path: download.path, sha256, intact })),
    });
  for (const { download, sha256, intact } of verified)
    terminal.print(`${intact ? "intact " : "damaged"}  ${sha256}  ${printable(download.path)}`);
  if (damaged.length > 0)
    terminal.warn("What is damaged has been put aside and will be downloaded again when it is needed.");
  if (verified.length === 0) terminal.print("nothing has been downloaded");
}

async function remove(terminal: Terminal, choice: string, json: boolean, signal: AbortSignal): Promise<void> {
  const { downloadPath, removeDownload } = await import("../backbones/index.js");
  const path = (await downloadPath(choice)) ?? choice;
  const removed = await removeDownload(path, { signal });
  if (json) terminal.printJson({ path, ...removed });
  else terminal.print(`removed ${bytes(removed.bytes)}: ${printable(path)}`);
}

function printTable(
  terminal: Terminal,
  head: readonly string[],
  rows: readonly (readonly string[])[],
  isRight: (column: number) => boolean,
): void {
  const [first = "", ...lines] = table(head, rows, isRight);
  terminal.print(terminal.colours.dim(first));
  for (const line of lines) terminal.print(line);
}
