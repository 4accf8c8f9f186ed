// The charts of results, one at a time: the measure, the measure against cost and latency, and the assertions.
import { button, fill, h, say } from "../../widgets/elements.js";
import { barsOf } from "./bars.js";
import { heatOf } from "./heat.js";
import { scatterOf } from "./scatter.js";

const NAMES = [
  ["measure", "Measure"],
  ["cost", "Cost"],
  ["latency", "Latency"],
  ["assertions", "Assertions"],
];

// `on` is what there is to do: pick(wanted) shows samples, changed() is called when another chart is looked at. Each
// chart's `draw` returns what it shows, in words.
export function chartsOf(part, on) {
  const charts = {
    measure: barsOf(part),
    cost: scatterOf(part, {
      name: "cost",
      axis: "Cost a sample",
      text: (x) => `$${x}`,
      unknown: "What they cost is not known",
    }),
    latency: scatterOf(part, {
      name: "latency",
      axis: "Latency a sample",
      text: (x) => `${x} s`,
      unknown: "How long they took is not known",
    }),
    assertions: heatOf(part, on.pick),
  };
  let shown = part.state.look?.chart ?? "measure";
  let last = [[], false];
  const caption = h("figcaption", { class: "kbp-quiet" });
  const tabs = NAMES.map(([name, label]) =>
    button(label, () => show(name), { class: "kbp-segment", "data-name": name, "aria-pressed": "false" }),
  );
  const bar = h("div", { class: "kbp-segments", role: "group", "aria-label": "Chart" }, tabs);
  const place = h("div", { class: "kbp-chart-place" });

  function show(name) {
    shown = name;
    draw(...last);
    on.changed();
  }

  function draw(groups, byVersion) {
    last = [groups, byVersion];
    const chart = charts[shown] ?? charts.measure;
    for (const tab of tabs) tab.setAttribute("aria-pressed", String(tab.dataset.name === shown));
    if (place.firstChild !== chart.el) fill(place, chart.el);
    say(caption, chart.draw(groups, byVersion));
  }

  return {
    el: h("figure", { class: "kbp-charts" }, bar, place, caption),
    draw,
    get shown() {
      return shown;
    },
  };
}
