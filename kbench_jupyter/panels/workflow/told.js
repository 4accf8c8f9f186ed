// What a step came to: parts of a view as told.py hands them on, as data.
import { fill, h, isNews } from "../../widgets/elements.js";
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

function outcomeOf([name, { tone, lines, parts }]) {
  const [title, ...more] = lines;
  const head = h("div", { class: "kbp-row" }, mark(name, tone || "good"), h("span", {}, title));
  return h(
    "div",
    {},
    head,
    more.map((text) => h("div", {}, text)),
    parts.map(toldPart),
  );
}

// What steps came to: the last one in full, those before it as one line of marks that unfolds.
export function outcomesOf(said) {
  const before = said.slice(0, -1);
  const marks = before.map(([name, { tone }]) => mark(name, tone || "good"));
  const earlier = marks.length ? h("details", {}, h("summary", {}, marks), before.map(outcomeOf)) : null;
  return [earlier, ...said.slice(-1).map(outcomeOf)];
}

// How the notebook differs from what was pushed, folded; as lines of a unified diff.
export function changesOf() {
  const lines = h("pre", { class: "kbp-diff", tabindex: 0, "aria-label": "Changed lines" });
  const el = h("details", { hidden: true }, h("summary", {}, "See what changed"), lines);

  function show(changes) {
    el.hidden = !changes.length;
    if (!isNews(lines, changes)) return;
    const kind = (line) => ({ "+": "kbp-added", "-": "kbp-removed", " ": "" })[line[0]] ?? "kbp-where";
    fill(
      lines,
      changes.map((line) => h("div", { class: kind(line) }, line)),
    );
  }
  return { el, show };
}
