import { Argument, type Command } from "commander";
import { CACHE_SETTINGS, example } from "./context.js";
import { jsonOption } from "./options.js";
import type { Terminal } from "./terminal.js";
import { bytes, printable, table, whole } from "./text.js";

/** What each kind of content is called. */
const KINDS: Readonly<Record<string, string>> = {
  features: "features",
  decoded: "decoded photos",
  int8: "int8 networks",
};

/** `headstart cache`. */
export function addCache(program: Command, terminal: Terminal): void {
  program
    .command("cache")
    .summary("show or clear what is kept between runs")
    .description(
      "Shows what is kept between runs, so that a second run on the same photos is quick. Everything in it can be computed again. When it is full, what was not used for longest goes.",
    )
    .addArgument(new Argument("[action]", "clear: remove all of it").choices(["clear"]))
    .addOption(jsonOption())
    .addHelpText("after", `${CACHE_SETTINGS}\n${example("headstart cache clear")}`)
    .action(async (action: "clear" | undefined, { json }: { readonly json?: boolean }) => {
      const [{ cacheContents, clearCache }, { cacheFolder, cacheLimit }] = await Promise.all([
        import("../data/index.js"),
        import("../files.js"),
      ]);
      const folder = cacheFolder();
      const limit = cacheLimit();
      const contents = await cacheContents(folder);
      const total = contents.reduce((sum, kind) => sum + kind.bytes, 0);
      if (action === "clear") {
        await clearCache(folder);
        if (json) terminal.printJson({ folder, limit, removed: total });
        else terminal.print(`removed ${bytes(total)} from ${printable(folder)}`);
        return;
      }
      if (json) return terminal.printJson({ folder, limit, bytes: total, contents });
      const [head = "", ...lines] = table(
        ["kept", "photos", "size"],
        contents.map((kind) => [KINDS[kind.kind] ?? kind.kind, whole(kind.photos), bytes(kind.bytes)]),
      );
      terminal.print(terminal.colours.dim(head));
      for (const line of lines) terminal.print(line);
      terminal.print();
      terminal.print(`${bytes(total)} of at most ${bytes(limit)} (HEADSTART_CACHE_LIMIT)`);
      terminal.print(printable(folder));
    });
}
