// The section: prediction, models and observations along one coordinate through the chosen site.
const NEAR = 25; // sites that are shown where none lie on the line
const BEYOND = 3; // heights of a section without its farthest bands, from which on these are cut off

let line = {}; // the last one, which the figures of the section and of the weights share

function lineThrough(site, c) {
  if (line.site !== site || line.c !== c) line = { site, c, ...findLine(site, c) };
  return line;
}

// the sites of a section along a coordinate, in order, and whether they have all others in common; as in
// `opening/line.py`
function findLine(site, c) {
  const all = d3.range(siteCount());
  const others = d3.range(D.coords.length).filter((k) => k !== c);
  const numbers = others.filter((k) => !isLabels(k));
  const order = (sites) => sites.sort((a, b) => D.sites.x[c][a] - D.sites.x[c][b]);
  const sameAs = (coords) => (i) => coords.every((k) => D.sites.x[k][i] === D.sites.x[k][site]);
  const places = (sites) => new Set(sites.map((i) => D.sites.x[c][i])).size;
  const onLine = all.filter(sameAs(others));
  const many = Math.min(5, Math.max(3, Math.ceil(Math.sqrt(siteCount()) / 2))); // of many sites three are no line
  if (places(onLine) >= Math.min(many, places(all)) || !numbers.length) return { sites: order(onLine), exact: true };
  // labels are never mixed: they have no distance
  const alike = all.filter(sameAs(others.filter(isLabels)));
  const far = (i) => d3.sum(numbers, (k) => ((D.sites.x[k][i] - D.sites.x[k][site]) / rangeOf(k)) ** 2);
  const nearest = d3.sort(alike, far).slice(0, NEAR);
  return { sites: order(nearest), exact: nearest.every(sameAs(others)) };
}

const isLabels = (c) => D.coords[c].kind === "category";

// rows without coordinates stand in the order of their prediction
function rankedRows() {
  const sites = d3.range(siteCount());
  return d3.sort(sites, (i) => law(state.method, "mean", i));
}

// what is taken off all values of a site, so that small differences are seen
function offset(i) {
  return state.less === "mean" ? d3.mean(D.values, (column) => column[i]) ?? NaN : 0;
}

function sectionPlan() {
  const c = state.along;
  if (!D.coords.length) {
    const sites = rankedRows();
    const rank = new Map(sites.map((i, r) => [i, r + 1]));
    return { sites, exact: false, joined: false, x: (i) => rank.get(i), all: true,
      across: (width, height) => ({ width, height, marginBottom: 40, marginLeft: 52,
        x: { label: "rows in the order of their prediction", labelArrow: "none" } }), lines: [] };
  }
  const { sites, exact } = lineThrough(state.site, c);
  // labels have no order in which values could change
  const joined = exact && sites.length > 1 && !isLabels(c);
  return { sites, exact, joined, x: (i) => position(c, i), across: (width, height) => axisAcross(c, width, height),
    all: D.coords.length === 1,
    lines: ruleMarks(c, Plot.ruleX, "x", sites) };
}

function bandMarks(plan, method, colour) {
  const { sites, x, joined } = plan;
  const q = (name) => (i) => law(method, name, i) - offset(i);
  if (joined) {
    return [
      Plot.areaY(sites, { x, y1: q("q05"), y2: q("q95"), fill: colour, fillOpacity: 0.18 }),
      Plot.areaY(sites, { x, y1: q("q25"), y2: q("q75"), fill: colour, fillOpacity: 0.3 }),
      Plot.lineY(sites, { x, y: q("mean"), stroke: colour, strokeWidth: 2 }),
    ];
  }
  return [
    Plot.ruleX(sites, { x, y1: q("q05"), y2: q("q95"), stroke: colour, strokeOpacity: 0.3 }),
    Plot.ruleX(sites, { x, y1: q("q25"), y2: q("q75"), stroke: colour, strokeWidth: 2.5,
      strokeOpacity: 0.5 }),
  ];
}

function modelMarks({ sites, x, joined }) {
  return D.models.map((model, k) => {
    // a model's table may end before the others'
    const y = (i) => (D.values[k][i] ?? NaN) - offset(i);
    return joined
      ? Plot.lineY(sites, { x, y, stroke: modelColour(k), strokeWidth: 0.9,
        strokeDasharray: modelDash(k) })
      : Plot.dot(sites, { x, y, r: 1.4, fill: modelColour(k), symbol: modelSymbol(k) });
  });
}

function seenMarks({ sites, x }) {
  const seen = sites.filter((i) => observed(i) !== null);
  const bars = seen.filter((i) => D.sites.error[i]);
  const of = (split) => seen.filter((i) => splitOf(i) === split);
  const y = (i) => observed(i) - offset(i);
  return [
    Plot.ruleX(bars, { x, y1: (i) => y(i) - D.sites.error[i], y2: (i) => y(i) + D.sites.error[i],
      stroke: "currentColor" }),
    Plot.dot(of("train"), { x, y, r: 2.6, fill: "currentColor" }),
    Plot.dot(of("test"), { x, y, r: 4, symbol: "square", fill: "var(--page)",
      stroke: "currentColor", strokeWidth: 1.4 }),
  ];
}

