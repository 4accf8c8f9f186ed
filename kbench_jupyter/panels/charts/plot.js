// What a plot needs: a scale with round ticks, and labels that keep out of each other's way.
import { clamp } from "../../widgets/elements.js";

const LOG_FROM = 30; // times: what spans more is drawn by orders of magnitude
const CHARACTER = 7; // pixels of a label, about
const LINE = 13;
const LABEL_SHARE = 0.6; // of the width, for a label

function step(span, most) {
  const rough = span / most;
  const size = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 5, 10].find((times) => times * size >= rough) * size;
}

// Numbers to pixels, from `start` to `end`.
export function scaleOf(values, start, end, { log = false, percent = false }) {
  let low = Math.min(...values);
  let high = Math.max(...values);
  const far = Math.abs(end - start);
  if (log && low > 0 && high / low >= LOG_FROM) return logarithmic(low, high, start, end);
  if (!percent) {
    if (log) low = Math.min(0, low);
    const size = Math.max(Math.abs(low), Math.abs(high));
    const span = high - low > size * 1e-8 ? high - low : size; // what is apart by rounding alone is one value
    const room = (span || 1) * 0.06;
    high += room;
    if (low) low -= room;
  }
  const by = step(high - low, Math.max(2, Math.floor(far / (log ? 90 : 48))));
  const round = (value) => Number(value.toPrecision(10));
  const ticks = [];
  for (let at = Math.ceil(low / by - 1e-9) * by; at <= high + by * 1e-9; at += by) ticks.push(round(at));
  return { at: (value) => start + ((value - low) / (high - low)) * (end - start), ticks, log: false };
}

function logarithmic(low, high, start, end) {
  const from = Math.log10(low) - 0.1;
  const to = Math.log10(high) + 0.1;
  const at = (value) => start + ((Math.log10(value) - from) / (to - from)) * (end - start);
  const ticks = [];
  const fine = to - from < 3 ? [1, 2, 5] : [1];
  for (let power = Math.floor(from); power <= to; power += 1)
    for (const times of fine) {
      const value = Number((times * 10 ** power).toPrecision(3));
      if (Math.log10(value) >= from && Math.log10(value) <= to) ticks.push(value);
    }
  return { at, ticks, log: true };
}

export const widthOf = (text) => text.length * CHARACTER;

// The ticks of a horizontal axis whose labels have room beside the one before.
export function apart({ at, ticks }, label) {
  let free = -Infinity;
  return ticks.filter((value) => {
    const half = widthOf(label(value)) / 2;
    if (at(value) - half < free) return false;
    free = at(value) + half + CHARACTER;
    return true;
  });
}

// A name as long as there is room for; models of one family differ at the end.
function shortened(name, most) {
  if (name.length <= most) return name;
  const half = Math.floor((most - 1) / 2);
  return `${name.slice(0, half)}…${name.slice(-half)}`;
}

// Where each point's label goes: beside it, above or below it, wherever it covers least.
export function labelsOf(points, right) {
  const taken = points.map(({ cx, cy }) => [cx - 7, cy - 7, cx + 7, cy + 7]);
  const over = ([a, b, c, d], [e, f, g, k]) =>
    Math.max(0, Math.min(c, g) - Math.max(a, e)) * Math.max(0, Math.min(d, k) - Math.max(b, f));
  return points.map((point) => {
    const { cx, cy } = point;
    const text = shortened(point.name, Math.floor((right * LABEL_SHARE) / CHARACTER));
    const wide = widthOf(text);
    const tries = [
      [cx + 10, cy + 4, "start", cx + 10],
      [cx - 10, cy + 4, "end", cx - 10 - wide],
      [cx, cy - 11, "middle", cx - wide / 2],
      [cx, cy + 20, "middle", cx - wide / 2],
      [cx + 9, cy - 9, "start", cx + 9],
      [cx + 9, cy + 17, "start", cx + 9],
    ].map(([x, base, anchor, left]) => {
      const box = [left, base - 10, left + wide, base + LINE - 10];
      const outside = Math.max(0, box[2] - right) + Math.max(0, 4 - box[0]);
      const cost = taken.reduce((sum, other) => sum + over(box, other), outside * 100);
      return { x, base, anchor, box, cost };
    });
    const best = tries.reduce((a, b) => (b.cost < a.cost ? b : a));
    taken.push(best.box);
    const [from, , to] = best.box;
    const placed = { point, text, base: best.base };
    if (from >= 4 && to <= right) return { ...placed, left: best.x, anchor: best.anchor };
    return { ...placed, left: clamp(from, 4, Math.max(4, right - wide)), anchor: "start" };
  });
}
