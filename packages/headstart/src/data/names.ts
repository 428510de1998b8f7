/** Compares two strings by code point, as Python's `sorted` does: negative if `a` comes first. */
export function compareNames(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return codePointOrder(x) - codePointOrder(y);
  }
  return a.length - b.length;
}

/** Puts surrogates, which stand for code points from U+10000 on, behind U+E000 to U+FFFF. */
function codePointOrder(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}

/**
 * A class name for the eye: without a leading number such as `001.`, `01_` or `3-`, unless nothing else remains. Only for display; to
 * show several classes use {@link displayNames}, which keeps them apart.
 *
 * @example
 * displayName("001.Affenpinscher") // => "Affenpinscher"
 */
export function displayName(className: string): string {
  return className.replace(/^\d+[\s._-]+(?=[^\s._-])/u, "");
}

/** {@link displayName} for each class, or the full names where two of them would read the same. */
export function displayNames(classes: readonly string[]): string[] {
  const short = classes.map(displayName);
  return new Set(short).size === classes.length ? short : [...classes];
}

/** What is left of a name once case, spaces, punctuation and the way accents are stored no longer count. */
export function essence(name: string): string {
  return name
    .normalize("NFKC")
    .toLowerCase()
    .replace(/[\s._-]+/gu, "");
}

/** The name among `names` that differs from `name` only in case, spaces, `_`, `-`, `.` or in how accents are stored, if there is one. */
export function nearName(name: string, names: readonly string[]): string | undefined {
  const wanted = essence(name);
  return names.find((other) => other !== name && essence(other) === wanted);
}

/** The first few names of a list for a sentence, such as `a, b and 7 more`. */
export function someNames(names: readonly string[], most = 3): string {
  if (names.length <= most) return names.join(", ");
  return `${names.slice(0, most).join(", ")} and ${names.length - most} more`;
}

/** A number with its noun, such as `1 photo` or `2,300 photos`. */
export function count(number: number, singular: string, plural = `${singular}s`): string {
  return `${number.toLocaleString("en-US")} ${number === 1 ? singular : plural}`;
}
