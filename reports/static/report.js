// Sorting and filtering of the class table, folding of outputs. The pages read well without it.
"use strict";
document.documentElement.classList.add("scripted");

const ROWS = 500; // of a very long table that are shown at a time

// --- the table of a class ---

function startTable(table) {
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const long = table.classList.contains("long");
  const search = document.getElementById("filter");
  const standing = document.getElementById("standing");
  const status = document.getElementById("shown");
  const more = document.getElementById("more");
  const words = new Intl.Collator(document.documentElement.lang, { numeric: true, sensitivity: "base" });
  const said = new Map();
  let order = rows;
  let room = long ? ROWS : Infinity;

  const textOf = (row) => {
    if (!said.has(row)) said.set(row, row.textContent.toLowerCase());
    return said.get(row);
  };

  function show() {
    const asked = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const standings = standing?.value;  // the page of a course has none
    const found = order.filter(
      (row) =>
        (!standings || row.dataset.standing.split(" ").includes(standings)) &&
        asked.every((word) => textOf(row).includes(word)),
    );
    const shown = Math.min(found.length, room);
    body.replaceChildren(...found.slice(0, shown));
    more.hidden = shown === found.length;
    const language = document.documentElement.lang || "en";
    const filled = { shown: shown.toLocaleString(language), all: rows.length.toLocaleString(language) };
    const template = status.getAttribute("data-words");
    status.textContent = shown < rows.length ? template.replace(/\{(\w+)\}/g, (_, name) => filled[name]) : "";
  }

  function sortBy(button) {
    const heading = button.closest("th");
    const kind = button.dataset.sort;
    const column = heading.cellIndex;
    // numbers are looked at from the top, words from the start of the alphabet
    const first = kind === "number" ? "descending" : "ascending";
    const second = kind === "number" ? "ascending" : "descending";
    const now = heading.getAttribute("aria-sort") === first ? second : first;
    for (const other of heading.parentElement.cells) other.setAttribute("aria-sort", "none");
    heading.setAttribute("aria-sort", now);
    const sign = now === "ascending" ? 1 : -1;
    const keyOf = (row) =>
      kind === "number" ? Number(row.cells[column].dataset.value) : row.cells[column].textContent.trim();
    const keyed = order.map((row) => [keyOf(row), row]);
    keyed.sort(([a], [b]) => sign * (kind === "number" ? a - b : words.compare(a, b)));
    order = keyed.map(([, row]) => row);
    show();
  }

  for (const button of table.querySelectorAll("button[data-sort]")) {
    button.addEventListener("click", () => sortBy(button));
  }
  search.addEventListener("input", show);
  standing?.addEventListener("change", show);
  more.addEventListener("click", () => {
    room += ROWS;
    show();
  });
  if (long) {
    show();
    window.addEventListener("beforeprint", () => body.replaceChildren(...order));
    window.addEventListener("afterprint", show);
  }
  table.classList.add("ready");
}

// --- folds, and what scrolls ---

function startFolds() {
  for (const button of document.querySelectorAll("button[data-unfold], button[data-fold]")) {
    const opens = button.hasAttribute("data-unfold");
    const where = button.dataset[opens ? "unfold" : "fold"];
    button.addEventListener("click", () => {
      for (const fold of document.querySelectorAll(`${where} details`)) fold.open = opens;
      const other = document.querySelector(opens ? `[data-fold="${where}"]` : `[data-unfold="${where}"]`);
      button.hidden = true;
      other.hidden = false;
      other.focus();
    });
  }
  const reach = (text) => {
    const scrolls = text.scrollWidth > text.clientWidth || text.scrollHeight > text.clientHeight;
    if (scrolls) text.tabIndex = 0; // or a keyboard could not scroll it
  };
  document.querySelectorAll("pre").forEach(reach);
  // what is wider than its window says so, until its end is seen
  const cue = (box) => box.classList.toggle("more", box.scrollLeft + box.clientWidth < box.scrollWidth - 2);
  const scrolls = document.querySelectorAll(".scroll");
  const watch = new ResizeObserver((seen) => seen.forEach((entry) => cue(entry.target)));
  for (const box of scrolls) {
    watch.observe(box);
    box.addEventListener("scroll", () => cue(box), { passive: true });
  }
  document.addEventListener(
    "toggle",
    (event) => {
      event.target.querySelectorAll("pre").forEach(reach);
      event.target.querySelectorAll(".scroll").forEach(cue);
    },
    true,
  );
  // paper has no folds
  const closed = [];
  window.addEventListener("beforeprint", () => {
    for (const fold of document.querySelectorAll("details:not([open])")) {
      closed.push(fold);
      fold.open = true;
    }
  });
  window.addEventListener("afterprint", () => {
    for (const fold of closed.splice(0)) fold.open = false;
  });
}

document.addEventListener("DOMContentLoaded", () => {
  const table = document.querySelector("table.students");
  if (table) startTable(table);
  startFolds();
});
