import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url));

export default defineConfig({
  // Examples in doc comments and guides import the library by its name.
  resolve: { alias: [{ find: /^headstart$/, replacement: path("packages/headstart/src/index.ts") }] },
  test: {
    include: ["packages/*/src/**/*.test.ts", "packages/*/test/**/*.test.ts", "bench/src/**/*.test.ts"],
    reporters: ["default", "./scripts/count-reporter.js"],
    // Tests leave the user's own cache alone.
    env: { HEADSTART_CACHE: path("node_modules/.cache/headstart-tests") },
    // By default one less than the machine has: of two cores, one would have nothing to do while the other starts a process.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
