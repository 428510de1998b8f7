import type { GradientContext } from "./rule.js";

/** A list of one number for each channel, shaped so that it is broadcast over `[N, C, ...]` of so many dimensions. */
export function perChannel({ b }: GradientContext, list: string, rank: number): string {
  return rank === 2 ? list : b.node("Reshape", [list, b.integers([-1, ...Array<number>(rank - 2).fill(1)])]);
}

/**
 * Sums over photos and places of `[N, C, ...]`, one for each channel: plane by plane and then over the photos, which ONNX Runtime does in
 * half the time that one sum over all these axes takes.
 */
export function channelSums({ b }: GradientContext, value: string, rank: number): string {
  const sum = (of: string, axis: number) => b.node("ReduceSum", [of, b.integers([axis])], { keepdims: 0 });
  return sum(rank === 2 ? value : sum(b.node("Reshape", [value, b.integers([0, 0, -1])]), 2), 0);
}
