// Coverage and ranks of the observations among the quantiles, over the sites of the region.
function scoredSites() {
  const known = d3.range(siteCount()).filter((i) => observed(i) !== null && inRegion(i));
  const split = D.sites.split.some((s, i) => SPLITS[s] === "test" && observed(i) !== null) ? "test" : "train";
  return { sites: known.filter((i) => splitOf(i) === split), split };
}

// how many of some sites a method predicts, and which share of them an interval holds
function coverage(method, sites, low, high) {
  const known = sites.filter((i) => hasLaw(method, i));
  const inside = known.filter((i) => observed(i) >= law(method, low, i)
    && observed(i) <= law(method, high, i));
  return { n: known.length, share: inside.length / known.length };
}

// between which shares of n rows a calibrated method stays with 95 % probability
const calibratedShares = (level, n) => [0.025, 0.975].map((p) => binomialQuantile(p, n, level) / n);

// the least count whose distribution function reaches p, of n trials
function binomialQuantile(p, n, chance) {
  let [log, reached] = [n * Math.log1p(-chance), 0];
  for (let k = 0; k < n; k += 1) {
    reached += Math.exp(log);
    if (reached >= p) return k;
    log += Math.log(((n - k) / (k + 1)) * (chance / (1 - chance)));
  }
  return n;
}

function drawCalibration() {
  const box = document.querySelector("#calibration-figure");
  if (!box) return;
  const { sites, split } = scoredSites();
  const where = hasRegion() ? "in the region" : "in all";
  const title = element("p", { class: "panel-title", id: "calibration-title" },
    `${sites.length} ${split} rows ${where}`);
  if (sites.length < 5) {
    box.replaceChildren(title, element("p", { class: "hint" },
      "Fewer than five observations are too few to judge intervals by; choose a larger region."));
    return;
  }
  const rows = D.methods.flatMap(({ name, label, colour }) => LEVELS.map(([level, low, high]) => {
    const { n, share } = coverage(name, sites, low, high);
    const [least, most] = calibratedShares(level, n);
    return { name, label, colour, level, share, least, most };
  }));
  const half = box.clientWidth > 720 ? box.clientWidth / 2 - 12 : box.clientWidth;
  const own = sites.filter((i) => hasLaw(state.method, i));
  const pair = element("div", { class: "pair-of-figures" },
    element("div", {}, element("p", { class: "panel-title" }, `Ranks of the observations under ${methodLabel()}`),
      element("p", { class: "hint" }, "Flat at 1 is calibrated; high at both ends, intervals are too narrow; high in the middle, too wide; sloped, the predictions are off to one side."),
      rankPlot(own, half)),
    spreadPlot(state.method, own, half));
  box.replaceChildren(title, gapPlot(rows, box.clientWidth), pair, gapTable(rows));
}

const levelText = (level) => `${Math.round(100 * level)} % interval`;

function gapPlot(rows, width) {
  const widest = d3.max(D.methods, (m) => m.label.length);
  const narrow = width < 560;
  const room = Math.min(0.4 * width, 14 + LETTER * widest);
  const letters = Math.floor((room - 13) / LETTER); // a pixel for what division loses
  const fitted = (name) => name.length > letters ? `…${name.slice(1 - letters)}` : name; // ends tell variants apart
  const svg = drawn({
    width, height: (narrow ? 3 : 1) * (22 * D.methods.length) + (narrow ? 150 : 90),
    marginLeft: room, marginBottom: 40,
    ...(narrow ? { marginRight: 88 } : {}),
    x: { label: "share inside minus what it should be", labelArrow: "none", grid: true, ticks: narrow ? 3 : 5 },
    y: { type: "band", padding: 0, domain: D.methods.map((m) => m.label), label: null, tickFormat: fitted },
    ...(narrow ? { fy: { label: null, tickFormat: levelText } } : { fx: { label: null, tickFormat: levelText } }),
    ariaLabel: "Share of observations inside intervals minus what it should be, by method",
    marks: [
      Plot.barX(rows, { [narrow ? "fy" : "fx"]: "level", x1: (r) => r.least - r.level,
        x2: (r) => r.most - r.level, y: "label", fill: "currentColor", fillOpacity: 0.1 }),
      Plot.ruleX([0]),
      Plot.dot(rows, { [narrow ? "fy" : "fx"]: "level", x: (r) => r.share - r.level, y: "label", fill: "colour", r: 4,
        stroke: (r) => r.name === state.method ? "currentColor" : "none", strokeWidth: 2 }),
    ],
  });
  return svg;
}

// how many observations fall between neighbouring quantiles, against how many should
function rankPlot(sites, width) {
  const edges = [0, ...QUANTILES.map(([p]) => p), 1];
  const place = (i) => d3.sum(QUANTILES, ([, name]) => observed(i) > law(state.method, name, i) ? 1 : 0);
  const counts = d3.rollup(sites, (v) => v.length, place);
  const bins = d3.range(edges.length - 1).map((k) => ({
    low: edges[k], high: edges[k + 1],
    height: (counts.get(k) ?? 0) / sites.length / (edges[k + 1] - edges[k]),
  }));
  const svg = drawn({
    width: Math.min(width, 620), height: 210, marginLeft: 52, marginBottom: 40,
    x: { label: `where observations fall in the predictive law of ${methodLabel()}`, labelArrow: "none",
      domain: [0, 1] },
    y: { label: "density", labelArrow: "none", grid: true },
    ariaLabel: `Probability integral transform of ${sites.length} observations by ${methodLabel()}; `
      + "flat at 1 for a calibrated method",
    marks: [
      Plot.rectY(bins, { x1: "low", x2: "high", y1: 0, y2: "height", inset: 0.5,
        fill: methodOf(state.method).colour, fillOpacity: 0.7 }),
      Plot.ruleY([1], { strokeDasharray: "4 3" }), Plot.ruleY([0]),
    ],
  });
  return svg;
}

function gapTable(rows) {
  const lines = d3.group(rows, (r) => r.name);
  const heads = ["method", ...LEVELS.map(([level]) => `inside ${Math.round(100 * level)} %`)];
  return element("details", {}, element("summary", {}, "The same as numbers"),
    element("table", { class: "small", id: "calibration-table" },
      element("caption", {}, "Share inside; below it, where that of a calibrated method lies with 95 % probability"),
      element("thead", {}, element("tr", {}, ...heads.map((h) => element("th", { scope: "col" }, h)))),
      element("tbody", {}, ...[...lines].map(([name, of]) => element("tr", {},
        element("th", { scope: "row" }, methodLabel(name)),
        ...of.map((r) => element("td", { "data-value": r.share }, r.share.toFixed(2),
          element("small", {}, `${r.least.toFixed(2)} … ${r.most.toFixed(2)}`))))))));
}
