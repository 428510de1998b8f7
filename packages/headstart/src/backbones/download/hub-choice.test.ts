import { expect, test } from "vitest";
import { chooseFiles } from "./hub-choice.js";

function chosen(paths: readonly string[], path?: string): string[] {
  const files = paths.map((path) => ({ path, size: 1 }));
  const { model, others } = chooseFiles(files, path, "o/n");
  return [model, ...others].map((file) => file.path);
}

test.each([
  [["model.onnx", "onnx/model.onnx", "onnx/model_fp16.onnx"], "onnx/model.onnx"],
  [["model.onnx", "other.onnx"], "model.onnx"],
  [["README.md", "resnet50-v1.onnx"], "resnet50-v1.onnx"],
  [["net_fp16.onnx", "net_quantized.onnx", "net.onnx"], "net.onnx"],
  [["net_fp16.onnx", "net_q4.onnx", "net_int8.onnx", "net_uint8.onnx", "net_bnb4.onnx"], "net_fp16.onnx"],
  [["x/quantum.onnx"], "x/quantum.onnx"],
])("of %j it is %s", (paths, expected) => {
  expect(chosen(paths)[0]).toBe(expected);
});

test("what belongs to it comes with it", () => {
  const paths = [
    "config.json",
    "preprocessor_config.json",
    "onnx/config.json",
    "onnx/model.onnx",
    "onnx/model.onnx_data",
    "onnx/model.onnx_data_1",
    "onnx/model.onnx.data",
    "onnx/model.onnx.txt",
    "onnx/model_fp16.onnx_data",
    "model.onnx_data",
  ];
  expect(chosen(paths)).toEqual([
    "onnx/model.onnx",
    "onnx/model.onnx_data",
    "onnx/model.onnx_data_1",
    "onnx/model.onnx.data",
    "preprocessor_config.json",
    "onnx/config.json",
  ]);
});

test("one can be asked for", () => {
  expect(chosen(["a.onnx", "b/c.onnx"], "b/c.onnx")).toEqual(["b/c.onnx"]);
  expect(() => chosen(["a.onnx"], "x.onnx")).toThrow("o/n has no file x.onnx on the hub.");
});

test("where none is better than the others, all are named", () => {
  expect(() => chosen(["b.onnx", "a.onnx"])).toThrow(
    expect.objectContaining({
      code: "INVALID_OPTION",
      message: "o/n has several ONNX files: a.onnx, b.onnx.",
      hint: "Name one of them: hf:o/n:a.onnx",
    }),
  );
  expect(() => chosen(["model.safetensors"])).toThrow(expect.objectContaining({ code: "NOT_FOUND" }));
});
