// Sorting and filtering of the class table, folding of outputs. The pages read well without it.
"use strict";
document.documentElement.classList.add("scripted");

const words = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

function keyOf(row, column, kind) {
  const cell = row.cells[column];
  return kind === "number" ? Number(cell.dataset.value) : cell.textContent.trim();
}

function sortBy(button) {
  const heading = button.closest("th");
  const body = button.closest("table").tBodies[0];
  const kind = button.dataset.sort;
  const column = heading.cellIndex;
  // numbers are looked at from the top, words from the start of the alphabet
  const first = kind === "number" ? "descending" : "ascending";
  const second = kind === "number" ? "ascending" : "descending";
  const order = heading.getAttribute("aria-sort") === first ? second : first;
  for (const other of heading.parentElement.cells) other.setAttribute("aria-sort", "none");
  heading.setAttribute("aria-sort", order);
  const sign = order === "ascending" ? 1 : -1;
  const keyed = [...body.rows].map((row) => [keyOf(row, column, kind), row]);
  keyed.sort(([a], [b]) => sign * (kind === "number" ? a - b : words.compare(a, b)));
  body.append(...keyed.map(([, row]) => row));
}

function filter(text) {
  const asked = text.toLowerCase().split(/\s+/).filter(Boolean);
  const rows = document.querySelectorAll("table.students tbody tr");
  let shown = 0;
  for (const row of rows) {
    const said = row.textContent.toLowerCase();
    row.hidden = !asked.every((word) => said.includes(word));
    if (!row.hidden) shown += 1;
  }
  const status = document.getElementById("shown");
  status.textContent = asked.length ? `${shown} of ${rows.length} shown` : "";
}

for (const button of document.querySelectorAll("button[data-sort]")) {
  button.addEventListener("click", () => sortBy(button));
}

const box = document.getElementById("filter");
if (box) box.addEventListener("input", () => filter(box.value));

for (const button of document.querySelectorAll("button[data-unfold]")) {
  button.addEventListener("click", () => {
    const folds = document.querySelectorAll(`${button.dataset.unfold} details`);
    const open = ![...folds].every((fold) => fold.open);
    for (const fold of folds) fold.open = open;
    button.textContent = open ? "Fold all" : "Unfold all";
  });
}

// paper has no folds
window.addEventListener("beforeprint", () => {
  for (const fold of document.querySelectorAll("details")) fold.open = true;
});
