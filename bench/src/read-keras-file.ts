import { importApplication } from "../../packages/headstart/dist/backbones/keras/applications/index.js";

/** What this process prints: one line of JSON. */
export interface ReadKerasFile {
  readonly milliseconds: number;
  /** Memory before the file is read. */
  readonly idleBytes: number;
  /** The most memory at once until the graph is there. */
  readonly peakBytes: number;
}

// A process of its own: node read-keras-file.js FILE
const idleBytes = process.memoryUsage.rss();
const start = performance.now();
await importApplication("resnet50", process.argv[2] ?? "", { top: false });
const found: ReadKerasFile = {
  milliseconds: performance.now() - start,
  idleBytes,
  peakBytes: process.resourceUsage().maxRSS * 1024,
};
process.stdout.write(`${JSON.stringify(found)}\n`);
