import type { Result } from "../measure.js";
import { inTurns, peak, stepTime, turnHere, turnTorch } from "../steps.js";

export const summary =
  "a training step of all of EfficientNet-Lite0, batch 32 at 224, against PyTorch: [sgd|adamw], PYTHON with it and timm";

const ROUNDS = 3;

/** PyTorch runs in channels_last, which is the faster of its layouts here. */
export async function run([optimiser = "sgd"]: readonly string[]): Promise<Result> {
  const options = ["--optimiser", optimiser];
  const found = await inTurns(ROUNDS, {
    here: () => turnHere(["efficientnet-lite0", "all", ...options]),
    torch: () => turnTorch(["efficientnet_lite0", "all", "--layout", "channels_last", ...options]),
  });
  const [here, torch] = [stepTime(found.here), stepTime(found.torch)];
  return {
    name: `lite0-step ${optimiser}`,
    ratio: here / torch,
    bar: 1,
    parts: {
      "step here (ms)": here,
      "step of PyTorch (ms)": torch,
      "peak memory here (MB)": peak(found.here),
      "peak memory of PyTorch (MB)": peak(found.torch),
      "peak memory against PyTorch (ratio)": peak(found.here) / peak(found.torch),
    },
  };
}
