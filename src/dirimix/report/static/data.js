// The content of the page: read once, then asked by site and method.
const SPLITS = ["train", "test", "landscape"];
const QUANTILES = [
  [0.025, "q025"], [0.05, "q05"], [0.25, "q25"], [0.5, "q50"], [0.75, "q75"], [0.95, "q95"],
  [0.975, "q975"],
];
const LEVELS = [[0.5, "q25", "q75"], [0.9, "q05", "q95"], [0.95, "q025", "q975"]];
const DAY = 864e5; // milliseconds
const DIGITS = 12; // of coordinates
let D; // what `explore.py` packs

async function unpack(text) {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const plain = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(plain).text();
}

// a column of which each number is given less the one before it, in units of its last decimal
function column({ decimals, changes }) {
  let units = 0;
  return changes.map((change) => change === null ? null : decimal(units += change, decimals));
}

const decimal = (units, decimals) => decimals < 0 ? units * 10 ** -decimals : units / 10 ** decimals;

// quantiles are given less the mean
function lawColumns(given) {
  if (!given.changes) return given;
  const { decimals, changes } = given;
  const units = Object.fromEntries(
    Object.entries(changes).map(([name, own]) => [name, column({ decimals: 0, changes: own })]));
  const read = (name) => units[name].map((v, i) => v === null ? null
    : decimal(["mean", "sd"].includes(name) ? v : v + units.mean[i], decimals));
  return Object.fromEntries(Object.keys(units).map((name) => [name, read(name)]));
}

// what `compact/columns.py` has shortened
function lengthen() {
  for (const name of Object.keys(D.laws)) D.laws[name] = lawColumns(D.laws[name]);
  for (const found of Object.values(D.weights))
    for (const kind of Object.keys(found)) found[kind] = found[kind].map(column);
}

// the libraries are scripts of their own, in the order of the page
async function loadLibraries() {
  for (const packed of document.querySelectorAll("script.library")) {
    const library = document.createElement("script");
    library.textContent = await unpack(packed.textContent);
    document.head.append(library);
  }
}

const siteCount = () => D.sites.split.length;
// NaN where a single model has no value
const law = (method, name, i) => D.laws[method][name][i] ?? NaN;
const hasLaw = (method, i) => !Number.isNaN(law(method, "mean", i));
const observed = (i) => D.sites.observed[i];
const splitOf = (i) => SPLITS[D.sites.split[i]];
const methodOf = (name) => D.methods.find((m) => m.name === name);
const methodLabel = (name = state.method) => methodOf(name).label;
const modelColour = (k) => D.palette[k % D.palette.length];
// what tells models apart beside their colours, from the first on whose colour is not enough
const modelSign = (k) => Math.floor((k + D.palette.length - D.plain) / D.palette.length) % 4;
const modelDash = (k) => ["", "6 3", "2 2", "8 2 2 2"][modelSign(k)];
const modelBorder = (k) => ["solid", "dashed", "dotted", "double"][modelSign(k)];
const modelSymbol = (k) => ["circle", "triangle", "diamond", "star"][modelSign(k)];

const knownAnywhere = remembered((values) =>
  d3.range(siteCount()).map((i) => d3.range(values.length).filter((k) => values[k][i] !== null)));
// which models have a value at a site
const knownAt = (i) => knownAnywhere(D.values)[i];

// a global method has one number a model, a local one a number a site
function weight(method, k, i, name = "mean") {
  const columns = D.weights[method]?.[name];
  if (!columns) return null;
  if (columns[k].length > 1) return columns[k][i];
  const known = knownAt(i);
  return known.length === D.models.length ? columns[k][0] : sharedWeight(method, k, known, name);
}

// a global method's weight where models have no value: the others' have the sum of all, in proportion or,
// where any is below 0, in equal parts, as in its predictions; null for the spreads of draws
function sharedWeight(method, k, known, name) {
  const at = (column, m) => D.weights[method][column][m][0];
  const all = d3.range(D.models.length);
  const sure = all.every((m) => at("sd", m) === 0);
  const signed = all.some((m) => at("q05", m) < 0 || at("mean", m) < 0);
  if (!known.includes(k) || (name !== "mean" && !sure)) return null;
  if (name === "sd") return 0;
  const [sum, part] = [all, known].map((models) => d3.sum(models, (m) => at("mean", m)));
  if (signed) return at("mean", k) + (sum - part) / known.length;
  return part > 0 ? at("mean", k) * sum / part : sum / known.length;
}

// weights of a method, if it has any; single models have none
const weighs = (method = state.method) => method in D.weights;

// discrepancy and noise of a method that has them
const partAt = (method, part, i) => D.parts[method]?.[part]?.[i] ?? null;

const residual = (method, i) => observed(i) === null || !hasLaw(method, i) ? null
  : observed(i) - law(method, "mean", i);

function deviations(method, i) {
  const gap = residual(method, i);
  return gap === null ? null : gap / law(method, "sd", i);
}

function modelRange(i) {
  const known = D.values.map((column) => column[i]).filter((v) => v !== null);
  return known.length ? Math.max(...known) - Math.min(...known) : null;
}

// exp of the entropy of the mean weights; free weights have none
function effective(method, i) {
  let entropy = 0;
  for (const k of knownAt(i)) {
    const w = weight(method, k, i);
    if (w === null || w < -1e-9) return null;
    if (w > 0) entropy -= w * Math.log(w);
  }
  return Math.exp(entropy);
}

function largestWeights(method, i, count) {
  const known = d3.range(D.models.length).filter((k) => weight(method, k, i) !== null);
  return known.sort((a, b) => weight(method, b, i) - weight(method, a, i)).slice(0, count);
}

const targetLabel = () => D.target.unit ? `${D.target.label} (${D.target.unit})` : D.target.label;
