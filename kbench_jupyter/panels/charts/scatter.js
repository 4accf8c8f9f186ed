// The measure against cost or latency, and the front of those that no other beats in both.
import { fill, h, isNews, visible } from "../../widgets/elements.js";
import { sentence } from "./bars.js";
import { apart, labelsOf, scaleOf, widthOf } from "./plot.js";

const SPACE = "http://www.w3.org/2000/svg";
const HEIGHT = 300;
const EDGE = { top: 14, right: 18, bottom: 44, left: 54 };
const NARROWEST = 160; // beside the file browser there is hardly more

export function svg(tag, props, ...children) {
  const node = document.createElementNS(SPACE, tag);
  for (const [key, value] of Object.entries(props))
    if (value !== null && value !== undefined) node.setAttribute(key, value);
  node.append(...children.flat().filter((child) => child !== null));
  return node;
}

const nameOf = (group, byVersion) =>
  visible(`${group.model}${byVersion && group.version ? ` v${group.version}` : ""}`);

// Of these points, those that no other is at least as good as in both and better in one.
function frontOf(points, less) {
  const good = less ? -1 : 1;
  const beats = (a, b) => a.x <= b.x && good * (a.y - b.y) >= 0 && (a.x < b.x || a.y !== b.y);
  return points.filter((point) => !points.some((other) => beats(other, point))).sort((a, b) => a.x - b.x);
}

// `what` is {name, axis, text, unknown}.
export function scatterOf(part, what) {
  const el = h("div", { class: "kbp-scatter" });
  let again = () => {};
  new ResizeObserver(() => again()).observe(el);

  function draw(groups, byVersion) {
    const points = [];
    const unknown = [];
    for (const group of groups) {
      const [x] = group.aSample[what.name];
      const point = { x, y: group.value, group, name: nameOf(group, byVersion) };
      (typeof x === "number" && typeof group.value === "number" ? points : unknown).push(point);
    }
    again = () => plot(points, part.state.share);
    again();
    const missing = unknown.length
      ? `${what.unknown}: ${unknown.map((point) => point.name).join(", ")}.`
      : "";
    if (!points.length) return missing;
    const spread = points.some(({ group }) => group.low !== null) ? " with 95 % interval" : "";
    const partly = points.filter(({ group }) => group.aSample[what.name][1]).map((point) => point.name);
    return [
      `${sentence(part.state.measure)}${spread} against ${what.axis.toLowerCase()}. The line joins those that no other beats in both.`,
      partly.length ? `Known of some samples only: ${partly.join(", ")}.` : "",
      missing,
    ].join(" ");
  }

  function plot(points, percent) {
    el.hidden = !points.length;
    const width = Math.max(NARROWEST, Math.floor(el.clientWidth));
    const shown = points.map(({ x, y, name, group }) => [x, y, name, group.low, group.high]);
    if (!points.length || !isNews(el, width, percent, shown)) return;
    const ends = points.flatMap(({ y, group }) => [y, group.low ?? y, group.high ?? y]);
    const y = scaleOf(percent ? [0, 1] : ends, HEIGHT - EDGE.bottom, EDGE.top, { percent });
    const share = (value) => (percent ? `${Math.round(value * 100)} %` : String(value));
    const left = Math.max(EDGE.left, ...y.ticks.map((value) => widthOf(share(value)) + 12));
    const x = scaleOf(
      points.map((point) => point.x),
      left,
      width - EDGE.right,
      { log: true },
    );
    const placed = points.map((point) => ({ ...point, cx: x.at(point.x), cy: y.at(point.y) }));
    const front = frontOf(placed, part.state.lessIsBetter);
    fill(
      el,
      svg(
        "svg",
        { width, height: HEIGHT, role: "img", "aria-label": described(placed, front, what) },
        axes(x, y, { left, right: width - EDGE.right }, what, share),
        svg("polyline", {
          class: "kbp-front",
          points: front.map((point) => `${point.cx},${point.cy}`).join(" "),
        }),
        placed.map((point) => whiskerOf(point, y)),
        placed.map((point) => dotOf(point, front.includes(point), what)),
        labelsOf(placed, width - 4).map(({ point, text, left: x, base: y, anchor }) =>
          svg(
            "text",
            {
              x,
              y,
              "text-anchor": anchor,
              class: `kbp-dot-label${front.includes(point) ? " kbp-on-front" : ""}`,
            },
            text,
          ),
        ),
      ),
    );
  }

  return { el, draw };
}

function described(points, front, what) {
  const one = (point) =>
    `${point.name}: ${point.group.valueText} at ${what.text(Number(point.x.toPrecision(3)))}`;
  return `${points.map(one).join("; ")}. Not beaten in both: ${front.map((point) => point.name).join(", ")}`;
}

function axes(x, y, { left, right }, what, share) {
  const bottom = HEIGHT - EDGE.bottom;
  return svg(
    "g",
    { class: "kbp-axes", "aria-hidden": "true" },
    y.ticks.map((value) => svg("line", { x1: left, x2: right, y1: y.at(value), y2: y.at(value) })),
    y.ticks.map((value) =>
      svg("text", { x: left - 8, y: y.at(value) + 4, "text-anchor": "end" }, share(value)),
    ),
    svg("line", { class: "kbp-axis", x1: left, x2: right, y1: bottom, y2: bottom }),
    x.ticks.map((value) =>
      svg("line", { class: "kbp-axis", x1: x.at(value), x2: x.at(value), y1: bottom, y2: bottom + 4 }),
    ),
    apart(x, what.text).map((value) =>
      svg("text", { x: x.at(value), y: bottom + 17, "text-anchor": "middle" }, what.text(value)),
    ),
    svg(
      "text",
      {
        x: (left + right) / 2,
        y: HEIGHT - 6,
        "text-anchor": "middle",
        class: "kbp-axis-name",
      },
      `${what.axis}${x.log ? " (log scale)" : ""}`,
    ),
  );
}

function whiskerOf({ cx, group }, y) {
  if (group.low === null) return null;
  const [high, low] = [y.at(group.high), y.at(group.low)];
  return svg(
    "g",
    { class: "kbp-error-bar", "aria-hidden": "true" },
    svg("line", { x1: cx, x2: cx, y1: high, y2: low }),
    [high, low].map((end) => svg("line", { x1: cx - 4, x2: cx + 4, y1: end, y2: end })),
  );
}

function dotOf({ cx, cy, x, name, group }, onFront, what) {
  const spread = group.spreadText ? ` (${group.spreadText})` : "";
  const title = svg(
    "title",
    {},
    `${name}: ${group.valueText}${spread}, ${what.text(Number(x.toPrecision(3)))}`,
  );
  return svg("circle", { cx, cy, r: 5.5, class: `kbp-dot${onFront ? " kbp-on-front" : ""}` }, title);
}
