// The choices above the figures.
function fill(box, options, value) {
  box.replaceChildren(...options.map(([key, text]) => element("option", { value: key }, text)));
  box.value = value;
}

function select(id, options, key, change = (value) => ({ [key]: value })) {
  const box = document.querySelector(id);
  if (!box) return;
  fill(box, options, "");
  box.onchange = () => set(change(box.value));
  drawsOn([key], () => { box.value = `${state[key]}`; });
}

function makeControls() {
  const methods = D.methods.map((m) => [m.name, m.converged ? m.label : `${m.label} (not converged)`]);
  const coords = D.coords.map((c, k) => [`${k}`, c.label]);
  const index = (key) => (value) => ({ [key]: Number(value) });
  select("#choose-method", methods, "method");
  select("#choose-second", [["", "none"], ...methods], "second");
  select("#choose-less", [["", "values"], ["mean", "less the models' mean"]], "less");
  select("#choose-colour", quantities(), "colour");
  drawsOn(["method"], () => {
    // what there is to choose depends on the method
    if (!quantities().some(([key]) => key === state.colour)) set({ colour: "mean" });
    fill(document.querySelector("#choose-colour"), quantities(), state.colour);
  });
  select("#choose-model", D.models.map((m, k) => [`${k}`, m.label]), "model", index("model"));
  select("#choose-along", coords, "along", index("along"));
  // the two axes of a map are never one coordinate
  const axes = (key, other) => (value) => Number(value) === state[other]
    ? { [key]: Number(value), [other]: state[key] } : { [key]: Number(value) };
  select("#choose-across", coords, "across", axes("across", "up"));
  select("#choose-up", coords, "up", axes("up", "across"));
  drawsOn(["colour"], () => {
    document.querySelector("#model-choice").hidden = !state.colour.startsWith("weight");
  });
  const several = (id, count) => document.querySelector(id)?.toggleAttribute("hidden", D.coords.length < count);
  several("#along-choice", 2);
  several("#colour-choice", 2);
  several("#axes-choice", 3);
  several("#map-panel", 2);
  several("#find-choice", D.names ? 0 : 1);
  several("#region-choice", 1);
}

// one slider a coordinate that is not on the map, at one of its values or at all
function drawSliders() {
  const box = document.querySelector("#sliders");
  const rest = d3.range(D.coords.length).filter((c) => c !== state.across && c !== state.up);
  box.replaceChildren(...(D.coords.length < 3 ? [] : rest.map((c) => {
    const values = [...new Set(D.sites.x[c])].sort((a, b) => a - b);
    const at = state.slides[c] === null ? 0 : values.indexOf(state.slides[c]) + 1;
    const words = (k) => k ? coordinateText(c, values[k - 1]) : "all";
    const said = element("output", {}, words(at));
    const slider = element("input", { type: "range", min: 0, max: values.length, value: at,
      "aria-label": `${D.coords[c].label} of the sites on the map`,
      oninput: () => { said.textContent = words(+slider.value); },
      onchange: () => set({ slides: state.slides.map((v, k) =>
        k === c ? (+slider.value ? values[+slider.value - 1] : null) : v) }) });
    return element("label", {}, `${D.coords[c].label}: `, said, slider);
  })));
}

const readCoordinate = (c, text) => {
  const { kind, levels } = D.coords[c];
  const given = text.trim();
  if (given === "") return NaN;
  if (kind === "category") return levels.includes(given) ? levels.indexOf(given) : NaN;
  return kind === "date" ? +(readDate(given) / DAY).toPrecision(DIGITS) : Number(given.replace("−", "-"));
};

// dates of the table have no time zone, and those that a reader writes need none
function readDate(text) {
  const zoned = /(z|utc|gmt|:\d\d(\.\d+)? ?[+-]\d\d:?\d\d)$/i.test(text);
  const forms = zoned || /^[\d-]+$/.test(text) ? [text] : [`${text.replace(" ", "T")}Z`, `${text} UTC`];
  return forms.map((form) => Date.parse(form)).find(Number.isFinite) ?? NaN;
}

// the site of a name, or the first whose name begins with it or holds it
function named(text) {
  const wanted = text.trim().toLowerCase();
  const names = D.sites.name.map((name) => name.toLowerCase());
  const fits = [(name) => name === wanted, (name) => name.startsWith(wanted), (name) => name.includes(wanted)];
  return wanted ? fits.map((fit) => names.findIndex(fit)).find((i) => i >= 0) ?? null : null;
}

// fields that find the site of a name, or that nearest to some coordinates, in parts of their ranges
function makeFind() {
  const box = document.querySelector("#find");
  const fields = D.coords.map((coord) => element("input",
    { type: "text", size: 7, placeholder: coord.label, "aria-label": `${coord.label} of a site to find` }));
  const name = D.names ? element("input",
    { type: "text", size: 12, placeholder: D.names, "aria-label": `${D.names} of a site to find` }) : null;
  const find = () => {
    const found = name ? named(name.value) : null;
    if (found !== null) {
      set({ site: found });
      return;
    }
    const wanted = fields.map((field, c) => drawnAt(c, readCoordinate(c, field.value)));
    if (wanted.every(Number.isNaN)) return;
    const far = (i) => d3.sum(wanted, (v, c) => Number.isNaN(v) ? 0 : ((D.sites.x[c][i] - v) / rangeOf(c)) ** 2);
    set({ site: d3.least(d3.range(siteCount()), far) });
  };
  const all = name ? [name, ...fields] : fields;
  box.replaceChildren(...all, element("button", { type: "button", onclick: find }, "find"));
  for (const field of all)
    field.addEventListener("keydown", (event) => { if (event.key === "Enter") find(); });
}

function drawRegion() {
  const box = document.querySelector("#region");
  const bounds = D.coords.map((coord, c) => [0, 1].map((end) => element("input", {
    type: "text", size: 6, value: state.region[c] ? coordinateText(c, state.region[c][end]) : "",
    placeholder: end ? "to" : "from", "aria-label": `${coord.label} ${end ? "to" : "from"}`,
  })));
  // what is written has fewer digits than what it stands for
  const read = (c, end) => {
    const { value, defaultValue } = bounds[c][end];
    return state.region[c] && value === defaultValue ? state.region[c][end] : readCoordinate(c, value);
  };
  const apply = () => set({ region: bounds.map((_, c) => {
    const part = readSpan(c, [read(c, 0), read(c, 1)]);
    if (part === null || part.every(Number.isNaN)) return null;
    return part.map((v, end) => Number.isNaN(v) ? (end ? d3.max(D.sites.x[c]) : d3.min(D.sites.x[c])) : v);
  }) });
  box.replaceChildren(
    ...D.coords.map((coord, c) => element("span", {}, `${coord.label} `, ...bounds[c])),
    element("button", { type: "button", onclick: apply }, "apply"),
    element("button", { type: "button", onclick: () => set({ region: D.coords.map(() => null) }) }, "all sites"));
  const inside = d3.range(siteCount()).filter(inRegion).length;
  document.querySelector("#region-size").textContent =
    hasRegion() ? `${inside} of ${siteCount()} sites` : `all ${siteCount()} sites`;
}
