import { expect, test } from "vitest";
import { captured } from "../../test/support/captured.js";
import { ProgressDisplay, type ProgressStyle } from "./progress.js";
import { Terminal } from "./terminal.js";

async function display(style?: ProgressStyle, isTTY = false) {
  const streams = captured();
  streams.stderr.isTTY = isTTY;
  const terminal = new Terminal(streams);
  const clock = { now: 0 };
  const shown = await ProgressDisplay.open(terminal, style, () => clock.now);
  const show = (seconds: number, phase: string, done: number, total: number, detail = "") => {
    clock.now = seconds * 1000;
    shown.show({ phase, done, total, detail });
  };
  return { show, shown, streams, terminal };
}

test("lines: beginning and end of each phase, and at most one in five seconds between", async () => {
  const { show, streams } = await display();
  show(0, "reading photos", 1, 300);
  show(0.1, "reading photos", 300, 300);
  show(1, "features", 0, 300);
  for (let second = 2; second <= 12; second++) show(second, "features", (second - 1) * 20, 300);
  show(16, "features", 300, 300);
  show(17, "choosing the L2 penalty", 1, 11);
  show(18, "training", 40, 300, "epoch 1 of 2");
  show(19, "training", 300, 300, "epoch 1 of 2");
  show(20, "measuring", 0, 1);
  show(21, "measuring", 1, 1);
  expect(streams.err().split("\n")).toEqual([
    "reading photos: 300 photos done in 0.1 s",
    "features: 300 photos",
    "features: 100 of 300, 20 photos/s, 10 s left",
    "features: 200 of 300, 20 photos/s, 5.0 s left",
    "features: 300 photos done in 15 s, 20 photos/s",
    "choosing the L2 penalty: 11 strengths",
    "choosing the L2 penalty: 1 strength done",
    "training, epoch 1 of 2: 300 photos",
    "measuring",
    "",
  ]);
  expect(streams.out()).toBe("");
});

test("minor phases are worth no line unless they take long", async () => {
  const { show, streams } = await display();
  show(0, "comparing photos", 1, 300);
  show(1.9, "comparing photos", 300, 300);
  show(2, "judging labels", 1, 300, "round 1 of 2");
  show(8, "judging labels", 200, 300, "round 1 of 2");
  show(9, "judging labels", 300, 300, "round 1 of 2");
  expect(streams.err().split("\n").slice(0, -1)).toEqual([
    "judging labels, round 1 of 2: 200 of 300, 33 photos/s, 3.0 s left",
    "judging labels, round 1 of 2: 300 photos done in 7.0 s, 43 photos/s",
  ]);
});

test("downloads are counted in bytes, each file for itself; one of unknown size as far as it has come", async () => {
  const { show, streams } = await display();
  show(0, "downloading", 0, 90e6, "resnet50.h5");
  show(6, "downloading", 60e6, 90e6, "resnet50.h5");
  show(9, "downloading", 90e6, 90e6, "resnet50.h5");
  show(10, "downloading", 5e6, 0, "net.onnx");
  show(20, "downloading", 45e6, 0, "net.onnx");
  show(21, "measuring", 0, 1);
  expect(streams.err().split("\n").slice(0, -1)).toEqual([
    "downloading, resnet50.h5: 90.0 MB",
    "downloading, resnet50.h5: 60.0 MB of 90.0 MB, 10.0 MB/s, 3.0 s left",
    "downloading, resnet50.h5: 90.0 MB done in 9.0 s, 10.0 MB/s",
    "downloading, net.onnx",
    "downloading, net.onnx: 45.0 MB, 4.0 MB/s",
    "downloading, net.onnx: 45.0 MB done in 11 s, 3.6 MB/s",
    "measuring",
  ]);
});

test("the speed leaves out what was stored already", async () => {
  const { show, streams } = await display();
  show(0, "features", 9000, 10_000);
  show(6, "features", 9600, 10_000);
  show(10, "features", 10_000, 10_000);
  show(11, "features", 50, 50, "again");
  expect(streams.err().split("\n").slice(1, -1)).toEqual([
    "features: 9,600 of 10,000, 100 photos/s, 4.0 s left",
    "features: 10,000 photos done in 10 s, 100 photos/s",
    "features, again: 50 photos done, all stored already",
  ]);
});

test("silent: nothing at all", async () => {
  const { show, shown, streams } = await display("silent");
  show(0, "features", 0, 10);
  show(9, "features", 10, 10);
  shown.say("a line");
  shown.close();
  expect(streams.err()).toBe("");
});

test("a terminal gets a bar, which makes way for lines and leaves nothing behind", async () => {
  const { show, shown, streams, terminal } = await display(undefined, true);
  show(0, "features", 0, 100);
  show(1, "features", 50, 100);
  terminal.say("a line");
  show(2, "features", 60, 100);
  shown.close();
  const text = streams.err();
  expect(text).toContain("░");
  expect(text).toContain("0 of 100");
  // The bar's line is cleared before the other one is printed.
  expect(text.indexOf("a line")).toBeGreaterThan(text.indexOf("\u001b[2K"));
  expect(text.lastIndexOf("\u001b[2K")).toBeGreaterThan(text.indexOf("60 of 100"));
  expect(terminal.beforeLine).toBeUndefined();
});

test("work without photos is no phase", async () => {
  const { show, streams } = await display();
  show(0, "features", 0, 0);
  expect(streams.err()).toBe("");
});
