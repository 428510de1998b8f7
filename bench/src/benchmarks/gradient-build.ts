import { median, type Result } from "../measure.js";
import { turnHere } from "../steps.js";

export const summary =
  "composing the training step of all of ResNet50 with its gradients, and making a session of it";

const ROUNDS = 3;

/** The longest that it may take, in milliseconds. */
const LIMIT = 8000;

export async function run(): Promise<Result> {
  const compose: number[] = [];
  const load: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const turn = await turnHere(["resnet50", "all", "--batch", "1", "--warmup", "0"]);
    compose.push(turn.compose ?? Number.NaN);
    load.push(turn.load ?? Number.NaN);
  }
  const [graph, session] = [median(compose), median(load)];
  return {
    name: "gradient-build",
    ratio: (graph + session) / LIMIT,
    bar: 1,
    parts: { "graph (ms)": graph, "session (ms)": session, "together (ms)": graph + session },
  };
}
