/** Settings that the environment makes, for the help of commands that heed them. */
export const CACHE_SETTINGS = `
Settings (environment variables):
  HEADSTART_CACHE        the folder that keeps features and decoded photos; by default in the system's folder for caches
  HEADSTART_CACHE_LIMIT  how much it may hold, such as 20GB; by default 10GB`;

/** An example for the end of a command's help. */
export function example(...lines: readonly string[]): string {
  return `\nExample:\n${lines.map((line) => `  $ ${line}`).join("\n")}`;
}
