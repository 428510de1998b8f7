import { Command, CommanderError } from "commander";
import { VERSION } from "../version.js";
import { addAugment } from "./augment.js";
import { addBackbones } from "./backbones.js";
import { addCache } from "./cache.js";
import { addCheck } from "./check.js";
import { addCompare } from "./compare.js";
import { example } from "./context.js";
import { addConvert } from "./convert.js";
import { addEvaluate } from "./evaluate.js";
import { addExplain } from "./explain.js";
import { tellFailure } from "./failure.js";
import { addLrFind } from "./lr-find.js";
import { addPredict } from "./predict.js";
import { addRecipes } from "./recipes.js";
import { addReport } from "./report.js";
import { addRuns } from "./runs.js";
import { addSummary } from "./summary.js";
import { type Streams, Terminal } from "./terminal.js";
import { addTrain } from "./train.js";

/**
 * The command line.
 *
 * @param argv - what was typed behind `headstart`
 * @param streams - where to print; the process's own by default
 * @returns what to exit with: 0 done, 1 failed, 2 wrong usage, 3 the photos have an error (`check`), 130 interrupted
 */
export async function main(argv: readonly string[], streams: Streams = process): Promise<number> {
  const terminal = new Terminal(streams);
  const { stdout, stderr } = streams;
  const onError = (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    terminal.close();
  };
  stdout.on("error", onError);
  stderr.on("error", onError);
  const program = describeProgram(terminal);
  try {
    if (argv.length === 0) program.outputHelp();
    else await program.parseAsync(argv, { from: "user" });
    return terminal.exitCode;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return 0;
    const typed = argv.slice(0, argv.includes("--") ? argv.indexOf("--") : argv.length);
    return tellFailure(terminal, error, {
      json: typed.includes("--json"),
      debug: program.opts<{ debug?: boolean }>().debug === true,
      command: program.commands.find((command) => command.name() === argv[0])?.name(),
    });
  } finally {
    // What goes wrong with a write is known once it is through.
    await new Promise<void>((resolve) => stdout.write("", () => setImmediate(resolve)));
    stdout.off("error", onError);
    stderr.off("error", onError);
  }
}

function describeProgram(terminal: Terminal): Command {
  const { stdout, stderr } = terminal.streams;
  const program = new Command("headstart")
    .description("Turns a folder of labelled photos into a trained, measured and shipped image classifier.")
    .version(VERSION, "--version", "print the version")
    .helpOption("-h, --help", "print this help")
    .helpCommand("help [command]", "print the help of a command")
    .option("--debug", "show where an error comes from")
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void stdout.write(text),
      writeErr: (text) => void stderr.write(text),
      // Errors of usage are told as all others are.
      outputError: () => undefined,
      getOutHelpWidth: () => stdout.columns ?? 100,
    })
    .addHelpText("after", example("headstart train photos", "headstart predict runs/1 my.jpg"));
  for (const add of [
    addCheck,
    addTrain,
    addLrFind,
    addEvaluate,
    addPredict,
    addExplain,
    addReport,
    addCompare,
    addRuns,
    addSummary,
    addRecipes,
    addBackbones,
    addConvert,
    addAugment,
    addCache,
  ])
    add(program, terminal);
  return program;
}
