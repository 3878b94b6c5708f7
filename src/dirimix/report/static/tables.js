// Tables of the page: sorted by a click on a head, filtered, and judged as the reader says.
const plainMinus = (text) => text.replace(/−(?=[\d.])/g, "-");

// what stands in a cell above its smaller line
const firstText = (cell) => [...cell.childNodes].filter((part) => part.nodeName !== "SMALL")
  .map((part) => part.textContent).join("").replace(/\s+/g, " ").trim();

// what a cell is sorted by: its number, of an interval the lower end, else its words
const cellValue = (cell) => {
  const given = cell.dataset.value ?? firstText(cell);
  const value = Number(plainMinus(given).replace(/ (%|(…|to) .*)$/, ""));
  return given !== "" && Number.isFinite(value) ? value : given;
};

function sortTable(table, column, head) {
  const down = head.getAttribute("aria-sort") === "ascending";
  for (const other of table.querySelectorAll("thead th")) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", down ? "descending" : "ascending");
  const body = table.tBodies[0];
  const order = (a, b) => {
    const [x, y] = [a, b].map((row) => cellValue(row.cells[column]));
    if (typeof x !== typeof y) return typeof x === "number" ? -1 : 1; // what is not known stays last
    return (down ? -1 : 1) * (typeof x === "number" ? x - y : x.localeCompare(y, "en", { numeric: true }));
  };
  body.append(...[...body.rows].sort(order));
}

function makeSortable(table) {
  [...[...table.tHead.rows].at(-1).cells].forEach((head, column) => {
    const button = element("button", { type: "button", class: "sort" });
    button.append(...head.childNodes);
    button.onclick = () => sortTable(table, column, head);
    head.replaceChildren(button);
  });
}

// lines of the score tables whose method has the words
function filterScores() {
  const box = document.querySelector("#filter");
  box?.addEventListener("input", () => {
    const words = box.value.toLowerCase().split(/\s+/).filter((word) => word);
    for (const row of document.querySelectorAll("table.scores tbody tr"))
      row.hidden = !words.every((word) => row.cells[0].textContent.toLowerCase().includes(word));
  });
}

// the skill of every line against one that the reader chooses
function chooseReference() {
  const box = document.querySelector("#reference");
  const tables = [...document.querySelectorAll("table.scores")];
  if (!box || !tables.length) return;
  const name = (row) => row.cells[0].dataset.name;
  const crps = (row) => Number(row.querySelector(".skill").dataset.crps);
  const first = [...tables[0].tBodies[0].rows].filter((row) => crps(row) > 0);
  fill(box, first.map((row) => [name(row), name(row)]),
    name(first.find((row) => Number(row.querySelector(".skill").dataset.value) === 0) ?? first[0]));
  box.onchange = () => {
    document.querySelector("#scores .reference").textContent = box.value;
    for (const table of tables) {
      const rows = [...table.tBodies[0].rows];
      const other = rows.find((row) => name(row) === box.value);
      for (const row of rows) {
        const cell = row.querySelector(".skill");
        const share = other && crps(row) > 0 ? 1 - crps(row) / crps(other) : NaN;
        if (Number.isFinite(share)) cell.dataset.value = share;
        else delete cell.dataset.value;
        cell.textContent = Number.isFinite(share)
          ? `${share < 0 ? "−" : "+"}${Math.abs(Math.round(100 * share))} %` : "–";
      }
    }
  };
}

// which differences count as none is for the reader to say
function judgePairs() {
  const marks = { better: "▲", worse: "▼", open: "○", alike: "≈" };
  for (const box of document.querySelectorAll("input.matters")) {
    const cells = box.closest("details").querySelectorAll("td[data-lo]");
    box.addEventListener("input", () => {
      const size = Number(box.value.trim().replace("−", "-"));
      if (box.value.trim() === "" || !(size >= 0)) return;
      for (const cell of cells) {
        const state = judged(Number(cell.dataset.lo), Number(cell.dataset.hi), size, "gain" in cell.dataset);
        cell.className = `pair ${state}`;
        cell.firstChild.textContent = marks[state];
      }
    });
  }
}

function judged(low, high, size, gain) {
  if (-size < low && high < size) return "alike";
  if (low <= 0 && high >= 0) return "open";
  return (low > 0) === gain ? "better" : "worse";
}
