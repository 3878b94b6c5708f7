// Spread against error: whether errors are large where the law says that they are.
const LEAST_EACH = 8; // rows of a group

// groups of rows of like predicted spread, with the size of their errors and its 90 % band
function spreadGroups(method, sites) {
  const order = d3.sort(sites, (i) => law(method, "sd", i));
  const count = Math.max(1, Math.min(6, Math.floor(order.length / LEAST_EACH)));
  return d3.range(count).map((g) => {
    const own = order.slice(Math.round(g * order.length / count), Math.round((g + 1) * order.length / count));
    const size = (of) => Math.sqrt(d3.mean(own, of));
    const error = size((i) => residual(method, i) ** 2);
    const reach = 1.645 / Math.sqrt(2 * own.length); // of the standard deviation of normal errors
    return { n: own.length, spread: size((i) => law(method, "sd", i) ** 2), error,
      low: error * Math.max(0, 1 - reach), high: error * (1 + reach) };
  });
}

function spreadPlot(method, sites, width) {
  const groups = spreadGroups(method, sites);
  const [least, most] = d3.extent(sites, (i) => law(method, "sd", i));
  const top = 1.08 * d3.max([most, ...groups.map((g) => g.high)]);
  const { colour } = methodOf(method);
  const svg = drawn({
    width: Math.min(width, 420), height: 250, marginLeft: 52, marginBottom: 40,
    x: { label: "predicted standard deviation", labelArrow: "none", domain: [0, top], grid: true, ticks: 5 },
    y: { label: "size of the errors (rms)", labelArrow: "none", domain: [0, top], grid: true, ticks: 5 },
    clip: true,
    ariaLabel: `Size of the errors against the predicted standard deviation by ${methodLabel(method)}; `
      + groups.map((g) => `${number(g.spread, 3)}: ${number(g.error, 3)}`).join(", "),
    marks: [
      Plot.line([[0, 0], [top, top]], { strokeDasharray: "4 3" }),
      Plot.dot(sites, { x: (i) => law(method, "sd", i), y: (i) => Math.abs(residual(method, i)), r: 1.6,
        fill: colour, fillOpacity: 0.6 }),
      Plot.ruleX(groups, { x: "spread", y1: "low", y2: "high", stroke: colour, strokeWidth: 2 }),
      Plot.dot(groups, { x: "spread", y: "error", r: 5, fill: colour, stroke: "var(--page)" }),
    ],
  });
  const alike = most <= 1.001 * least ? " This method is equally unsure everywhere." : "";
  return element("div", {},
    element("p", { class: "panel-title" }, `Spread against error of ${methodLabel(method)}`),
    element("p", { class: "hint" }, `Rows in groups of like predicted spread, with 90 % bands; small dots are single rows. On the dashed line errors are as large as predicted, above it larger.${alike}`),
    svg);
}
