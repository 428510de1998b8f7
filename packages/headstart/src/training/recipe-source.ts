import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isPair,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  type Pair,
  Parser,
  parseDocument,
  visit,
  type YAMLMap,
} from "yaml";

/** The longest file that is read, in bytes. */
export const LONGEST_RECIPE = 65_536;

/** Mappings and lists may stand in each other so deep. */
const DEEPEST = 40;

/** Where something stands in a file, counted from 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

/** Something wrong in a file. */
export interface SourceProblem {
  /** undefined where it stands nowhere, such as what is missing. */
  readonly place: Place | undefined;
  /** A sentence, with or without its end. */
  readonly sentence: string;
}

/** A YAML file as plain data, and where in it each value stands. */
export interface RecipeSource {
  /** What it holds; nothing where there are problems. */
  readonly value: Readonly<Record<string, unknown>>;
  /** What makes it no file that could hold a recipe. */
  readonly problems: readonly SourceProblem[];
  /** Where the value at a path stands, or what holds it where it is missing; undefined where the file has nothing of the path. */
  placeOf(path: readonly PropertyKey[]): Place | undefined;
  /** Where the key at the end of a path stands. */
  placeOfKey(path: readonly PropertyKey[]): Place | undefined;
}

/** Reads YAML that holds one mapping of plain data, without aliases and tags. Of a run's `recipe.json`, its recipe is taken. */
export function readSource(text: string): RecipeSource {
  if (Buffer.byteLength(text) > LONGEST_RECIPE) return unreadable("a recipe takes at most 64 KB");
  if (!isShallow(text)) return unreadable("a recipe is not nested so deep");
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, logLevel: "error" });
  const place = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return { line, column: col };
  };
  const problems = [...syntaxProblems(document, text, place), ...oddities(document, place)];
  const { contents } = document;
  if (problems.length > 0) return { ...EMPTY, problems };
  if (!isMap(contents))
    return unreadable("there is no recipe in it: a recipe has lines such as stages: 5@224", place(0));
  const root = recipeIn(contents);
  return {
    value: root.toJS(document),
    problems,
    placeOf: (path) => {
      const found = follow(root, path).at(-1);
      const offset = offsetOf(found);
      return offset === undefined ? undefined : place(offset);
    },
    placeOfKey: (path) => {
      const found = follow(root, path).at(-1);
      const offset = isPair(found) ? startOf(found.key) : undefined;
      return offset === undefined ? undefined : place(offset);
    },
  };
}

const EMPTY: RecipeSource = {
  value: {},
  problems: [],
  placeOf: () => undefined,
  placeOfKey: () => undefined,
};

function unreadable(sentence: string, place?: Place): RecipeSource {
  return { ...EMPTY, problems: [{ place, sentence }] };
}

/** Whether a text can be read without a stack that grows with it. */
function isShallow(text: string): boolean {
  const parser = new Parser();
  for (const lexeme of new Lexer().lex(text)) {
    // Each step hands out what it has finished, which is of no interest here.
    Array.from(parser.next(lexeme));
    if (parser.stack.length > DEEPEST) return false;
  }
  return true;
}

/** What the parser found, each once. */
function syntaxProblems(
  document: Document,
  text: string,
  place: (offset: number) => Place,
): readonly SourceProblem[] {
  const found = [...document.errors, ...document.warnings].map(({ code, message, pos: [start] }) => {
    const sentence =
      code === "DUPLICATE_KEY"
        ? `${/^[\w-]+/.exec(text.slice(start))?.[0] ?? "this key"} stands here a second time`
        : `this is not valid YAML: ${message.replace(/^[A-Z](?=[a-z])/, (letter) => letter.toLowerCase())}`;
    return [`${start} ${sentence}`, { place: place(start), sentence }] as const;
  });
  return [...new Map(found).values()];
}

/** What is YAML, but has no place in a recipe. */
function oddities(document: Document, place: (offset: number) => Place): readonly SourceProblem[] {
  const problems: SourceProblem[] = [];
  visit(document, {
    Node: (_, node) => {
      if (!isAlias(node)) return;
      problems.push({
        place: place(node.range?.[0] ?? 0),
        sentence: `*${node.source}: a recipe takes no aliases; write the value itself`,
      });
    },
    Pair: (_, { key }) => {
      if (isScalar(key) || isAlias(key)) return;
      problems.push({ place: place(startOf(key) ?? 0), sentence: "a key must be a word" });
    },
  });
  return problems;
}

/** The mapping that is the recipe: what a run was made with holds it among its other choices. */
function recipeIn(root: YAMLMap): YAMLMap {
  const recipe = root.get("recipe", true);
  return isMap(recipe) && root.has("backboneSha256") ? recipe : root;
}

/** The pairs and items on the way along a path, as far as it goes. */
function follow(root: YAMLMap, path: readonly PropertyKey[]): unknown[] {
  const way: unknown[] = [];
  let at: unknown = root;
  for (const key of path) {
    const next = isMap(at)
      ? at.items.find((pair) => isScalar(pair.key) && String(pair.key.value) === String(key))
      : isSeq(at)
        ? at.items[Number(key)]
        : undefined;
    if (next === undefined) break;
    way.push(next);
    at = isPair(next) ? next.value : next;
  }
  return way;
}

/** Where a value begins: that of a key on the key's line, or its key. */
function offsetOf(found: unknown): number | undefined {
  if (!isPair(found)) return startOf(found);
  const { value } = found satisfies Pair;
  const isEmpty = isScalar(value) && value.value === null && value.source === "";
  return isScalar(value) && !isEmpty ? startOf(value) : startOf(found.key);
}

function startOf(node: unknown): number | undefined {
  return isNode(node) ? node.range?.[0] : undefined;
}
