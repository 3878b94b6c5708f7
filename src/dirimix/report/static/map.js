// The map: every site of the two chosen coordinates, coloured by one quantity.
const SPARSE = 20; // places of the smallest lattice a site, above which sites are no lattice
const SCATTERED = 1.5; // edges a site, above which an outline would hide the cells
const FAR_OFF = 2.5; // residuals in standard deviations that are crossed

// half the steps of the lattice on which sites lie, or null
function halfSteps(sites) {
  const places = [state.across, state.up].map((c) =>
    [...new Set(sites.map((i) => D.sites.x[c][i]))].sort((a, b) => a - b));
  if (places.some((p) => p.length < 2)) return null;
  if ([state.across, state.up].some((c) => axis(c).type === "log")) return null;
  const steps = places.map((p) => d3.min(d3.pairs(p, (a, b) => b - a)));
  const [columns, lines] = places.map((p, n) => (p.at(-1) - p[0]) / steps[n] + 1);
  return columns * lines > SPARSE * sites.length ? null : steps.map((step) => step / 2);
}

// where coordinates that are not on the map stand on their sliders
function onMap(i) {
  return state.slides.every((value, c) =>
    value === null || c === state.across || c === state.up || D.sites.x[c][i] === value);
}

function corners(i, half) {
  const [x, y] = [D.sites.x[state.across][i], D.sites.x[state.up][i]];
  return { x1: along(state.across, x - half[0]), x2: along(state.across, x + half[0]),
    y1: along(state.up, y - half[1]), y2: along(state.up, y + half[1]) };
}

// the edges that only one of the cells has
function outline(sites, half) {
  const edges = new Map();
  const seen = new Set();
  for (const i of sites) {
    const { x1, x2, y1, y2 } = corners(i, half);
    const cell = `${+x1},${+y1}`;
    if (seen.has(cell)) continue; // several rows at one site
    seen.add(cell);
    for (const edge of [[x1, y1, x2, y1], [x1, y2, x2, y2], [x1, y1, x1, y2], [x2, y1, x2, y2]]) {
      const key = edge.map((v) => (+v).toPrecision(10)).join();
      edges.set(key, edges.has(key) ? null : edge);
    }
  }
  return [...edges.values()].filter((edge) => edge);
}

// lines for reference, where there are sites
const ruleMarks = (c, rule, channel, sites) => D.coords[c].lines.map((at) => drawnAt(c, at)).filter((at) => {
  const [low, high] = d3.extent(sites, (i) => D.sites.x[c][i]);
  return at >= low && at <= high;
}).map((at) => rule([along(c, at)], { [channel]: (d) => d, stroke: "currentColor", strokeDasharray: "2 4",
    strokeOpacity: 0.7 }));

function mapMarks(sites, values, half) {
  const { across, up } = state;
  const x = (i) => position(across, i);
  const y = (i) => position(up, i);
  const fill = (i) => values[i];
  const trained = sites.filter((i) => splitOf(i) === "train");
  const tested = sites.filter((i) => splitOf(i) === "test");
  const far = sites.filter((i) => Math.abs(deviations(state.method, i) ?? 0) > FAR_OFF);
  const cells = half
    ? Plot.rect(sites, { x1: (i) => corners(i, half).x1, x2: (i) => corners(i, half).x2,
      y1: (i) => corners(i, half).y1, y2: (i) => corners(i, half).y2, fill, stroke: fill,
      strokeWidth: 0.4 })
    : Plot.dot(sites, { x, y, fill, r: 4 });
  const edges = half ? outline(trained, half) : [];
  const edge = half && edges.length < SCATTERED * trained.length
    ? [["var(--page)", 3.2], ["var(--ink)", 1.2]].map(([stroke, strokeWidth]) =>
      Plot.link(edges, { x1: (e) => e[0], y1: (e) => e[1], x2: (e) => e[2],
        y2: (e) => e[3], stroke, strokeWidth, strokeLinecap: "square" }))
    : half
      ? [Plot.dot(trained, { x, y, r: 1.5, fill: "black", stroke: "white", strokeWidth: 0.8 })]
      : [Plot.dot(trained, { x, y, r: 4, stroke: "currentColor", strokeWidth: 0.8 })];
  const square = { x, y, symbol: "square", r: half ? 3.2 : 5.5, fill: "none" };
  return [
    cells, ...edge,
    ...ruleMarks(across, Plot.ruleX, "x", sites), ...ruleMarks(up, Plot.ruleY, "y", sites),
    Plot.dot(tested, { ...square, stroke: "white", strokeWidth: 2.4 }),
    Plot.dot(tested, { ...square, stroke: "black", strokeWidth: 1 }),
    Plot.dot(far, { x, y, symbol: "times", r: 5, stroke: "white", strokeWidth: 3.4 }),
    Plot.dot(far, { x, y, symbol: "times", r: 5, stroke: "#b3261e", strokeWidth: 1.8 }),
  ];
}

