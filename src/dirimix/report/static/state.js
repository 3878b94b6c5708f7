// What is shown, kept in the address of the page, and who draws what of it.
const state = {};
const drawers = []; // [keys of the state that matter, function that draws]

function drawsOn(keys, draw) {
  drawers.push([keys, draw]);
}

function set(changes) {
  const changed = Object.keys(changes).filter((key) => state[key] !== changes[key]);
  Object.assign(state, changes);
  if (changed.length) {
    for (const [keys, draw] of drawers) if (keys.some((key) => changed.includes(key))) draw();
    // after what was chosen is in sight: browsers take 15 ms for an address
    clearTimeout(waiting);
    waiting = setTimeout(remember, 50);
  }
}

let waiting;

function begin() {
  const across = D.axes[0] ?? 0;
  // sections run along what has an order
  const along = D.axes.find((c) => D.coords[c].kind !== "category") ?? across;
  Object.assign(state, {
    method: D.main, second: "", less: "", colour: "mean", model: 0, site: D.start, along,
    across, up: D.axes[1] ?? across,
    region: D.coords.map(() => null), slides: D.coords.map(() => null),
  });
  recall();
  for (const [, draw] of drawers) draw();
}

const KEPT = ["method", "second", "less", "colour", "model", "site", "along", "across", "up"];

function remember() {
  const words = KEPT.map((key) => `${key}=${encodeURIComponent(state[key])}`);
  const region = state.region.map((part) => part ? part.join("_") : "").join("~");
  try {
    history.replaceState(null, "", `#explore;${words.join(";")};region=${region}`);
  } catch {
    // a page that may not write its address works without
  }
}

function recall() {
  const given = Object.fromEntries(
    location.hash.split(";").slice(1).map((pair) => pair.split("=").map(decodeURIComponent)),
  );
  const whole = (key, limit) => {
    const value = Number(given[key]);
    return key in given && Number.isInteger(value) && value >= 0 && value < limit;
  };
  for (const key of ["along", "across", "up"]) if (whole(key, D.coords.length)) state[key] = +given[key];
  if (whole("site", siteCount())) state.site = +given.site;
  if (whole("model", D.models.length)) state.model = +given.model;
  if (methodOf(given.method)) state.method = given.method;
  if (methodOf(given.second)) state.second = given.second;
  if (given.less === "mean") state.less = "mean";
  if (quantities().some(([key]) => key === given.colour)) state.colour = given.colour;
  const parts = (given.region ?? "").split("~").map((part) => part ? part.split("_").map(Number) : null);
  if (parts.length === D.coords.length && parts.every((p) => !p || p.every(Number.isFinite)))
    state.region = parts;
}

const hasRegion = () => state.region.some((part) => part !== null);

function inRegion(i) {
  return state.region.every((part, c) => {
    const at = D.sites.x[c][i];
    return part === null || (at >= part[0] && at <= part[1]);
  });
}
