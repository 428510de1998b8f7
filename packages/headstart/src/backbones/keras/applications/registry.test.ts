import { describe, expect, test } from "vitest";
import { preprocessingSchema } from "../../preprocessing.js";
import { applicationNamed, KERAS_APPLICATIONS } from "./registry.js";

describe("the networks of Keras's library", () => {
  test.each(Object.entries(KERAS_APPLICATIONS))("%s has all facts", (name, application) => {
    const { title, weights, parameters, imageSize, minimumImageSize, features, top1 } = application;
    expect(title.toLowerCase()).toBe(name);
    for (const { url, path, checksum } of [weights.top, weights.noTop]) {
      expect(url).toMatch(/^https:\/\/storage\.googleapis\.com\/(tensorflow\/)?keras-applications\/.+\.h5$/);
      expect(path).toBe(`keras/${url.split("/").at(-1)}`);
      expect(checksum?.digest).toMatch(checksum?.algorithm === "md5" ? /^[0-9a-f]{32}$/ : /^[0-9a-f]{64}$/);
    }
    expect(weights.noTop.url).toMatch(/no.?top\.h5$/);
    expect(parameters.noTop).toBeLessThan(parameters.top);
    expect(minimumImageSize).toBeLessThan(imageSize);
    expect(features).toBeGreaterThan(500);
    expect(top1).toBeGreaterThan(70);
    expect(top1).toBeLessThan(90);
    expect(preprocessingSchema.parse(application.preprocessing)).toEqual(application.preprocessing);
  });

  test("no file and no checksum stands there twice", () => {
    const files = Object.values(KERAS_APPLICATIONS).flatMap(({ weights }) => [weights.top, weights.noTop]);
    expect(new Set(files.map(({ path }) => path)).size).toBe(files.length);
    expect(new Set(files.map(({ checksum }) => checksum?.digest)).size).toBe(files.length);
  });

  test("an unknown name is refused with those that are known", () => {
    for (const name of ["resnet51", "constructor", "ResNet50"])
      expect(() => applicationNamed(name)).toThrow(
        expect.objectContaining({
          code: "INVALID_OPTION",
          hint: expect.stringContaining("resnet50, resnet101"),
        }),
      );
  });
});
