// Tables and figures of the page as files.

// words that a spreadsheet might take for a formula, as in the folder's files (`table/csv_text.py`)
const isFormula = (text) => /^[=+\-@\t\r]./s.test(text) && Number.isNaN(Number(text));
const guarded = (text) => isFormula(text.replace(/^'+/, "")) ? `'${text}` : text;
const quoted = (text) => /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
const csv = (rows) => rows.map((row) =>
  row.map((v) => quoted(v === null ? "" : guarded(`${v}`))).join(",")).join("\n") + "\n";

// all that a cell says in one line
function cellWords(cell) {
  const copy = cell.cloneNode(true);
  for (const part of copy.querySelectorAll("br")) part.replaceWith("; ");
  for (const part of copy.querySelectorAll("small")) part.replaceWith(` (${part.textContent})`);
  return plainMinus(copy.textContent.replace(/\s+/g, " ").trim());
}

// one line of heads, then the cells: numbers without what stands smaller below them
function tableRows(table) {
  const wide = (cells, text) => [...cells].flatMap((cell) => Array(cell.colSpan).fill(text(cell)));
  const heads = [...table.tHead.rows].map((row) => wide(row.cells, cellWords));
  const words = (cell) => typeof cellValue(cell) === "number" ? plainMinus(firstText(cell)) : cellWords(cell);
  const text = (cell) => cell.dataset.value ?? cell.dataset.name ?? words(cell).replace(/^–$/, "");
  return [heads[0].map((_, c) => heads.map((row) => row[c]).filter((t) => t).join(": ")),
    ...[...table.tBodies[0].rows].map((row) => wide(row.cells, text))];
}

function save(name, text, type) {
  const link = element("a", { href: URL.createObjectURL(new Blob([text], { type })), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

const fileName = (text) => text.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "").slice(0, 60) || "table";

const WHITE_PAGE = ";color:#1f2430;background:white;font-family:sans-serif"
  + ";--page:white;--ink:#1f2430;--soft:#565e6c;--line:#dfe3e9";
const TEXT = 12; // pixels of letters

// a figure as a file of its own, in the colours of a white page, below what stands above it there
function saveFigure(svg, name) {
  const copy = svg.cloneNode(true);
  copy.querySelectorAll(".overlay").forEach((part) => part.remove());
  const width = svg.width.baseVal.value;
  const whole = d3.create("svg").attr("width", width).attr("font-size", TEXT);
  let top = 0;
  for (const part of partsAbove(svg)) top += addPart(whole, part, top, width);
  whole.append(() => d3.select(copy).attr("y", top).node());
  whole.attr("height", top + svg.height.baseVal.value);
  const made = top ? whole.node() : copy;
  made.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  made.setAttribute("xmlns:xlink", "http://www.w3.org/1999/xlink");
  made.style.cssText += WHITE_PAGE;
  save(`${name}.svg`, new XMLSerializer().serializeToString(made), "image/svg+xml");
}

// title, scale of colours and key of a figure of the explorer, in their order
function partsAbove(svg) {
  const parts = [];
  for (let part = svg.previousElementSibling; part; part = part.previousElementSibling) {
    if (part.matches("svg[role=img]")) break;
    if (part.matches(".panel-title, .key, summary, svg, [class*='-swatches']")) parts.unshift(part);
  }
  return parts;
}

// draws one of them at a height, and says how much room it takes
function addPart(whole, part, top, width) {
  if (part.matches("svg")) {
    whole.append(() => d3.select(part.cloneNode(true)).attr("y", top).node());
    return part.height.baseVal.value;
  }
  const words = (x, y, text) => whole.append("text").attr("x", x).attr("y", y).attr("fill", "currentColor").text(text);
  if (part.matches(".panel-title, summary")) {
    const long = 0.58 * TEXT * part.textContent.length > width;
    words(0, top + TEXT + 2, part.textContent).attr("font-weight", 600)
      .attr("textLength", long ? width : null).attr("lengthAdjust", "spacingAndGlyphs");
    return TEXT + 10;
  }
  let [x, y] = [0, top + TEXT];
  for (const item of part.querySelectorAll("span")) {
    const [mark, text] = [item.querySelector("i, svg"), item.textContent];
    const room = 30 + 0.66 * TEXT * text.length;
    if (x && x + room > width) [x, y] = [0, y + TEXT + 5];
    const line = whole.append("line").attr("x1", x).attr("x2", x + 14).attr("y1", y - 4).attr("y2", y - 4);
    const dash = { dashed: "6 3", dotted: "2 2", double: "8 2 2 2" }[mark.style.borderTopStyle];
    line.attr("stroke", mark.getAttribute("fill") ?? mark.style.borderTopColor)
      .attr("stroke-width", mark.matches("svg") ? TEXT : 2).attr("stroke-dasharray", dash ?? null);
    words(x + 18, y, text);
    x += room;
  }
  return y - top + 8;
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
  const coords = [...D.coords.map((c) => c.name), ...(D.names ? [D.names] : [])];
  const at = (i) => [splitOf(i), D.sites.row[i], ...D.coords.map((_, c) => D.coords[c].kind === "number"
    ? tableNumber(c, D.sites.x[c][i]) : coordinateText(c, D.sites.x[c][i])), ...(D.names ? [D.sites.name[i]] : [])];
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
