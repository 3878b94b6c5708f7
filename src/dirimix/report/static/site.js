// One site: its predictive density, the models with their weights, the observation.
const MOST_WEIGHTS = 10; // that are shown at once
const LINE = 13; // pixels of a line of letters

function drawSite() {
  const box = document.querySelector("#site-figure");
  if (!box) return;
  const { method, site } = state;
  const q = QUANTILES.map(([, name]) => law(method, name, site));
  // between stored quantiles the density is drawn flat: what is known is the mass there
  const predicted = hasLaw(method, site);
  const steps = (predicted ? d3.pairs(q) : []).map(([low, high], k) => ({
    low, high, height: high > low ? (QUANTILES[k + 1][0] - QUANTILES[k][0]) / (high - low) : 0,
  }));
  const top = d3.max(steps, (s) => s.height) || 1;
  const known = knownAt(site);
  const height = (k) => weight(method, k, site) ?? 0;
  const seen = observed(site);
  const error = D.sites.error[site] || 0;
  const spread = q[6] - q[0] || 1;
  const shown = known.filter((k) => !predicted || (D.values[k][site] > q[0] - 2 * spread
    && D.values[k][site] < q[6] + 2 * spread));
  // free weights may be of any size
  const [least, most] = d3.extent([0, 1, ...shown.map(height)]);
  const [floor, ceiling] = [least - 0.05 * (least < 0) * (most - least), most + 0.05 * (most - least)];
  const named = weighs(method) ? largestWeights(method, site, 2) : [methodOf(method).model];
  const [from, to] = d3.extent([q[0], q[6], ...shown.map((k) => D.values[k][site])]);
  const anchorAt = (value) => value < from + 0.2 * (to - from) ? "start" : value > to - 0.2 * (to - from) ? "end" : "middle";
  const labelled = named.filter((k) => shown.includes(k));
  // the second label stands above the first where it would lie over it
  const raised = (k) => {
    const [first] = labelled;
    const room = LETTER * d3.max([first, k], (m) => shortText(D.models[m].label).length);
    const beside = Math.abs(D.values[k][site] - D.values[first][site]) / (to - from || 1) * (box.clientWidth - 54);
    const below = (height(first) - height(k)) / (ceiling - floor) * 166;
    return k !== first && beside < room && below < LINE ? below + LINE : 0;
  };
  const said = siteLines(method, site).map((pair) => pair.join(" ")).join(", ");
  const svg = drawn({
    width: box.clientWidth, height: 230, marginBottom: 40, marginTop: 24, marginLeft: 34,
    x: { label: targetLabel(), labelArrow: "none" },
    y: weighs(method) ? { label: "weight of a model", labelArrow: "none", domain: [floor, ceiling], ticks: 3 }
      : { label: null, domain: [floor, ceiling], ticks: [] },
    ariaLabel: `Predictive density at ${siteText(site)}: ${said}`,
    marks: [
      Plot.rectY(steps, { x1: "low", x2: "high", y1: 0, y2: (s) => most * s.height / top,
        fill: methodOf(method).colour, fillOpacity: 0.3 }),
      ...(seen !== null && error ? [Plot.rect([0], { x1: seen - error, x2: seen + error, y1: floor,
        y2: ceiling, fill: "currentColor", fillOpacity: 0.15 })] : []),
      ...(seen !== null ? [Plot.ruleX([seen], { stroke: "currentColor", strokeWidth: 2.2 })] : []),
      Plot.ruleX(shown, { x: (k) => D.values[k][site], y1: 0, y2: height,
        stroke: (k) => modelColour(k), strokeWidth: 3 }),
      Plot.dot(shown, { x: (k) => D.values[k][site], y: height, r: 3.4,
        fill: (k) => modelColour(k), symbol: (k) => modelSymbol(k) }),
      ...labelled.map((k) => Plot.text([k], { x: D.values[k][site], y: height(k), dy: -8 - raised(k), fontSize: 11,
        textAnchor: anchorAt(D.values[k][site]), text: [shortText(D.models[k].label)] })),
      Plot.ruleY([0]),
    ],
  });
  const list = element("dl", { class: "site" });
  for (const [name, text] of siteLines(method, site))
    list.append(element("dt", {}, name), element("dd", { "data-of": name }, text));
  const where = splitOf(site) === "landscape" ? "not observed" : `${splitOf(site)} row`;
  box.replaceChildren(
    element("p", { class: "panel-title", id: "site-title" }, `${siteText(site)} (${where})`),
    ...[svg, list, siteWeights(method, site), waterfall(method, site, box.clientWidth)].filter((part) => part),
  );
  document.querySelector("#said").textContent = `${siteText(site)}: ${said}`;
}

