// What a map may be coloured by.
const PARTS = {
  discrepancy: "Discrepancy, added to the mixture",
  discrepancy_sd: "Standard deviation of the discrepancy",
  noise: "Scale of the noise",
  noise_sd: "Standard deviation of the noise's scale",
};

const SAME = 5e-3; // of widths, which travel in so many digits

function quantities() {
  const weights = weighs(state.method ?? D.main);
  const several = D.coords.length > 0;
  return [
    ["mean", `Prediction: ${targetLabel()}`],
    ["half", "Half-width of the 90 % interval"],
    ["residual", "Observed minus predicted"],
    ["z", "Residual in standard deviations (z)"],
    ...(weights ? [
      ["dominant", "Model with the largest weight"],
      ["weight", "Weight of one model"],
      ["weight_sd", "Standard deviation of that weight"],
      ["effective", "Effective number of models"],
    ] : []),
    ...Object.keys(D.parts[state.method ?? D.main] ?? {}).map((part) => [part, PARTS[part]]),
    ...(several ? [["distance", "Distance from the training sites, in their sd"]] : []),
    ["spread", "Largest minus smallest model"],
    ...(D.pareto[state.method ?? D.main] ? [["pareto", "Pareto k of leave-one-out (trust it below 0.7)"]] : []),
  ];
}

function quantity(i) {
  const { method, model } = state;
  if (["half", "mean"].includes(state.colour) && !hasLaw(method, i)) return null;
  if (state.colour in PARTS) return partAt(method, state.colour, i);
  switch (state.colour) {
    case "half": return (law(method, "q95", i) - law(method, "q05", i)) / 2;
    case "residual": return residual(method, i);
    case "z": return deviations(method, i);
    case "dominant": {
      const [k] = largestWeights(method, i, 1);
      return k === undefined ? null : D.models[k].label;
    }
    case "weight": return weight(method, model, i);
    case "weight_sd": return weight(method, model, i, "sd");
    case "effective": return effective(method, i);
    case "distance": return D.sites.distance[i];
    case "pareto": return D.pareto[method]?.[i] ?? null;
    case "spread": return modelRange(i);
    default: return law(method, "mean", i);
  }
}

const quantityLabel = () => {
  const [, words] = quantities().find(([key]) => key === state.colour) ?? quantities()[0];
  const model = D.models[state.model].label;
  if (state.colour in PARTS && methodOf(state.method).transformed) return `${words}, in the scale of the fit`;
  if (state.colour === "weight") return `Weight of ${model}`;
  if (state.colour === "weight_sd") return `Standard deviation of the weight of ${model}`;
  return words;
};

// sites without the quantity stay on the map, in no colour of the scale
const NOTHING = { unknown: "var(--line)" };

function colourScale(values) {
  const label = quantityLabel();
  if (state.colour === "dominant") {
    const domain = D.models.map((m) => m.label);
    return { type: "categorical", domain, range: domain.map((_, k) => modelColour(k)), label, ...NOTHING };
  }
  const known = values.filter((v) => v !== null);
  const [low, high] = known.length ? d3.extent(known) : [0, 1];
  if (["residual", "z", "discrepancy"].includes(state.colour)) {
    const most = Math.max(Math.abs(low), Math.abs(high)) || 1;
    return { type: "linear", domain: [-most, most], scheme: "PuOr", reverse: true, label, ...NOTHING };
  }
  const wide = ["mean", "half", "spread", "noise"].includes(state.colour) && isWide(known);
  // where all are as wide, colours would show what rounding leaves
  const same = state.colour === "half" && high - low <= SAME * high;
  const domain = same ? [0, 2 * high] : low < high ? [low, high] : [low - 0.5, high + 0.5];
  return { type: wide ? "log" : "linear", domain, scheme: "viridis", label, ...NOTHING };
}
