/**
 * What a script adds to the page, which is whole without it: a cell of the matrix opens its photos on the spot, tables can be sorted, and
 * classes can be looked for by name. It builds nothing from text, so that no name can become markup.
 */
export const SCRIPT = `
"use strict";
(() => {
  const make = (name, properties, ...children) => {
    const element = Object.assign(document.createElement(name), properties);
    element.append(...children);
    return element;
  };

  // A cell opens the photos behind it.
  const title = make("h2", { id: "dialog-h" });
  const close = make("button", { type: "button", textContent: "Close" });
  const body = make("div", {});
  const way = make("a", { textContent: "See them among the photos of their class" });
  const dialog = make("dialog", {}, make("div", { className: "dialog-head" }, title, close), body, make("p", {}, way));
  dialog.setAttribute("aria-labelledby", "dialog-h");
  document.body.append(dialog);
  close.addEventListener("click", () => dialog.close());
  way.addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  document.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    const cell = event.target.closest("a.cell");
    const group = cell && document.getElementById(cell.hash.slice(1));
    if (!group) return;
    event.preventDefault();
    title.textContent = group.dataset.title;
    const photos = [...group.querySelectorAll(":scope > ul, :scope > p")].map((part) => part.cloneNode(true));
    body.replaceChildren(...photos);
    way.href = cell.hash;
    dialog.showModal();
    dialog.scrollTop = 0;
  });

  // Tables are sorted by their headings.
  for (const table of document.querySelectorAll("table.sortable")) {
    const headings = [...table.tHead.rows[0].cells];
    const rows = [...table.tBodies[0].rows];
    headings.forEach((heading, column) => {
      const button = make("button", { type: "button" }, ...heading.childNodes);
      heading.replaceChildren(button);
      heading.setAttribute("aria-sort", "none");
      button.addEventListener("click", () => {
        const order = heading.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
        for (const other of headings) other.setAttribute("aria-sort", "none");
        heading.setAttribute("aria-sort", order);
        const sign = order === "ascending" ? 1 : -1;
        const compare = (a, b) => {
          const [x, y] = [a.cells[column], b.cells[column]];
          return "by" in x.dataset
            ? Number(x.dataset.by) - Number(y.dataset.by)
            : x.textContent.localeCompare(y.textContent, undefined, { numeric: true });
        };
        table.tBodies[0].append(...[...rows].sort((a, b) => sign * compare(a, b)));
      });
    });
  }

  // With many classes, one is looked for by its name.
  const classes = [...document.querySelectorAll("article.class")];
  if (classes.length > 8) {
    const input = make("input", { type: "search", autocomplete: "off", spellcheck: false });
    const said = make("span", { className: "faint" });
    said.setAttribute("role", "status");
    const label = make("label", { className: "filter" }, "Show classes called ", input, said);
    classes[0].before(label);
    const names = classes.map((part) => part.querySelector("h3").textContent.toLowerCase());
    input.addEventListener("input", () => {
      const wanted = input.value.trim().toLowerCase();
      let shown = 0;
      classes.forEach((part, index) => {
        part.hidden = !names[index].includes(wanted);
        if (!part.hidden) shown++;
      });
      said.textContent = wanted === "" ? "" : shown + " of " + classes.length;
    });
    // What is followed to must be there.
    const reveal = () => {
      const part = document.getElementById(location.hash.slice(1))?.closest("article.class");
      if (!part?.hidden) return;
      input.value = "";
      input.dispatchEvent(new Event("input"));
      part.scrollIntoView();
    };
    addEventListener("hashchange", reveal);
  }

  addEventListener("beforeprint", () => {
    for (const details of document.querySelectorAll("details")) details.open = true;
  });
})();
`.trim();