const spread = (sd) => sd === null ? "–" : `±\u00a0${number(sd)}`;

function siteWeights(method, site) {
  const weighted = weighs(method);
  const all = d3.range(D.models.length);
  const largest = weighted ? largestWeights(method, site, all.length) : all;
  const listed = [...largest, ...all.filter((k) => !largest.includes(k))];
  const rows = listed.map((k) => element("tr", {},
    element("th", { scope: "row" }, D.models[k].label),
    element("td", {}, number(D.values[k][site])),
    ...(weighted ? [element("td", {}, number(weight(method, k, site))),
      element("td", {}, spread(weight(method, k, site, "sd")))] : [])));
  const table = (own) => element("table", { class: "small" },
    element("thead", {}, element("tr", {},
      ...["model", "value", ...(weighted ? ["weight", "sd"] : [])].map((h) => element("th", { scope: "col" }, h)))),
    element("tbody", {}, ...own));
  const first = rows.slice(0, rows.length > MOST_WEIGHTS + 2 ? MOST_WEIGHTS : rows.length);
  const others = rows.slice(first.length);
  return element("div", {}, table(first), others.length ? element("details", {},
    element("summary", {}, `${others.length} ${weighted ? "models with smaller weights" : "more models"}`), table(others)) : null);
}

// Mean weights along the section, with their 90 % bands
function drawWeights() {
  const box = document.querySelector("#weights-figure");
  if (!box) return;
  box.parentElement.hidden = !weighs();
  if (!weighs()) return;
  const { sites, x, across, joined, exact } = sectionPlan();
  const { method } = state;
  const models = d3.range(D.models.length);
  const w = (k, name) => (i) => weight(method, k, i, name);
  // bands of all models would hide each other
  const banded = largestWeights(method, state.site, 2);
  const free = models.some((k) => sites.some((i) => w(k, "mean")(i) < -0.001 || w(k, "mean")(i) > 1.001));
  const svg = drawn({
    ...across(box.clientWidth, 240),
    y: { label: "weight", labelArrow: "none", grid: true, ...(free ? {} : { domain: [0, 1] }) },
    ariaLabel: `Weights of the models along the section by ${methodLabel(method)}; at the chosen site largest: `
      + weightText(method, state.site, 2),
    marks: [
      ...models.flatMap((k) => joined ? [
        ...(banded.includes(k) ? [Plot.areaY(sites, { x, y1: w(k, "q05"), y2: w(k, "q95"),
          fill: modelColour(k), fillOpacity: 0.16 })] : []),
        Plot.lineY(sites, { x, y: w(k, "mean"), stroke: modelColour(k), strokeWidth: 1.6,
          strokeDasharray: modelDash(k) }),
      ] : [Plot.dot(sites, { x, y: w(k, "mean"), r: 2, fill: modelColour(k), symbol: modelSymbol(k) })]),
      Plot.ruleX([state.site], { x, stroke: "currentColor", strokeOpacity: 0.5 }),
    ],
  });
  const where = exact ? "along the same line" : "at the same sites";
  const bands = joined ? ", with 90 % bands of the two largest" : "";
  box.replaceChildren(element("p", { class: "panel-title" }, `Weights ${where}${bands}`), svg);
}

// The fifteen observations that are farthest from their prediction
function drawWorst() {
  const box = document.querySelector("#worst-figure");
  if (!box) return;
  const known = d3.range(siteCount()).filter((i) => deviations(state.method, i) !== null && inRegion(i));
  const worst = d3.sort(known, (i) => -Math.abs(deviations(state.method, i))).slice(0, 15);
  const rows = worst.map((i) => element("tr", {},
    element("th", { scope: "row" },
      element("button", { type: "button", class: "link", onclick: () => set({ site: i }) }, siteText(i))),
    element("td", { class: "less" }, splitOf(i)), element("td", {}, number(observed(i))),
    element("td", {}, number(law(state.method, "mean", i))),
    element("td", {}, number(deviations(state.method, i), 2))));
  const heads = ["site", "rows", "observed", "predicted", "z"].map((h) =>
    element("th", { scope: "col", class: h === "rows" ? "less" : "" }, h));
  box.replaceChildren(
    element("p", { class: "panel-title" }, `The ${worst.length} observations farthest from their prediction`),
    element("table", { class: "small" }, element("thead", {}, element("tr", {}, ...heads)),
      element("tbody", {}, ...rows)));
}
