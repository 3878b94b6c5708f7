// Numbers and sites in words.
function number(value, digits = 4) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  const seen = value === 0 || (Math.abs(value) >= 0.0005 && Math.abs(value) < 1e6);
  if (!seen) return value.toExponential(2).replaceAll("-", "−");
  const decimals = Math.max(0, Math.min(3, digits - 1 - Math.floor(Math.log10(Math.abs(value) || 1))));
  return value.toFixed(decimals).replaceAll("-", "−");
}

function coordinateText(c, value) {
  const coord = D.coords[c];
  value = tableNumber(c, value);
  if (coord.kind === "category") return coord.levels[Math.round(value)] ?? "";
  if (coord.kind === "date") {
    const seconds = Math.round(value * 86400);
    const length = seconds % 86400 ? (seconds % 60 ? 19 : 16) : 10;
    return new Date(1000 * seconds).toISOString().slice(0, length);
  }
  // no more digits than tell sites apart
  const text = isWide(D.sites.x[c]) ? +value.toPrecision(5)
    : +value.toFixed(Math.max(0, Math.min(12, 4 - Math.floor(Math.log10(rangeOf(c))))));
  return `${text}`.replaceAll("-", "−");
}

function siteText(i) {
  const parts = D.coords.map((coord, c) => `${coord.label} = ${coordinateText(c, D.sites.x[c][i])}`);
  if (D.names) parts.unshift(D.sites.name[i]);
  return parts.join(", ") || `row ${D.sites.row[i]}`;
}

// begins and ends tell names apart
const shortText = (text) => text.length > 18 ? `${text.slice(0, 8)}…${text.slice(-9)}` : text;

const withUnit = (text) => D.target.unit ? `${text} ${D.target.unit}` : text;

// the lines of a site that a reader asks for first
function siteLines(method, i) {
  const error = D.sites.error[i];
  const lines = [];
  if (observed(i) !== null) {
    const about = error ? ` ± ${number(error)}` : "";
    lines.push(["observed", withUnit(number(observed(i)) + about)]);
  }
  if (!hasLaw(method, i)) return [...lines, ["predicted", "nothing: the model has no value here"]];
  lines.push(["predicted", withUnit(number(law(method, "mean", i)))]);
  lines.push(["90 % interval",
    withUnit(`${number(law(method, "q05", i))} to ${number(law(method, "q95", i))}`)]);
  const z = deviations(method, i);
  if (z !== null) lines.push(["residual", `${number(residual(method, i))}, ${number(z, 2)} sd`]);
  for (const part of ["discrepancy", "noise"]) {
    const [size, sd] = [part, `${part}_sd`].map((name) => partAt(method, name, i));
    const scale = methodOf(method).transformed ? ", in the scale of the fit" : "";
    const about = sd === null ? "" : ` ± ${number(sd)}`;
    if (size !== null) lines.push([part, `${number(size)}${about}${scale}`]);
  }
  return lines;
}

function weightText(method, i, count = 3) {
  const largest = largestWeights(method, i, count);
  return largest.map((k) => `${D.models[k].label} ${number(weight(method, k, i), 2)}`).join(", ");
}

// text is put into the page as text, never as markup
function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value !== null && value !== false) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

// a figure: one picture for screen readers, whose parts keep the names of their marks aside
function drawn(options) {
  // room for the label of the upward axis above its highest tick
  const svg = Plot.plot({ marginTop: 26, ...options });
  svg.setAttribute("role", "img");
  for (const part of svg.querySelectorAll("[aria-label]")) {
    part.dataset.mark = part.getAttribute("aria-label");
    part.removeAttribute("aria-label");
  }
  return svg;
}
