"use strict";
// Sorting of tables by their headers, and a filter by the kind of method. Without it the page is complete.

function key(row, column, numeric) {
  const cell = row.cells[column];
  if (!numeric) return cell.textContent;
  return cell.dataset.sort === undefined ? null : Number(cell.dataset.sort);
}

function sortBy(header) {
  const table = header.closest("table");
  const body = table.tBodies[0];
  const numeric = header.classList.contains("num");
  const before = header.getAttribute("aria-sort");
  const falling = before === "none" ? numeric : before === "ascending";
  const rows = Array.from(body.rows, (row) => ({ row, key: key(row, header.cellIndex, numeric) }));
  rows.sort((a, b) => {
    if (a.key === null || b.key === null) return (a.key === null) - (b.key === null); // unknown ones last
    const order = numeric ? a.key - b.key : a.key.localeCompare(b.key, "en");
    return falling ? -order : order;
  });
  for (const other of header.parentElement.cells) other.setAttribute("aria-sort", "none");
  header.setAttribute("aria-sort", falling ? "descending" : "ascending");
  body.append(...rows.map((entry) => entry.row));
}

for (const button of document.querySelectorAll("th button")) {
  button.addEventListener("click", () => sortBy(button.closest("th"))); // Enter and Space click a button
}

const filter = document.getElementById("filter");
filter.hidden = false;
filter.addEventListener("change", (event) => {
  for (const element of document.querySelectorAll("tr[data-kind], g[data-kind]")) {
    if (element.getAttribute("data-kind") === event.target.value) element.toggleAttribute("hidden", !event.target.checked);
  }
});