// a degree north is as long as one east at the map's middle
function mapHeight(width, sites) {
  const [east, north] = D.geo;
  if (east !== state.across || north !== state.up || !sites.length) return Math.max(260, Math.min(0.66 * width, 460));
  const [spanEast, spanNorth] = [east, north].map((c) => {
    const [low, high] = d3.extent(sites, (i) => D.sites.x[c][i]);
    return high - low || 1;
  });
  const middle = d3.mean(d3.extent(sites, (i) => D.sites.x[north][i]));
  const shape = spanNorth / (spanEast * Math.max(0.2, Math.cos(middle * Math.PI / 180)));
  return Math.max(220, Math.min(shape * (width - 72) + 60, 560));
}

function spanSays(values) {
  const known = values.filter((v) => typeof v === "number");
  return known.length ? `, from ${number(d3.min(known))} to ${number(d3.max(known))}` : "";
}

let mapFigure = null; // the drawn map, and where its sites stand

function drawMap() {
  const box = document.querySelector("#map-figure");
  if (!box || D.coords.length < 2) return;
  const sites = d3.range(siteCount()).filter(onMap);
  const values = D.sites.split.map((_, i) => quantity(i));
  const half = halfSteps(sites);
  const width = box.clientWidth;
  const color = colourScale(values);
  const frame = axisAcross(state.across, width, mapHeight(width, sites));
  const svg = drawn({
    ...frame, marginLeft: Math.max(frame.marginLeft, leftOf(state.up)), y: axis(state.up), color,
    ariaLabel: `Map of ${quantityLabel()} by ${methodLabel()}${spanSays(values)}`,
    marks: mapMarks(sites, values, half),
  });
  const legend = Plot.legend({ color, width: Math.min(340, width - 10), marginLeft: 12, marginRight: 16, label: null });
  box.replaceChildren(element("p", { class: "panel-title" }, quantityLabel()), legend, svg);
  const [sx, sy] = ["x", "y"].map((name) => svg.scale(name));
  const places = sites.map((i) => ({
    i, x: sx.apply(position(state.across, i)), y: sy.apply(position(state.up, i)),
  }));
  const overlay = pointable(box, svg, places, { onBrush: (start, end) => {
    const region = state.region.slice();
    region[state.across] = spanOf(sx, state.across, start[0], end[0]);
    region[state.up] = spanOf(sy, state.up, start[1], end[1]);
    set({ region });
  } });
  mapFigure = { overlay, sx, sy, half };
  markMap();
}

// the chosen site and region, drawn over the map without drawing it again
function markMap() {
  if (!mapFigure) return;
  const { overlay, sx, sy, half } = mapFigure;
  const at = [sx.apply(position(state.across, state.site)), sy.apply(position(state.up, state.site))];
  const size = half ? 7 : 8;
  overlay.selectAll(".chosen").data(["white", "black"]).join("rect").attr("class", "chosen")
    .attr("x", at[0] - size).attr("y", at[1] - size).attr("width", 2 * size).attr("height", 2 * size)
    .attr("fill", "none").attr("stroke", (d) => d).attr("stroke-width", (d) => d === "white" ? 4 : 2);
  const parts = [[state.across, sx], [state.up, sy]].map(([c, scale]) => {
    const part = state.region[c];
    const ends = part ? part.map((v) => scale.apply(along(c, v))) : scale.range;
    return [Math.min(...ends), Math.max(...ends)];
  });
  overlay.selectAll(".region").data(hasRegion() ? [0] : []).join("rect").attr("class", "region")
    .attr("x", parts[0][0]).attr("width", parts[0][1] - parts[0][0])
    .attr("y", parts[1][0]).attr("height", parts[1][1] - parts[1][0]);
}
