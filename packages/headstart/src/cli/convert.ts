import type { Command } from "commander";
import { example } from "./context.js";
import { jsonOption } from "./options.js";
import type { Terminal } from "./terminal.js";
import { bytes, printable, shownPath, whole } from "./text.js";

/** `headstart convert`. */
export function addConvert(program: Command, terminal: Terminal): void {
  program
    .command("convert")
    .summary("convert a Keras model to ONNX")
    .description(
      "Converts a Keras model to ONNX. The ONNX model takes and returns what model.predict does. Nothing from the file is executed.",
    )
    .argument("<model>", "a whole model that Keras saved, .keras or .h5")
    .argument("<out>", "the .onnx file to write")
    .addOption(jsonOption())
    .addHelpText("after", example("headstart convert model.keras model.onnx"))
    .action(async (model: string, out: string, { json }: { readonly json?: boolean }) => {
      const { convertKeras } = await import("../backbones/index.js");
      const converted = await convertKeras(model, out);
      if (json) return terminal.printJson(converted);
      const { parameters, inputs, outputs } = converted;
      const shown = (values: typeof inputs) =>
        values.map(({ name, shape }) => `${printable(name)} (${shape.join(", ")})`).join(", ");
      const { bold } = terminal.colours;
      terminal.print(`${bold("input".padEnd(12))}${shown(inputs)}`);
      terminal.print(`${bold("output".padEnd(12))}${shown(outputs)}`);
      terminal.print(`${bold("parameters".padEnd(12))}${whole(parameters)}`);
      terminal.print(`${bold("file".padEnd(12))}${printable(shownPath(out))}, ${bytes(converted.bytes)}`);
    });
}
