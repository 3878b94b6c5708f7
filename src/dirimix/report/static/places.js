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

const rangeOf = (c) => d3.max(D.sites.x[c]) - d3.min(D.sites.x[c]) || 1;

const position = (c, i) => along(c, D.sites.x[c][i]);

// how an axis along a coordinate is drawn
function axis(c) {
  const coord = D.coords[c];
  const label = coord.unit ? `${coord.label} (${coord.unit})` : coord.label;
  const words = { label, labelArrow: "none" };
  if (coord.kind === "date") return { type: "utc", ...words };
  if (coord.kind === "category") {
    const ticks = d3.range(coord.levels.length);
    return { ...words, ticks, tickFormat: (k) => coord.levels[k] ?? "" };
  }
  if (coord.ends) return { type: "linear", ...words, tickFormat: (v) => degrees(v, coord.ends) };
  const plain = plainTicks(D.sites.x[c]);
  if (coord.round) return { type: "linear", ...words, tickFormat: (v) => (plain ?? String)(tableNumber(c, v)) };
  return { type: isWide(D.sites.x[c]) ? "log" : "linear", ...words, tickFormat: plain };
}

const isWide = (values) => {
  const [low, high] = d3.extent(values.filter((v) => v !== null));
  return low > 0 && high / low > 1000;
};

// years and other whole numbers need no thousands separator
const plainTicks = (values) => d3.max(values, Math.abs) < 1e5 ? (v) => `${+v.toPrecision(12)}` : undefined;
