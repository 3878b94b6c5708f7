// Places along coordinates: where they are drawn, and how axes print them.
const modulo = (value, period) => value - period * Math.floor(value / period);

// a coordinate that comes round is drawn from where it is cut, so that no neighbours are torn apart
function drawnAt(c, value) {
  const { round } = D.coords[c];
  if (!round || (value >= round.start && value < round.start + round.period)) return value;
  return +(round.start + modulo(value - round.start, round.period)).toPrecision(12);
}

// the number by which the table names a place that is drawn there
function tableNumber(c, place) {
  const { round, given } = D.coords[c];
  if (!round) return place;
  return given.get(place) ?? round.low + modulo(place - round.low, round.period);
}

// sites as they are drawn, those of the table kept aside
function cutOpen() {
  for (const [c, coord] of D.coords.entries()) {
    if (!coord.round) continue;
    const values = D.sites.x[c];
    D.sites.x[c] = values.map((value) => drawnAt(c, value));
    coord.given = new Map(values.map((value, i) => [D.sites.x[c][i], value]));
  }
}

// the ends of a region as typed, in the table's numbers; all of it where they go once round
function readSpan(c, [from, to]) {
  const { round } = D.coords[c];
  if (!round) return [from, to];
  return Math.abs(to - from) >= round.period ? null : [drawnAt(c, from), drawnAt(c, to)];
}

// a longitude or latitude as maps print it
function degrees(value, ends) {
  const turned = modulo(value + 180, 360) - 180;
  const size = `${+Math.abs(turned).toPrecision(6)}`;
  return `${size}°${["0", "180"].includes(size) ? "" : ends[turned < 0 ? 1 : 0]}`;
}

// a coordinate as scales take it: dates as dates
function along(c, value) {
  return D.coords[c].kind === "date" ? new Date(value * DAY) : value;
}

const FEW_DAYS = 12; // of which every one has a tick, and no hour

const reach = remembered((values) => d3.max(values) - d3.min(values) || 1);
const rangeOf = (c) => reach(D.sites.x[c]);

const position = (c, i) => along(c, D.sites.x[c][i]);

// how an axis along a coordinate is drawn
function axis(c) {
  const coord = D.coords[c];
  const label = coord.unit ? `${coord.label} (${coord.unit})` : coord.label;
  const words = { label, labelArrow: "none" };
  if (coord.kind === "date") {
    const days = rangeOf(c) <= FEW_DAYS && D.sites.x[c].every(Number.isInteger);
    return { type: "utc", ...words, ...(days ? { ticks: "day" } : {}) };
  }
  if (coord.kind === "category") {
    const ticks = d3.range(coord.levels.length);
    return { ...words, ticks, tickFormat: (k) => shortText(coord.levels[k] ?? "") };
  }
  if (coord.ends) return { type: "linear", ...words, tickFormat: (v) => degrees(v, coord.ends) };
  const plain = plainTicks(D.sites.x[c]);
  if (coord.round) return { type: "linear", ...words, tickFormat: (v) => (plain ?? String)(tableNumber(c, v)) };
  return { type: isWide(D.sites.x[c]) ? "log" : "linear", ...words, tickFormat: plain };
}

const LETTER = 6.6; // pixels of a letter of a tick, about

const longestLevel = (c) => LETTER * d3.max(D.coords[c].levels, (level) => shortText(level).length);

// how much room the ticks of an upward axis take
const leftOf = (c) => D.coords[c].kind === "category" ? Math.max(52, 14 + longestLevel(c)) : 52;

// the size of a figure and its axis across, whose labels lean where they would lie over each other
function axisAcross(c, width, height) {
  if (D.coords[c].kind !== "category")
    return { width, height, marginBottom: 40, marginLeft: 52, marginRight: 20, x: axis(c) };
  const longest = longestLevel(c);
  const leans = D.coords[c].levels.length * (longest + 8) > width - 72;
  const below = leans ? 0.65 * longest : 0;
  return { width, height: height + below, marginBottom: 40 + below,
    marginLeft: Math.max(52, (leans ? 0.75 : 0.5) * longest),
    marginRight: leans ? 20 : Math.max(20, 0.5 * longest),
    x: leans ? { ...axis(c), tickRotate: -40 } : axis(c) };
}

// whether values want a logarithmic axis: four fifths of them span two decades or more
const isWide = remembered((values) => {
  const known = d3.sort(values.filter((v) => v !== null));
  return known[0] > 0 && d3.quantileSorted(known, 0.9) / d3.quantileSorted(known, 0.1) > 100;
});

function remembered(make) {
  const made = new WeakMap();
  return (key) => {
    if (!made.has(key)) made.set(key, make(key));
    return made.get(key);
  };
}

// years and other whole numbers need no thousands separator
const plainTicks = (values) => d3.max(values, Math.abs) < 1e5 ? (v) => `${+v.toPrecision(12)}` : undefined;
