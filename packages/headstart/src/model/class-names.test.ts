import { join } from "node:path";
import { expect, test } from "vitest";
import { folderWith } from "../../test/support/temporary.js";
import { readClassNames } from "./class-names.js";

test.each([
  ["names.txt", "cat\ndog\n", ["cat", "dog"]],
  ["names.txt", "\uFEFFgrey wolf\r\n  fox \r\n\r\nbär", ["grey wolf", "fox", "bär"]],
  ["names", "cat\n", ["cat"]],
  ["names.json", '["cat", " dog"]', ["cat", " dog"]],
  ["NAMES.JSON", '["cat"]', ["cat"]],
])("names in %s as %j", async (name, text, names) => {
  expect(await readClassNames(join(folderWith({ [name]: text }), name))).toEqual(names);
});

test.each([
  ["names.txt", "\n \n"],
  ["names.json", "cat\ndog"],
  ["names.json", '{"0": "cat"}'],
  ["names.json", "[1, 2]"],
  ["names.json", "[]"],
])("%s with %j holds none", async (name, text) => {
  await expect(readClassNames(join(folderWith({ [name]: text }), name))).rejects.toMatchObject({
    code: "INVALID_OPTION",
    message: expect.stringMatching(/does not hold the names of classes/),
  });
});

test("a file that is not there", async () => {
  await expect(readClassNames(join(folderWith({}), "names.txt"))).rejects.toMatchObject({
    code: "NOT_FOUND",
  });
});
