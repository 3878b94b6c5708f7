// Tables of the page: sorted by a click on a head, and saved as CSV.
const cellValue = (cell) => {
  const given = cell.dataset.value ?? cell.textContent.trim();
  const value = Number(given.replaceAll("−", "-"));
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
    return (down ? -1 : 1) * (typeof x === "number" ? x - y : x.localeCompare(y));
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

const quoted = (text) => /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
const csv = (rows) => rows.map((row) => row.map((v) => quoted(v === null ? "" : `${v}`)).join(",")).join("\n") + "\n";

function tableRows(table) {
  const text = (cell) => cell.dataset.value
    ?? (cell.dataset.name ?? cell.textContent).replace(/\s+/g, " ").trim().replaceAll("−", "-");
  return [...table.rows].map((row) => [...row.cells].map(text));
}

function save(name, text, type) {
  const link = element("a", { href: URL.createObjectURL(new Blob([text], { type })), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

const fileName = (text) => text.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "").slice(0, 60) || "table";

// a figure as a file of its own, in the colours of a white page
function saveFigure(svg, name) {
  const copy = svg.cloneNode(true);
  copy.querySelectorAll(".overlay").forEach((part) => part.remove());
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  copy.setAttribute("xmlns:xlink", "http://www.w3.org/1999/xlink");
  copy.style.cssText += ";color:#1f2430;background:white;--page:white;--ink:#1f2430;font-family:sans-serif";
  save(`${name}.svg`, new XMLSerializer().serializeToString(copy), "image/svg+xml");
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

function addDownloads() {
  for (const table of document.querySelectorAll("main .wide > table")) {
    const name = fileName(table.caption?.textContent ?? "table");
    const button = element("button", { type: "button", class: "save",
      onclick: () => save(`${name}.csv`, csv(tableRows(table)), "text/csv") }, "CSV");
    table.closest(".wide").before(element("p", { class: "tools" }, button));
    makeSortable(table);
  }
  for (const figure of document.querySelectorAll("main figure")) {
    const svg = figure.querySelector("svg");
    const caption = figure.querySelector("figcaption");
    if (!svg || !caption) continue;
    const name = fileName(caption.textContent);
    caption.append(" ", element("button", { type: "button", class: "save",
      onclick: () => saveFigure(svg, name) }, "SVG"));
  }
  for (const panel of document.querySelectorAll("#explorer .panel[data-name], #calibration-live")) {
    const saveFigures = () => panel.querySelectorAll("svg[role=img]").forEach((svg, k) =>
      saveFigure(svg, `${panel.dataset.name}${k ? `-${k + 1}` : ""}`));
    const saveTable = () =>
      save(`${panel.dataset.name}.csv`, csv(tableRows(panel.querySelector("table"))), "text/csv");
    const [onclick, kind] = panel.id === "worst-panel" ? [saveTable, "CSV"] : [saveFigures, "SVG"];
    panel.prepend(element("button", { type: "button", class: "save corner", onclick }, kind));
  }
  addDataDownloads();
}

// the numbers of the explorer as tables, whole
function addDataDownloads() {
  const box = document.querySelector("#data-downloads");
  const coords = D.coords.map((c) => c.name);
  const at = (i) => [splitOf(i), D.sites.row[i], ...D.coords.map((_, c) => D.coords[c].kind === "number"
    ? tableNumber(c, D.sites.x[c][i]) : coordinateText(c, D.sites.x[c][i]))];
  const sites = d3.range(siteCount());
  const laws = () => [
    ["method", "model", "split", "row", ...coords, "observed", "mean", "sd", ...QUANTILES.map(([, q]) => q)],
    ...D.methods.flatMap(({ name, method, model }) => sites.filter((i) => hasLaw(name, i)).map((i) => [method,
      model === null ? "" : D.models[model].name, ...at(i), observed(i),
      ...["mean", "sd", ...QUANTILES.map(([, q]) => q)].map((q) => law(name, q, i))])),
  ];
  const weights = () => [
    ["method", "split", "row", ...coords, "model", "mean", "sd", "q05", "q95"],
    ...Object.keys(D.weights).flatMap((name) => sites.flatMap((i) => D.models.map((m, k) => [name,
      ...at(i), m.name, ...["mean", "sd", "q05", "q95"].map((q) => weight(name, k, i, q))]))),
  ];
  const models = () => [
    ["split", "row", ...coords, ...D.models.map((m) => m.name)],
    ...sites.map((i) => [...at(i), ...D.values.map((column) => column[i])]),
  ];
  const tables = [["predictions", laws], ["weights", weights], ["model values", models]];
  box.append(...tables.map(([name, rows]) => element("button", { type: "button", class: "save",
    onclick: () => save(`${fileName(name)}.csv`, csv(rows()), "text/csv") }, `${name}.csv`)));
}
