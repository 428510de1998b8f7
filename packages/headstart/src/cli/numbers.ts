import { InvalidArgumentError } from "commander";

/** A parser for a whole number in a range, for commander: anything else is wrong usage. */
export function wholeNumber(least: number, most: number = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^-?\d+$/.test(text) && value >= least && value <= most) return value;
    const range =
      most === Number.MAX_SAFE_INTEGER
        ? least === -Number.MAX_SAFE_INTEGER
          ? ""
          : ` of at least ${least}`
        : ` from ${least} to ${most}`;
    throw new InvalidArgumentError(`It must be a whole number${range}.`);
  };
}

/** A number above 0, such as `0.001` or `1e-3`, for commander. */
export function positiveNumber(text: string): number {
  const value = Number(text);
  if (/^\d*\.?\d+(e[+-]?\d+)?$/i.test(text) && value > 0 && Number.isFinite(value)) return value;
  throw new InvalidArgumentError("It must be a number above 0, such as 0.001.");
}

/** Three shares, such as `70/15/15`, for commander. */
export function shares(text: string): readonly [number, number, number] {
  const match = /^(\d+(?:\.\d+)?)\/(\d+(?:\.\d+)?)\/(\d+(?:\.\d+)?)$/.exec(text);
  const [train = 0, validation = 0, test = 0] = match?.slice(1).map(Number) ?? [];
  if (match && train > 0) return [train, validation, test];
  throw new InvalidArgumentError(
    "It must be three numbers for train, validation and test, the first above 0, such as 70/15/15.",
  );
}

/** One number for all channels or three, such as `0.485,0.456,0.406`, for commander. */
export function channelNumbers(text: string): readonly number[] {
  const values = text
    .split(",")
    .map((part) => (/^\s*-?\d*\.?\d+\s*$/.test(part) ? Number(part) : Number.NaN));
  if ((values.length === 1 || values.length === 3) && values.every(Number.isFinite)) return values;
  throw new InvalidArgumentError("It must be one number, or three with commas, such as 0.485,0.456,0.406.");
}

/** A number of at least 0, such as `0.2`, for commander. */
export function zeroOrMore(text: string): number {
  const value = Number(text);
  if (/^\d*\.?\d+(e[+-]?\d+)?$/i.test(text) && Number.isFinite(value)) return value;
  throw new InvalidArgumentError("It must be a number of at least 0, such as 0.2.");
}

/** A number from 0 up to, not including, 1, such as `0.999`, for commander. */
export function shareBelowOne(text: string): number {
  const value = Number(text);
  if (/^\d*\.?\d+(e[+-]?\d+)?$/i.test(text) && value < 1) return value;
  throw new InvalidArgumentError("It must be a number from 0 up to, not including, 1, such as 0.999.");
}

/** A number above 0 and below 1, such as `0.95`, for commander. */
export function betweenZeroAndOne(text: string): number {
  const value = Number(text);
  if (/^\d*\.?\d+(e[+-]?\d+)?$/i.test(text) && value > 0 && value < 1) return value;
  throw new InvalidArgumentError("It must be a number between 0 and 1, such as 0.95.");
}
