import type { Result } from "../measure.js";
import { inTurns, peak, stepTime, turnHere, turnKeras, turnTorch } from "../steps.js";

export const summary =
  "a training step of all of ResNet50, batch 32 at 224, against PyTorch and Keras: [sgd|adamw], PYTHON with both, or TORCH_PYTHON and PYTHON";

const ROUNDS = 3;

/** The ratio is that to the faster of the two. PyTorch runs in channels_last, which is the faster of its layouts here. */
export async function run([optimiser = "sgd"]: readonly string[]): Promise<Result> {
  const options = ["--optimiser", optimiser];
  const found = await inTurns(ROUNDS, {
    here: () => turnHere(["resnet50", "all", ...options]),
    torch: () => turnTorch(["resnet50", "all", "--layout", "channels_last", ...options]),
    keras: () => turnKeras(["all", ...options]),
  });
  const [here, torch, keras] = [stepTime(found.here), stepTime(found.torch), stepTime(found.keras)];
  return {
    name: `full-step ${optimiser}`,
    ratio: here / Math.min(torch, keras),
    bar: 1,
    parts: {
      "step here (ms)": here,
      "step of PyTorch (ms)": torch,
      "step of Keras (ms)": keras,
      "against PyTorch (ratio)": here / torch,
      "against Keras (ratio)": here / keras,
      "peak memory here (MB)": peak(found.here),
      "peak memory of PyTorch (MB)": peak(found.torch),
      "peak memory of Keras (MB)": peak(found.keras),
      "peak memory against PyTorch (ratio, bar 1)": peak(found.here) / peak(found.torch),
    },
  };
}
