import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { median } from "./measure.js";
import { python } from "./python.js";

/** Threads that everything runs on. */
const THREADS = 2;

/** Steps of one turn that are timed, behind the first two. */
const STEPS = 4;

/** What one turn found. */
export interface Turn {
  /** Of each step, in milliseconds. */
  readonly times: readonly number[];
  /** The most memory that the process had at once, in bytes. */
  readonly peakBytes: number;
  /** Composing the graph, in milliseconds; not known of peers. */
  readonly compose?: number;
  /** Making a session of it, in milliseconds; not known of peers. */
  readonly load?: number;
}

/** Steps here, in a process of their own: arguments as `train-step.ts` takes them. */
export async function turnHere(args: readonly string[]): Promise<Turn> {
  const script = fileURLToPath(new URL("./train-step.js", import.meta.url));
  const all = [script, ...args, "--threads", String(THREADS), "--steps", String(STEPS)];
  const { stdout } = await promisify(execFile)(process.execPath, all);
  const found = parsed(stdout);
  return { ...found, compose: Number(found.compose_milliseconds), load: Number(found.load_milliseconds) };
}

/** Steps of PyTorch, in the Python of `TORCH_PYTHON` or else `PYTHON`; arguments as `peers/torch_step.py` takes them. */
export async function turnTorch(args: readonly string[]): Promise<Turn> {
  return parsed(
    await python(
      "torch_step.py",
      [...args, "--threads", String(THREADS), "--steps", String(STEPS)],
      process.env.TORCH_PYTHON,
    ),
  );
}

/** Steps of ResNet50 in Keras; arguments as `peers/keras_step.py` takes them. */
export async function turnKeras(args: readonly string[]): Promise<Turn> {
  return parsed(
    await python("keras_step.py", [...args, "--threads", String(THREADS), "--steps", String(STEPS)]),
  );
}

/** Takes turns, each of all, in an order that alternates; returns what was found of each. */
export async function inTurns<Name extends string>(
  rounds: number,
  who: Readonly<Record<Name, () => Promise<Turn>>>,
): Promise<Record<Name, readonly Turn[]>> {
  const names = Object.keys(who) as Name[];
  const found = Object.fromEntries(names.map((name) => [name, [] as Turn[]])) as Record<Name, Turn[]>;
  for (let round = 0; round < rounds; round++)
    for (const name of round % 2 === 0 ? names : names.toReversed()) found[name].push(await who[name]());
  return found;
}

/** Median of all steps of all turns, in milliseconds. */
export function stepTime(turns: readonly Turn[]): number {
  return median(turns.flatMap(({ times }) => times));
}

/** Median of the turns' peaks, in MB. */
export function peak(turns: readonly Turn[]): number {
  return median(turns.map(({ peakBytes }) => peakBytes)) / 1e6;
}

function parsed(printed: string): Turn & Readonly<Record<string, unknown>> {
  const line = printed.split("\n").findLast((text) => text.startsWith("{")) ?? "{}";
  const found = JSON.parse(line) as { times: readonly number[]; peak_bytes: number };
  return { ...found, peakBytes: found.peak_bytes };
}
