import { describe, expect, test } from "vitest";
import { escapeHtml, html } from "./html.js";

describe("html", () => {
  test("escapes every text, in content and in attributes", () => {
    const hostile = `</p><script>alert("x")</script>'&`;
    expect(html`<p title="${hostile}">${hostile}</p>`.toString()).toBe(
      `<p title="${escapeHtml(hostile)}">${escapeHtml(hostile)}</p>`,
    );
    expect(escapeHtml(hostile)).toBe("&lt;/p&gt;&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;&#39;&amp;");
  });

  test("takes HTML as it is, lists one after the other, and nothing for nothing", () => {
    const items = ["a<", "b"].map((item) => html`<li>${item}</li>`);
    expect(html`<ul>${items}${undefined}${null}${false}${0}</ul>`.toString()).toBe(
      "<ul><li>a&lt;</li><li>b</li>0</ul>",
    );
  });

  test("a text cannot pretend to be HTML", () => {
    const pretender = { toString: () => "<b>" };
    // @ts-expect-error: not a Content
    expect(() => html`${pretender}`.toString()).toThrow();
  });

  test("drops what turns the direction and replaces what HTML cannot hold", () => {
    expect(escapeHtml("a\u202eb\u2066c")).toBe("abc");
    expect(escapeHtml("a\u0000b\ud800c\u001b\u0085\ufffe")).toBe("a\ufffdb\ufffdc\ufffd\ufffd\ufffd");
    expect(escapeHtml("line\n\ttab 🦊 שלום")).toBe("line\n\ttab 🦊 שלום");
  });
});
