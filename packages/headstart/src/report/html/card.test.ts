import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { HOSTILE, madeUpReport } from "../../../test/support/report-data.js";
import { composeModelCard } from "./card.js";

function frontMatter(card: string): Record<string, unknown> {
  return parse(card.split("---\n")[1] ?? "") as Record<string, unknown>;
}

describe("composeModelCard", () => {
  test("has the front matter that the hub reads", () => {
    const data = madeUpReport({ classes: ["ants", "bees"], perClass: 40, paths: [""] });
    expect(frontMatter(composeModelCard({ ...data, name: "insects" }))).toEqual({
      license: "apache-2.0",
      library_name: "onnx",
      pipeline_tag: "image-classification",
      tags: ["image-classification", "onnx", "headstart"],
      metrics: ["accuracy"],
      "model-index": [
        {
          name: "insects",
          results: [
            {
              task: { type: "image-classification", name: "Image classification" },
              dataset: { name: "bees", type: "imagefolder", split: "test" },
              metrics: [{ type: "accuracy", name: "Accuracy", value: data.splits[2]?.measures[0]?.value }],
            },
          ],
        },
      ],
    });
  });

  test("an unknown licence is named, and a network of the hub is the base model", () => {
    const data = madeUpReport({ classes: ["ants", "bees"], perClass: 40, paths: [""] });
    const backbone = { name: "hf:someone/net:onnx/model.onnx", licence: "Own licence: v2", source: "" };
    expect(frontMatter(composeModelCard({ ...data, backbone }))).toMatchObject({
      license: "other",
      license_name: "own-licence-v2",
      base_model: "someone/net",
    });
    const unstated = composeModelCard({ ...data, backbone: { ...backbone, licence: "not stated" } });
    expect(frontMatter(unstated)).toMatchObject({ license: "unknown" });
    expect(frontMatter(unstated)).not.toHaveProperty("license_name");
  });

  test("says when to trust it, and what photos seen in training do; no figure of speed is in it", () => {
    const data = madeUpReport({ classes: ["ants", "bees"], perClass: 40, paths: [""] });
    const card = composeModelCard(data);
    expect(card).toContain("| 95.0\u00a0% | 0.7000 | 90.0\u00a0% | 96.0\u00a0%<br>90.0 to 99.0\u00a0% |");
    expect(card).toContain("without them accuracy is 87.5\u00a0%");
    const slow = { ...data, performance: [{ name: "One photo", value: "9 ms" }] };
    expect(composeModelCard(slow)).toBe(card);
  });

  test("hostile names stay text", () => {
    const card = composeModelCard(madeUpReport({ classes: HOSTILE, perClass: 40, paths: [""] }));
    const body = card.split("---\n").slice(2).join("---\n");
    expect(body.replace(/<br>/g, "")).not.toMatch(/<[a-z]/i);
    expect(JSON.stringify(frontMatter(card))).toContain("<script>");
    for (const unwanted of ["\u0000", "\u202e"]) expect(card).not.toContain(unwanted);
  });
});
