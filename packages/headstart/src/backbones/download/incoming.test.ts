import { Readable } from "node:stream";
import { expect, test } from "vitest";
import { incoming } from "./incoming.js";

test("what came before an error is read before it", async () => {
  const stream = new Readable({ read() {} });
  const { pieces } = incoming(stream);
  stream.push(Buffer.from("ab"));
  stream.push(Buffer.from("c"));
  await new Promise((resolve) => setImmediate(resolve));
  stream.destroy(new Error("cut"));
  await new Promise((resolve) => setImmediate(resolve));
  const seen: string[] = [];
  const reading = (async () => {
    for await (const piece of pieces) seen.push(String(piece));
  })();
  await expect(reading).rejects.toThrow("cut");
  expect(seen.join("")).toBe("abc");
});

test("a sender is held back while nobody reads", async () => {
  let sent = 0;
  const stream = new Readable({
    read() {
      sent += 100_000;
      this.push(sent > 10e6 ? null : Buffer.alloc(100_000));
    },
  });
  const { pieces } = incoming(stream);
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(sent).toBeLessThan(3e6);
  let length = 0;
  for await (const piece of pieces) length += piece.length;
  expect(length).toBe(10e6);
});

test("one who stops reading lets go of the stream", async () => {
  const stream = new Readable({ read() {} });
  stream.push(Buffer.from("a"));
  for await (const _ of incoming(stream).pieces) break;
  expect(stream.destroyed).toBe(true);
});
