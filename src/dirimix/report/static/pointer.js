// Hover, click, drag and arrow keys over a figure whose sites stand at known places.
const REACH = 28; // pixels from a site that still mean it
const DRAG = 6; // pixels after which a click is a drag

// places: [{i, x, y}] in the figure's own pixels; onlyX: sites are told apart by x alone
function pointable(box, svg, places, { onlyX = false, onBrush = null } = {}) {
  const tip = element("div", { class: "tip", hidden: true });
  box.append(tip);
  const overlay = d3.select(svg).append("g").attr("class", "overlay").attr("aria-hidden", "true");
  const far = (p, x, y) => onlyX ? Math.abs(p.x - x) : Math.hypot(p.x - x, p.y - y);
  const nearest = (x, y) => {
    const found = d3.least(places, (p) => far(p, x, y));
    return found && far(found, x, y) <= REACH ? found : null;
  };
  const inFigure = (event) => {
    const frame = svg.getBoundingClientRect();
    const scale = svg.width.baseVal.value / frame.width;
    return [(event.clientX - frame.left) * scale, (event.clientY - frame.top) * scale];
  };
  let start = null;
  svg.addEventListener("pointerdown", (event) => {
    // a finger that moves scrolls the page
    start = event.pointerType === "touch" || event.button !== 0 ? null : inFigure(event);
  });
  svg.addEventListener("pointermove", (event) => {
    const [x, y] = inFigure(event);
    if (start && onBrush && Math.hypot(x - start[0], y - start[1]) > DRAG) {
      svg.setPointerCapture(event.pointerId);
      drawBrush(overlay, svg, start, [x, y], onlyX);
      tip.hidden = true;
      return;
    }
    showTip(tip, box, svg, nearest(x, y));
  });
  svg.addEventListener("pointerleave", () => showTip(tip, box, svg, null));
  svg.addEventListener("pointerup", (event) => {
    const end = inFigure(event);
    const dragged = start && Math.hypot(end[0] - start[0], end[1] - start[1]) > DRAG;
    overlay.select(".brush").remove();
    if (dragged && onBrush) onBrush(start, end);
    else {
      const found = nearest(...end);
      if (found) set({ site: found.i });
    }
    start = null;
  });
  box.onkeydown = (event) => {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (event.key === "Escape") set({ region: D.coords.map(() => null) });
    if (!(event.key in step)) return;
    event.preventDefault();
    const found = neighbour(places, state.site, step[event.key], onlyX);
    if (found !== null) set({ site: found });
  };
  return overlay;
}

// the site that lies next in a direction: near, and rather straight ahead than aside
function neighbour(places, site, [dx, dy], onlyX) {
  const here = places.find((p) => p.i === site) ?? places[0];
  const ahead = (p) => (p.x - here.x) * (onlyX ? dx - dy : dx) + (onlyX ? 0 : (p.y - here.y) * dy);
  const aside = (p) => onlyX ? 0 : Math.abs(dx ? p.y - here.y : p.x - here.x);
  const found = d3.least(places.filter((p) => ahead(p) > 0.01), (p) => ahead(p) + 3 * aside(p));
  return found ? found.i : null;
}

function showTip(tip, box, svg, place) {
  tip.hidden = !place;
  if (!place) return;
  const rows = siteLines(state.method, place.i).map(([name, text]) => `${name}: ${text}`);
  const weights = weightText(state.method, place.i);
  tip.replaceChildren(element("strong", {}, siteText(place.i)), document.createElement("br"),
    [...rows, ...(weights ? [`weights: ${weights}`] : [])].join("\n"));
  const scale = svg.getBoundingClientRect().width / svg.width.baseVal.value;
  const x = svg.getBoundingClientRect().left - box.getBoundingClientRect().left + place.x * scale;
  const y = svg.getBoundingClientRect().top - box.getBoundingClientRect().top + place.y * scale;
  const room = box.clientWidth - tip.offsetWidth - 4;
  tip.style.left = `${Math.max(0, Math.min(x + 14, room))}px`;
  tip.style.top = `${y + 16}px`;
}

function drawBrush(overlay, svg, [x0, y0], [x1, y1], onlyX) {
  overlay.selectAll(".brush").data([0]).join("rect").attr("class", "brush")
    .attr("x", Math.min(x0, x1)).attr("width", Math.abs(x1 - x0))
    .attr("y", onlyX ? 0 : Math.min(y0, y1))
    .attr("height", onlyX ? svg.height.baseVal.value : Math.abs(y1 - y0));
}

// the interval of coordinate c between two places of a scale, as numbers
function spanOf(scale, c, from, to) {
  const ends = [scale.invert(from), scale.invert(to)].map((v) => v instanceof Date ? v / DAY : v);
  return ends.sort((a, b) => a - b);
}
