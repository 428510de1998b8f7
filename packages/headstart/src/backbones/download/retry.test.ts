import { expect, test } from "vitest";
import { QUICK } from "../../../test/support/quick.js";
import { HeadstartError } from "../../errors.js";
import { withRetries } from "./retry.js";
import { Temporary } from "./temporary.js";

const trouble = new HeadstartError("NETWORK", "Trouble.");

test("attempts that get further are not counted", async () => {
  let done = 0;
  const attempt = async () => {
    if (++done < 20) throw new Temporary(trouble);
    return done;
  };
  expect(await withRetries(attempt, () => done, { ...QUICK, pause: 0 }, undefined)).toBe(20);
});

test("those that do not are", async () => {
  let attempts = 0;
  const attempt = async () => {
    attempts++;
    throw new Temporary(trouble);
  };
  const going = withRetries(attempt, () => 100 - attempts, QUICK, undefined);
  await expect(going).rejects.toBe(trouble);
  expect(attempts).toBe(1 + QUICK.retries);
});

test("without a connection there is one attempt, unless it came and went", async () => {
  let attempts = 0;
  const attempt = async () => {
    attempts++;
    throw new Temporary(trouble, { connecting: true });
  };
  await expect(withRetries(attempt, () => 0, QUICK, undefined)).rejects.toBe(trouble);
  expect(attempts).toBe(1);
  await expect(withRetries(attempt, () => (attempts > 1 ? 5 : 0), QUICK, undefined)).rejects.toBe(trouble);
  expect(attempts).toBe(1 + 1 + QUICK.retries);
});

test("a signal ends a pause", async () => {
  const controller = new AbortController();
  const attempt = async () => {
    setTimeout(() => controller.abort(), 10);
    throw new Temporary(trouble, { wait: 60_000 });
  };
  const going = withRetries(attempt, () => 0, QUICK, controller.signal);
  await expect(going).rejects.toMatchObject({ code: "INTERRUPTED" });
});
