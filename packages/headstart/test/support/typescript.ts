import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";

const base = fileURLToPath(new URL("../../../../tsconfig.base.json", import.meta.url));
const root = dirname(base);

/** A program over these files under the repository's own strict options, to be checked and not written. */
export function programOf(
  files: readonly string[],
  options: ts.CompilerOptions = {},
  old?: ts.Program,
): ts.Program {
  const json = ts.readConfigFile(base, ts.sys.readFile).config;
  const parsed = ts.convertCompilerOptionsFromJson(json.compilerOptions, root);
  const emit = {
    noEmit: true,
    composite: false,
    declaration: false,
    declarationMap: false,
    sourceMap: false,
  };
  const merged = { ...parsed.options, ...emit, typeRoots: [`${root}/node_modules/@types`], ...options };
  return ts.createProgram(files, merged, undefined, old);
}

/** What is wrong with these files of a program, a line each; other files are not looked at. */
export function problems(program: ts.Program, files: readonly string[]): readonly string[] {
  return files.flatMap((name) => {
    const file = program.getSourceFile(name);
    return [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)].map(
      ({ start = 0, messageText }) => {
        const line = file === undefined ? 0 : file.getLineAndCharacterOfPosition(start).line;
        const text = file?.text.split("\n")[line] ?? "";
        return `${name}: ${text.trim()}: ${ts.flattenDiagnosticMessageText(messageText, "\n")}`;
      },
    );
  });
}
