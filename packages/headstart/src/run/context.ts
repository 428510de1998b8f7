import type { Backbone } from "../backbones/index.js";
import type { Runtime } from "../runtime/index.js";
import type { RunChoices } from "./folder.js";
import type { OnProgress } from "./progress.js";

/** What every part of a run works with. */
export interface RunContext {
  /** The run's folder, absolute. */
  readonly folder: string;
  readonly choices: RunChoices;
  readonly backbone: Backbone;
  readonly runtime: Runtime;
  readonly report: OnProgress;
  readonly signal?: AbortSignal;
}
