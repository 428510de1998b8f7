import { afterEach, describe, expect, test, vi } from "vitest";
import { captured } from "../../test/support/captured.js";
import { Terminal } from "./terminal.js";

afterEach(() => vi.unstubAllEnvs());

function terminalWith(environment: Readonly<Record<string, string>>, isTTY: boolean): Terminal {
  for (const name of ["NO_COLOR", "FORCE_COLOR", "TERM"]) vi.stubEnv(name, environment[name]);
  const streams = captured();
  streams.stdout.isTTY = isTTY;
  return new Terminal(streams);
}

describe("colours", () => {
  test.each([
    ["on a terminal", {}, true, true],
    ["not in a file", {}, false, false],
    ["not with NO_COLOR", { NO_COLOR: "1" }, true, false],
    ["an empty NO_COLOR says nothing", { NO_COLOR: "" }, true, true],
    ["not on a dumb terminal", { TERM: "dumb" }, true, false],
    ["in a file with FORCE_COLOR", { FORCE_COLOR: "1" }, false, true],
    ["not with both", { FORCE_COLOR: "1", NO_COLOR: "1" }, true, false],
  ])("%s", (_, environment, isTTY, expected) => {
    expect(terminalWith(environment, isTTY).colours.isColorSupported).toBe(expected);
  });
});

test("results and notes go to streams of their own, and a bar makes way for both", () => {
  const streams = captured();
  const terminal = new Terminal(streams);
  let made = 0;
  terminal.beforeLine = () => made++;
  terminal.print("result");
  terminal.warn("odd");
  terminal.printJson({ a: 1 });
  expect(streams.out()).toBe('result\n{\n  "a": 1\n}\n');
  expect(streams.err()).toBe("note: odd\n");
  expect(made).toBe(3);
});
