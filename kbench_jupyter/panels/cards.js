// What the tables of panels share: how they scroll, and rows that become cards.
import { h } from "../widgets/elements.js";

export const region = (label, ...content) =>
  h("div", { class: "kbp-scroll", tabindex: "0", role: "region", "aria-label": label }, ...content);

export const wholeError = (text) =>
  h("pre", { class: "kbp-words", tabindex: "0", role: "region", "aria-label": "Error" }, text);

// What the things compared are called: models, or candidates where efforts or agents are among them.
export const whose = (part) => (part.state.who === "candidate" ? "Candidate" : "Model");

// A version beside the model, for where its own column has no room.
export const narrowVersion = ({ version }) =>
  version ? h("span", { class: "kbp-quiet kbp-if-narrow" }, ` v${version}`) : null;

// A table whose rows become cards where there is no room for columns. What is not laid out as a table is none to
// a screen reader any more, so the roles are spelled out.
export function cards(heads, body) {
  body.setAttribute("role", "rowgroup");
  const head = ([kind, label, title]) =>
    h(
      "th",
      { scope: "col", role: "columnheader", class: `kbp-a-${kind}`, title: label ? title : null },
      label || h("span", { class: "kbp-heard" }, title),
    );
  return h(
    "table",
    { class: "kbp-table kbp-cards", role: "table" },
    h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, heads.map(head))),
    body,
  );
}

export const card = (kind, ...content) =>
  kind === "name"
    ? h("th", { scope: "row", role: "rowheader", class: "kbp-a-name" }, ...content)
    : h("td", { role: "cell", class: `kbp-a-${kind}` }, ...content);
