import type { Result } from "../measure.js";
import { inTurns, peak, stepTime, turnHere, turnTorch } from "../steps.js";

export const summary =
  "a training step of ResNet50's last stage, batch 32 at 224, with a trunk in float, in int8, and from stored activations, against PyTorch: PYTHON with it";

const ROUNDS = 3;

/** The largest ratio to PyTorch's step that is good enough, by what is before the last stage. */
const BARS = { float: 0.95, int8: 0.65, stored: 0.5 } as const;

/** The ratio is the worst one over its bar. PyTorch runs in channels_last, which is the faster of its layouts here. */
export async function run(): Promise<Result> {
  const here = (front: string) => () => turnHere(["resnet50", "last-stage", "--front", front]);
  const found = await inTurns(ROUNDS, {
    float: here("float"),
    int8: here("int8"),
    stored: here("stored"),
    torch: () => turnTorch(["resnet50", "layer4,fc", "--layout", "channels_last"]),
  });
  const torch = stepTime(found.torch);
  const parts: Record<string, number> = {
    "step of PyTorch (ms)": torch,
    "peak memory of PyTorch (MB)": peak(found.torch),
  };
  const shares: number[] = [];
  for (const front of ["float", "int8", "stored"] as const) {
    const time = stepTime(found[front]);
    shares.push(time / torch / BARS[front]);
    parts[`step, ${front} (ms)`] = time;
    parts[`step, ${front}, against PyTorch (ratio, bar ${BARS[front]})`] = time / torch;
    parts[`peak memory, ${front} (MB)`] = peak(found[front]);
  }
  return { name: "last-stage", ratio: Math.max(...shares), bar: 1, parts };
}
