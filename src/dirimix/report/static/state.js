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
  Object.assign(state, {
    method: D.main, second: "", less: D.less ? "mean" : "", colour: "mean", model: 0,
    site: D.start, along: D.along, across, up: D.axes[1] ?? across,
    region: D.coords.map(() => null), slides: D.coords.map(() => null),
  });
  recall();
  drawAll();
  // a link to another choice, followed where the page is open
  addEventListener("hashchange", () => {
    if (!isShared()) return;
    recall();
    drawAll();
    showExplore();
  });
  const [opened] = performance.getEntriesByType("navigation");
  // who comes back finds the page where it was left
  if (isShared() && opened?.type === "navigate") showExplore();
}

function drawAll() {
  for (const [, draw] of drawers) draw();
}

// whether the address holds a choice, and not the name of a section alone
const isShared = () => location.hash.startsWith("#explore;");

const showExplore = () => document.querySelector("#explore").scrollIntoView();

// what has a part a coordinate
const byCoordinate = {
  write: (parts) => parts.map((part) => part === null ? "" : [part].flat().join("_")).join("~"),
  read(word, isPart) {
    const parts = word.split("~").map((part) => part ? part.split("_").map(Number) : null);
    return parts.length === D.coords.length && parts.every((part, c) => !part || isPart(part, c)) ? parts : null;
  },
};

const KEPT = ["method", "second", "less", "colour", "model", "site", "along", "across", "up"];

function remember() {
  const words = KEPT.map((key) => `${key}=${encodeURIComponent(state[key])}`);
  for (const key of ["region", "slides"]) words.push(`${key}=${byCoordinate.write(state[key])}`);
  try {
    history.replaceState(null, "", `#explore;${words.join(";")}`);
  } catch {
    // a page that may not write its address works without
  }
}

function recall() {
  const given = Object.fromEntries(
    location.hash.split(";").slice(1).map((pair) => pair.split("=").map(decoded)),
  );
  const whole = (key, limit) => {
    const value = Number(given[key] || NaN);
    return Number.isInteger(value) && value >= 0 && value < limit;
  };
  if (whole("along", D.coords.length)) state.along = +given.along;
  if (["across", "up"].every((key) => whole(key, D.coords.length)) && given.across !== given.up)
    Object.assign(state, { across: +given.across, up: +given.up });
  if (whole("site", siteCount())) state.site = +given.site;
  if (whole("model", D.models.length)) state.model = +given.model;
  if (methodOf(given.method)) state.method = given.method;
  if (methodOf(given.second)) state.second = given.second;
  if (["", "mean"].includes(given.less)) state.less = given.less;
  if (quantities().some(([key]) => key === given.colour)) state.colour = given.colour;
  const isSpan = (part) => part.length === 2 && part.every(Number.isFinite);
  state.region = byCoordinate.read(given.region ?? "", isSpan) ?? state.region;
  const slides = byCoordinate.read(given.slides ?? "", ([at], c) => D.sites.x[c].includes(at));
  if (slides) state.slides = slides.map((part) => part && part[0]);
}

// a word of the address, nothing where it is broken
function decoded(word) {
  try {
    return decodeURIComponent(word);
  } catch {
    return "";
  }
}

const hasRegion = () => state.region.some((part) => part !== null);

function inRegion(i) {
  return state.region.every((part, c) => {
    const at = D.sites.x[c][i];
    return part === null || (at >= part[0] && at <= part[1]);
  });
}
