import type { Dim } from "../graph.js";

/** A polynomial with whole coefficients: what each product of names is multiplied by. The constant stands under the empty product. */
type Polynomial = ReadonlyMap<string, number>;

interface Quotient {
  readonly dividend: Polynomial;
  readonly divisor: number;
}

/** Longer expressions than these are given up as `"?"`. */
const MOST_TERMS = 12;
const LONGEST_NAME = 160;

/** Between the factors of a product, where it is a key; no name contains it. */
const TIMES = "\0";

/**
 * Arithmetic on dimensions that may be names. Results are names too, such as `floor((H + 1)/2)`, in one canonical form, so that two
 * ways to the same size give the same name. What cannot be expressed is `"?"`, which equals nothing.
 */
export class Symbols {
  readonly #polynomials = new Map<string, Polynomial>();
  readonly #quotients = new Map<string, Quotient>();

  add(a: Dim, b: Dim): Dim {
    if (typeof a === "number" && typeof b === "number") return a + b;
    return this.#both(a, b, (p, q) => sum(p, q, 1));
  }

  subtract(a: Dim, b: Dim): Dim {
    if (typeof a === "number" && typeof b === "number") return a - b;
    return this.#both(a, b, (p, q) => sum(p, q, -1));
  }

  multiply(a: Dim, b: Dim): Dim {
    if (typeof a === "number" && typeof b === "number") return a * b;
    if (a === 0 || b === 0) return 0;
    return this.#both(a, b, product);
  }

  /** The product of dimensions; 1 for none. */
  product(dims: readonly Dim[]): Dim {
    return dims.reduce((all, dim) => this.multiply(all, dim), 1 as Dim);
  }

  /** Division rounded down, by a whole positive number. */
  floorDivide(a: Dim, divisor: number): Dim {
    if (typeof a === "number") return Math.floor(a / divisor);
    if (a === "?" || !Number.isSafeInteger(divisor) || divisor < 1) return "?";
    return this.#name(this.#quotient(this.#polynomial(a), divisor));
  }

  /** Division rounded up, by a whole positive number. */
  ceilDivide(a: Dim, divisor: number): Dim {
    return this.floorDivide(this.add(a, divisor - 1), divisor);
  }

  /** Division that leaves no remainder, as of an element count by the other dimensions; `undefined` where there would be one. */
  divideExactly(a: Dim, b: Dim): Dim | undefined {
    if (a === "?" || b === "?") return "?";
    if (typeof a === "number" && typeof b === "number") return b !== 0 && a % b === 0 ? a / b : undefined;
    if (a === b) return 1;
    const [divisor, ...more] = this.#polynomial(b);
    if (divisor === undefined || more.length > 0) return "?";
    const result = new Map<string, number>();
    for (const [key, coefficient] of this.#polynomial(a)) {
      const rest = without(key, divisor[0]);
      if (rest === undefined || coefficient % divisor[1] !== 0) return "?";
      result.set(rest, coefficient / divisor[1]);
    }
    return this.#name(result);
  }

  #both(a: Dim, b: Dim, combine: (p: Polynomial, q: Polynomial) => Polynomial | undefined): Dim {
    if (a === "?" || b === "?") return "?";
    const result = combine(this.#polynomial(a), this.#polynomial(b));
    return result === undefined ? "?" : this.#name(result);
  }

  #polynomial(dim: Dim): Polynomial {
    if (typeof dim === "number") return new Map(dim === 0 ? [] : [["", dim]]);
    return this.#polynomials.get(dim) ?? new Map([[dim, 1]]);
  }

  /** The quotient as a polynomial: what divides evenly stands outside, the rest inside of one `floor`. */
  #quotient(dividend: Polynomial, divisor: number): Polynomial {
    const outside = new Map<string, number>();
    const inside = new Map<string, number>();
    for (const [key, coefficient] of dividend) {
      const whole = Math.floor(coefficient / divisor);
      if (whole !== 0) outside.set(key, whole);
      const rest = coefficient - whole * divisor;
      if (rest !== 0) inside.set(key, rest);
    }
    const names = [...inside.keys()].filter((key) => key !== "");
    if (names.length === 0) return outside;
    // floor((floor(a / m) + c) / n) is floor((a + c m) / (m n)).
    const [only] = names;
    const inner =
      names.length === 1 && only !== undefined && inside.get(only) === 1
        ? this.#quotients.get(only)
        : undefined;
    if (inner !== undefined && inner.divisor * divisor <= 2 ** 31) {
      const shift = new Map([["", (inside.get("") ?? 0) * inner.divisor]]);
      return sum(outside, this.#quotient(sum(inner.dividend, shift, 1), inner.divisor * divisor), 1);
    }
    const text = print(inside);
    const atom =
      names.length === 1 && inside.size === 1 ? `floor(${text}/${divisor})` : `floor((${text})/${divisor})`;
    this.#quotients.set(atom, { dividend: inside, divisor });
    outside.set(atom, (outside.get(atom) ?? 0) + 1);
    return outside;
  }

  #name(polynomial: Polynomial): Dim {
    if (polynomial.size === 0) return 0;
    if (polynomial.size > MOST_TERMS) return "?";
    for (const coefficient of polynomial.values()) if (!Number.isSafeInteger(coefficient)) return "?";
    const constant = polynomial.get("");
    if (polynomial.size === 1 && constant !== undefined) return constant;
    const name = print(polynomial);
    if (name.length > LONGEST_NAME) return "?";
    this.#polynomials.set(name, polynomial);
    return name;
  }
}

function sum(p: Polynomial, q: Polynomial, factor: number): Polynomial {
  const result = new Map(p);
  for (const [key, coefficient] of q) {
    const total = (result.get(key) ?? 0) + factor * coefficient;
    if (total === 0) result.delete(key);
    else result.set(key, total);
  }
  return result;
}

function product(p: Polynomial, q: Polynomial): Polynomial | undefined {
  if (p.size * q.size > MOST_TERMS ** 2) return undefined;
  let result: Polynomial = new Map();
  for (const [a, x] of p)
    for (const [b, y] of q) {
      const factors = [...factorsOf(a), ...factorsOf(b)].sort();
      result = sum(result, new Map([[factors.join(TIMES), x * y]]), 1);
    }
  return result;
}

function factorsOf(key: string): string[] {
  return key === "" ? [] : key.split(TIMES);
}

/** A product without some of its factors, or `undefined` if it does not have them all. */
function without(key: string, divisor: string): string | undefined {
  const factors = factorsOf(key);
  for (const factor of factorsOf(divisor)) {
    const at = factors.indexOf(factor);
    if (at < 0) return undefined;
    factors.splice(at, 1);
  }
  return factors.join(TIMES);
}

/** A polynomial as text, terms in the order of their names and the constant last. */
function print(polynomial: Polynomial): string {
  const keys = [...polynomial.keys()].sort((a, b) => (a === "" ? 1 : b === "" ? -1 : a < b ? -1 : 1));
  let text = "";
  for (const key of keys) {
    const coefficient = polynomial.get(key) ?? 0;
    const size = Math.abs(coefficient);
    const name = factorsOf(key).join("*");
    const term = name === "" ? `${size}` : size === 1 ? name : `${size}*${name}`;
    text += text === "" ? (coefficient < 0 ? `-${term}` : term) : ` ${coefficient < 0 ? "-" : "+"} ${term}`;
  }
  return text;
}
