import fc from "fast-check";

/** One change to a file: a bit, a byte, a number that may be a length or a place, bytes copied to another place, or the end cut off. */
export type Change = readonly [
  kind: "bit" | "byte" | "number" | "long" | "copy" | "cut",
  place: number,
  value: number,
];

/** Every place of a file alike. */
const fraction = fc.noBias(fc.nat(2 ** 30 - 1)).map((value) => value / 2 ** 30);
const changes = fc.array(
  fc.tuple(
    fc.constantFrom("bit", "bit", "byte", "byte", "number", "long", "copy", "copy", "cut" as const),
    fraction,
    fraction,
  ) as fc.Arbitrary<Change>,
  { minLength: 1, maxLength: 12, size: "max" },
);
const NUMBERS = [0, 1, 0x7fffffff, 0x80000000, 0xffffffff];
const LONG_NUMBERS = [0n, 1n << 32n, 1n << 40n, 0xffffffffffffffffn];

/** Lists of changes that a seed gives, for {@link changed}. */
export function sampleChanges(seed: number, count: number): readonly (readonly Change[])[] {
  return fc.sample(changes, { seed, numRuns: count });
}

/** A copy of a file with changes made to it, one after another. */
export function changed(file: Uint8Array, list: readonly Change[]): Buffer {
  return list.reduce(apply, Buffer.from(file));
}

function apply(file: Buffer, [kind, where, value]: Change): Buffer {
  const place = Math.floor(where * file.length);
  const aligned = Math.max(0, Math.min(place & ~7, file.length - 8));
  if (file.length < 16) return file;
  if (kind === "bit") file.writeUInt8(file.readUInt8(place) ^ (1 << Math.floor(value * 8)), place);
  if (kind === "byte") file.writeUInt8(Math.floor(value * 256), place);
  if (kind === "number") file.writeUInt32LE(NUMBERS[Math.floor(value * NUMBERS.length)] ?? 0, aligned);
  if (kind === "long")
    file.writeBigUInt64LE(LONG_NUMBERS[Math.floor(value * LONG_NUMBERS.length)] ?? 0n, aligned);
  if (kind === "copy")
    file.copyWithin(place, Math.floor(value * file.length), Math.floor(value * file.length) + 64);
  return kind === "cut" && value < 0.3 ? file.subarray(0, place) : file;
}
