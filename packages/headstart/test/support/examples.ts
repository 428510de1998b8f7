import ts from "typescript";

/** Code that documentation shows. */
export interface Example {
  /** Where it stands, for the title of its test. */
  readonly title: string;
  readonly code: string;
}

/** What the doc comments of a module's exports hold, and which of them are missing. */
export interface Documentation {
  readonly examples: readonly Example[];
  /** Exports without a doc comment, and exported values without an `@example`; a sentence each. */
  readonly missing: readonly string[];
}

/** Reads the doc comments of everything that a module of the program exports. */
export function documentation(program: ts.Program, entry: string): Documentation {
  const checker = program.getTypeChecker();
  const file = program.getSourceFile(entry);
  const module = file && checker.getSymbolAtLocation(file);
  if (module === undefined) throw new Error(`${entry} exports nothing.`);
  const examples: Example[] = [];
  const missing: string[] = [];
  for (const name of checker.getExportsOfModule(module)) {
    const symbol = name.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(name) : name;
    if (symbol.getDocumentationComment(checker).length === 0) missing.push(`${name.name} has no doc comment`);
    const own = symbol
      .getJsDocTags(checker)
      .filter((tag) => tag.name === "example")
      .map(({ text }, index) =>
        exampleOf(`${name.name}, example ${index + 1}`, ts.displayPartsToString(text)),
      );
    if (symbol.flags & ts.SymbolFlags.Value && own.length === 0) missing.push(`${name.name} has no @example`);
    examples.push(...own);
  }
  return { examples, missing };
}

/** The blocks of TypeScript in a page; those fenced as `ts no-run` are only to be read. */
export function examplesOfPage(name: string, markdown: string): readonly Example[] {
  const fences = markdown.matchAll(/^```ts[ \t]*(.*)\n([\s\S]*?)^```[ \t]*$/gm);
  return [...fences]
    .filter(([, words]) => words !== "no-run")
    .map(([, , code = ""], index) => ({ title: `${name}, example ${index + 1}`, code }));
}

/**
 * Code that checks what the example claims: a line that ends in `// => value` says that what stands on it, an expression or a new
 * variable, is structurally equal to the value.
 */
export function checked(example: Example): string {
  const { code } = example;
  const file = ts.createSourceFile("example.ts", code, ts.ScriptTarget.Latest, true);
  const edits: { readonly start: number; readonly end: number; readonly text: string }[] = [];
  const visit = (node: ts.Node): void => {
    const claim = ts.isStatement(node) ? claimAfter(code, node.end) : undefined;
    const subject = claim === undefined ? undefined : subjectOf(node);
    if (claim === undefined || subject === undefined) {
      ts.forEachChild(node, visit);
      return;
    }
    const kept = ts.isVariableStatement(node) ? `${node.getText()} ` : "";
    edits.push({
      start: node.getStart(),
      end: claim.end,
      text: `${kept}expect(${subject}).toEqual(${claim.value});`,
    });
  };
  visit(file);
  const claims = code.match(/\/\/ =>/g)?.length ?? 0;
  if (edits.length !== claims)
    throw new Error(`${example.title}: ${claims - edits.length} of its "// =>" stand after no statement.`);
  const body = edits.reduceRight(
    (text, edit) => text.slice(0, edit.start) + edit.text + text.slice(edit.end),
    code,
  );
  return `import { expect } from "vitest";\n${body}\nexport {};\n`;
}

function exampleOf(title: string, text: string): Example {
  const fenced = examplesOfPage(title, `${text}\n`).map(({ code }) => code);
  return { title, code: fenced.length > 0 ? fenced.join("\n") : text };
}

function claimAfter(
  code: string,
  position: number,
): { readonly value: string; readonly end: number } | undefined {
  const [comment] = ts.getTrailingCommentRanges(code, position) ?? [];
  const text = comment && code.slice(comment.pos, comment.end);
  if (comment === undefined || !text?.startsWith("// =>")) return undefined;
  return { value: text.slice("// =>".length).trim(), end: comment.end };
}

/** What a claim is about: a new variable, what is printed, or the expression itself. */
function subjectOf(node: ts.Node): string | undefined {
  if (ts.isVariableStatement(node)) return node.declarationList.declarations[0]?.name.getText();
  if (!ts.isExpressionStatement(node)) return undefined;
  const { expression } = node;
  const printed = ts.isCallExpression(expression) && expression.expression.getText() === "console.log";
  return printed ? expression.arguments[0]?.getText() : expression.getText();
}