// models may run far off; the view keeps to the prediction and what was seen, but for a few bands
// far beyond all others, as in `law_plots.py:view_of`
function viewOf(sites) {
  const ends = (name) => sites.map((i) => law(state.method, name, i) - offset(i));
  const seen = sites.filter((i) => observed(i) !== null).map((i) => observed(i) - offset(i));
  const known = [...ends("q025"), ...ends("q975"), ...seen];
  if (isWide(known)) return { type: "log" };
  const most = [d3.quantile(ends("q05"), 0.05), d3.quantile(ends("q95"), 0.95)];
  const [all, near] = [d3.extent(known), d3.extent([...most, ...seen])];
  const cut = all[1] - all[0] > BEYOND * (near[1] - near[0]);
  const [low, high] = cut ? near : all;
  return { cut, domain: [low - 0.05 * (high - low), high + 0.05 * (high - low)] };
}

function drawSection() {
  const box = document.querySelector("#section-figure");
  if (!box) return;
  const plan = sectionPlan();
  const { sites, x } = plan;
  const width = box.clientWidth;
  const colour = "var(--method)";
  const second = state.second && state.second !== state.method ? state.second : null;
  const q = (name) => (i) => law(second, name, i) - offset(i);
  const dashed = { x, stroke: "var(--ink)", strokeDasharray: "5 3" };
  const { cut, ...view } = viewOf(sites);
  const frame = plan.across(width, Math.max(240, Math.min(0.55 * width, plan.all ? 460 : 340)));
  const svg = drawn({
    ...frame, clip: true, x: { ...frame.x, inset: 5 },
    y: { label: state.less ? `${targetLabel()}, less the models' mean` : targetLabel(), labelArrow: "none", grid: true, ...view },
    ariaLabel: sectionSays(plan),
    marks: [
      ...plan.lines, ...modelMarks(plan), ...bandMarks(plan, state.method, colour),
      ...(second && plan.joined
        ? [["mean", 1.6], ["q05", 0.9], ["q95", 0.9]].map(([name, strokeWidth]) =>
          Plot.lineY(sites, { ...dashed, y: q(name), strokeWidth })) : []),
      ...seenMarks(plan),
      Plot.ruleX([state.site], { x, stroke: "currentColor", strokeOpacity: 0.5 }),
    ],
  });
  svg.style.setProperty("--method", methodOf(state.method).colour);
  const title = D.coords.length > 1
    ? `${targetLabel()} along ${D.coords[state.along].label}${besideText(plan)}` : targetLabel();
  const said = cut ? `${title}; a few bands lie far beyond and are cut off` : title;
  box.replaceChildren(element("p", { class: "panel-title" }, said), modelKey(), svg);
  const [sx, sy] = [svg.scale("x"), svg.scale("y")];
  const places = sites.map((i) => ({
    i, x: sx.apply(x(i)), y: sy.apply(law(state.method, "mean", i) - offset(i)),
  }));
  const onBrush = D.coords.length === 1 ? (start, end) =>
    set({ region: [spanOf(sx, 0, start[0], end[0])] }) : null;
  pointable(box, svg, places, { onlyX: true, onBrush });
}

// what the sites of a section have in common, or how far they are from it
function besideText({ sites, exact }) {
  const others = d3.range(D.coords.length).filter((k) => k !== state.along);
  const name = (k, text) => `${D.coords[k].label} ${text}`;
  const at = others.map((k) => name(k, `= ${coordinateText(k, D.sites.x[k][state.site])}`)).join(", ");
  if (exact) return ` at ${at}`;
  const spans = others.filter((k) => !isLabels(k)).map((k) =>
    name(k, d3.extent(sites, (i) => D.sites.x[k][i]).map((v) => coordinateText(k, v)).join(" to ")));
  return `, too few sites at ${at}: the ${sites.length} nearest, of ${spans.join(", ")}`;
}

function sectionSays({ sites }) {
  const seen = sites.filter((i) => observed(i) !== null);
  const inside = seen.filter((i) => observed(i) >= law(state.method, "q05", i)
    && observed(i) <= law(state.method, "q95", i));
  return `Section of ${targetLabel()}: ${inside.length} of ${seen.length} observations lie inside `
    + `the 90 % interval of ${methodLabel()}`;
}

function modelKey() {
  const item = (colour, dash, text) => {
    const mark = element("i", { style: `border-top-color:${colour};border-top-style:${dash}` });
    return element("span", {}, mark, text);
  };
  const models = D.models.map((m, k) => item(modelColour(k), modelBorder(k), m.label));
  return element("p", { class: "key" }, ...models);
}
