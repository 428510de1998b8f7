#!/usr/bin/env node
import { existsSync } from "node:fs";

const program = new URL("../dist/cli/main.js", import.meta.url);
if (existsSync(program)) {
  const { main } = await import(program.href);
  process.exitCode = await main(process.argv.slice(2));
} else {
  process.stderr.write(
    "Headstart is not built yet: dist/cli/main.js is missing. Run `npm run build` in the repository.\n",
  );
  process.exitCode = 1;
}
