// From equal weights to the mixture at one site: what each model's weight adds or takes away.
const MOST_STEPS = 6; // models with a bar of their own

// steps {label, by, colour} whose sum leads from the mean of the known models to the prediction
function stepsAt(method, site) {
  const known = knownAt(site);
  if (!known.length || known.some((k) => weight(method, k, site) === null)) return null;
  const start = d3.mean(known, (k) => D.values[k][site]);
  const end = law(method, "mean", site);
  const all = known.map((k) => ({ label: D.models[k].label, colour: modelColour(k),
    by: (weight(method, k, site) - 1 / known.length) * (D.values[k][site] - start) }));
  const order = d3.sort(all, (s) => -Math.abs(s.by));
  const few = order.slice(0, order.length > MOST_STEPS + 1 ? MOST_STEPS : order.length);
  const others = order.slice(few.length);
  const steps = [...few, ...(others.length ? [{ label: `${others.length} other models`,
    colour: "var(--soft)", by: d3.sum(others, (s) => s.by) }] : [])];
  const added = addedAt(method, site);
  if (added !== null) steps.push({ label: "discrepancy", colour: "var(--soft)", by: added });
  const rest = end - start - d3.sum(steps, (s) => s.by);
  const size = d3.max([Math.abs(end - start), ...steps.map((s) => Math.abs(s.by))]);
  // numbers travel with five digits
  const digits = 4e-5 * d3.max(known, (k) => Math.abs(D.values[k][site]));
  if (size <= digits) return null;
  // a correction, a transform, weights that do not sum to one
  if (Math.abs(rest) > Math.max(0.01 * size, digits)) steps.push({ label: "all else", colour: "var(--soft)", by: rest });
  let at = start;
  return { start, end, known, steps: steps.map((s, line) => ({ ...s, line: line + 1, from: at, to: (at += s.by) })) };
}

// a discrepancy in another scale than the models' values is part of all else
const addedAt = (method, site) =>
  methodOf(method).transformed ? null : partAt(method, "discrepancy", site);

function waterfall(method, site, width) {
  const found = stepsAt(method, site);
  if (!found) return null;
  const { start, end, known, steps } = found;
  const made = addedAt(method, site) === null ? "the mixture" : "the prediction";
  const rows = ["equal weights", ...steps.map((s) => s.label), made];
  const says = steps.map((s) => `${s.label} ${s.by < 0 ? "" : "+"}${number(s.by)}`).join(", ");
  const longest = d3.max(steps, (s) => number(s.by, 3).length + 1);
  const svg = drawn({
    width, height: 21 * rows.length + 52, marginLeft: Math.min(150, 0.42 * width), marginRight: Math.max(46, 7 * longest + 4),
    marginBottom: 40,
    x: { label: targetLabel(), labelArrow: "none", grid: true, nice: true,
      ticks: Math.max(2, Math.min(5, Math.floor((width - 180) / 70))) },
    y: { type: "band", domain: d3.range(rows.length), label: null, padding: 0.25, tickFormat: (line) => shortText(rows[line]) },
    ariaLabel: `From ${number(start)} with equal weights to ${number(end)}: ${says}`,
    marks: [
      Plot.barX(steps, { x1: "from", x2: "to", y: "line", fill: "colour", insetLeft: -0.5, insetRight: -0.5 }),
      Plot.dot([[start, 0], [end, rows.length - 1]], { x: (d) => d[0], y: (d) => d[1], r: 4.5, fill: "currentColor" }),
      Plot.text(steps, { x: (s) => Math.max(s.from, s.to), y: "line", dx: 5, textAnchor: "start", fontSize: 11,
        fill: "currentColor", stroke: "var(--page)", strokeWidth: 4,
        text: (s) => `${s.by < 0 ? "" : "+"}${number(s.by, 3)}` }),
      ...(observed(site) === null ? [] : [Plot.ruleX([observed(site)], { strokeWidth: 1.6, strokeDasharray: "4 3" })]),
    ],
  });
  const seen = observed(site) === null ? "" : " Dashed: the observation.";
  return element("details", { open: true },
    element("summary", {}, `From equal weights to ${made}`),
    element("p", { class: "hint" }, `A bar is what moving a model's weight from 1/${known.length} to its own does to the prediction.${seen}`),
    svg);
}
