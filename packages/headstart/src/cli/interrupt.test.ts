import { afterEach, expect, test, vi } from "vitest";
import { captured } from "../../test/support/captured.js";
import { withInterrupt } from "./interrupt.js";
import { Terminal } from "./terminal.js";

afterEach(() => vi.restoreAllMocks());

const listeners = () => process.listenerCount("SIGINT") + process.listenerCount("SIGTERM");

test.each(["SIGINT", "SIGTERM"] as const)("%s aborts the signal, once, and says so", async (name) => {
  const streams = captured();
  const before = listeners();
  const seen = await withInterrupt(new Terminal(streams), async (signal) => {
    expect(listeners()).toBe(before + 2);
    process.emit(name);
    return signal.aborted;
  });
  expect(seen).toBe(true);
  expect(streams.err()).toBe("stopping; what is done is being saved (Ctrl-C again ends at once)\n");
  expect(listeners()).toBe(before);
});

test("the second ends the program at once", async () => {
  const kill = vi.spyOn(process, "kill").mockReturnValue(true);
  const before = listeners();
  await withInterrupt(new Terminal(captured()), async () => {
    process.emit("SIGINT", "SIGINT");
    expect(kill).not.toHaveBeenCalled();
    process.emit("SIGINT", "SIGINT");
    expect(kill).toHaveBeenCalledWith(process.pid, "SIGINT");
    expect(listeners()).toBe(before);
  });
});

test("a reader that wants no more interrupts quietly", async () => {
  const streams = captured();
  const terminal = new Terminal(streams);
  const aborted = await withInterrupt(terminal, async (signal) => {
    terminal.close();
    return signal.aborted;
  });
  expect(aborted).toBe(true);
  terminal.print("a line");
  terminal.say("another");
  expect([streams.out(), streams.err(), terminal.isClosed]).toEqual(["", "", true]);
});

test("what throws because of the signal is INTERRUPTED; other errors stay, and the handlers go", async () => {
  const before = listeners();
  const terminal = new Terminal(captured());
  await expect(
    withInterrupt(terminal, async (signal) => {
      process.emit("SIGINT");
      signal.throwIfAborted();
    }),
  ).rejects.toMatchObject({ code: "INTERRUPTED" });
  await expect(
    withInterrupt(terminal, async () => {
      process.emit("SIGINT");
      throw new TypeError("a mistake");
    }),
  ).rejects.toThrow("a mistake");
  expect(listeners()).toBe(before);
});
