// What a step came to: parts of a view as told.py hands them on, as data.
import { fill, h } from "../../widgets/elements.js";
import { mark } from "../base.js";
import { region } from "../cards.js";

const shownValue = ({ text, tone }) => (tone ? mark(text, tone) : text);

function tableOf({ columns, rows, left }) {
  const side = (i) => (columns[i].right ? "kbp-n" : "");
  const row = (cells, make) => h("tr", {}, cells.map(make));
  const table = h(
    "table",
    { class: "kbp-table" },
    h(
      "thead",
      {},
      row(columns, (one, i) => h("th", { scope: "col", class: side(i) }, one.text)),
    ),
    h(
      "tbody",
      {},
      rows.map((cells) => row(cells, (one, i) => h("td", { class: side(i) }, shownValue(one)))),
    ),
  );
  return [
    region(`Each ${columns[0].text}`, table),
    left ? h("div", { class: "kbp-quiet" }, `and ${left.toLocaleString("en-US")} more`) : null,
  ];
}

function toldPart(part) {
  if (part.kind === "text") return h(part.code ? "pre" : "p", {}, shownValue(part));
  if (part.kind === "table") return tableOf(part);
  const fact = (one) => h("div", {}, h("dt", {}, one.name), h("dd", {}, shownValue(one)));
  return h("dl", { class: "kbp-facts" }, part.items.map(fact));
}

// Of a step before the last one, what there is beyond a line unfolds.
export function outcomeOf([name, { tone, lines, parts }], last) {
  const [title, ...more] = lines;
  const head = [mark(name, tone || "good"), h("span", {}, title)];
  const rest = [more.map((text) => h("div", {}, text)), parts.map(toldPart)];
  if (last || !rest.flat().length) return h("div", {}, h("div", { class: "kbp-row" }, head), rest);
  return h("details", {}, h("summary", {}, head), rest);
}

// How the notebook differs from what was pushed, folded; as lines of a unified diff.
export function changesOf() {
  const lines = h("pre", { class: "kbp-diff", tabindex: 0, "aria-label": "Changed lines" });
  const el = h("details", { hidden: true }, h("summary", {}, "See what changed"), lines);

  function show(changes) {
    el.hidden = !changes.length;
    const key = JSON.stringify(changes);
    if (lines.dataset.key === key) return;
    lines.dataset.key = key;
    const kind = (line) => ({ "+": "kbp-added", "-": "kbp-removed", " ": "" })[line[0]] ?? "kbp-where";
    fill(
      lines,
      changes.map((line) => h("div", { class: kind(line) }, line)),
    );
  }
  return { el, show };
}
