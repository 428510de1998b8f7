import { CommanderError } from "commander";
import { describe, expect, test } from "vitest";
import { captured } from "../../test/support/captured.js";
import { HeadstartError } from "../errors.js";
import { describeFailure, tellFailure } from "./failure.js";
import { Terminal } from "./terminal.js";

const plain = { json: false, debug: false, command: "train" };

test.each([
  ["NOT_FOUND", 1],
  ["INVALID_DATA", 1],
  ["STORAGE", 1],
  ["INVALID_OPTION", 2],
  ["INTERRUPTED", 130],
] as const)("%s exits with %d", (code, exitCode) => {
  expect(describeFailure(new HeadstartError(code, "No.", "Do."))).toEqual({
    code,
    message: "No.",
    hint: "Do.",
    exitCode,
  });
});

test("wrong usage is a sentence that points to the help", () => {
  const error = new CommanderError(2, "x", "error: unknown option '--sede'\n(Did you mean --seed?)");
  expect(describeFailure(error, "train")).toEqual({
    code: "INVALID_OPTION",
    message: "Unknown option '--sede'.",
    hint: "(Did you mean --seed?) See: headstart train --help",
    exitCode: 2,
  });
  expect(describeFailure(error).hint).toContain("See: headstart --help");
});

describe("telling", () => {
  test("a sentence and a hint, no stack trace", () => {
    const streams = captured();
    const error = new HeadstartError("NOT_FOUND", "There is no folder x.", "Check the path.");
    expect(tellFailure(new Terminal(streams), error, plain)).toBe(1);
    expect(streams.err()).toBe("error: There is no folder x.\nCheck the path.\n");
    expect(streams.out()).toBe("");
  });

  test("an unforeseen error says so, and --debug shows where it and its cause come from", () => {
    const streams = captured();
    const error = new TypeError("x is not a function", { cause: new Error("the cause") });
    expect(tellFailure(new Terminal(streams), error, { ...plain, debug: true })).toBe(1);
    expect(streams.err()).toContain("error: Something went wrong inside Headstart: x is not a function\n");
    expect(streams.err()).toContain("--debug");
    expect(streams.err()).toMatch(/TypeError: x is not a function\n\s+at /);
    expect(streams.err()).toMatch(/caused by Error: the cause\n\s+at /);
  });

  test("with --json a document on standard output, and nothing else", () => {
    const streams = captured();
    const error = new HeadstartError("INVALID_OPTION", "No such recipe.", "Choose one.");
    expect(tellFailure(new Terminal(streams), error, { ...plain, json: true })).toBe(2);
    expect(JSON.parse(streams.out())).toEqual({
      error: { code: "INVALID_OPTION", message: "No such recipe.", hint: "Choose one." },
    });
    expect(streams.err()).toBe("");
  });

  test("an interruption is no error, only a line", () => {
    const streams = captured();
    const error = new HeadstartError(
      "INTERRUPTED",
      "interrupted; go on with: headstart train --resume runs/3",
    );
    expect(tellFailure(new Terminal(streams), error, plain)).toBe(130);
    expect(streams.err()).toBe("interrupted; go on with: headstart train --resume runs/3\n");
  });

  test("a path in a sentence cannot steer the terminal", () => {
    const streams = captured();
    tellFailure(new Terminal(streams), new HeadstartError("NOT_FOUND", "There is no \u001b[2J."), plain);
    expect(streams.err()).toBe("error: There is no ?[2J.\n");
  });
});
