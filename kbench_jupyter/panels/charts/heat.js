// Failed assertions as a heat map: in how many samples each failed, a column a candidate and version.
import { button, fill, h, number } from "../../widgets/elements.js";
import { region, whose } from "../cards.js";

const MOST = 60; // rows that are drawn, those that failed most first

// `pick` is what a click on an assertion, or on the row of errors, shows: {assertion} or {errored}.
export function heatOf(part, pick) {
  const head = h("tr");
  const body = h("tbody");
  const table = h("table", { class: "kbp-table kbp-heat" }, h("thead", {}, head), body);
  const el = region("Assertions", table);
  let drawn = "";

  function cell(count, size) {
    if (!size) return h("td", { class: "kbp-heat-none" }, h("span", { class: "kbp-heard" }, "no samples"));
    const node = h(
      "td",
      { title: `${number(count)} of ${number(size)} samples` },
      h("span", { "aria-hidden": "true", class: "kbp-sign" }, count ? "✗" : "✓"),
      count ? ` ${number(count)} of ${number(size)}` : " none",
    );
    node.style.setProperty("--kbp-share", (count / size).toFixed(3));
    node.classList.toggle("kbp-heat-clean", !count);
    return node;
  }

  function draw(groups, byVersion) {
    const { failures = [], columns = [], sizes = [] } = part.state.samples ?? {};
    const seen = ([version, name]) =>
      groups.some((group) => group.model === name && group.version === version);
    const every = columns.map((_, index) => index);
    const some = every.filter((index) => seen(columns[index]));
    const shown = some.length ? some : every; // groups by model have no columns of their own
    const errors = sizes.map(([, errored]) => errored);
    const rows = failures.filter(([, counts]) => shown.some((index) => counts[index]));
    if (shown.some((index) => errors[index])) rows.unshift(["", errors]);
    el.hidden = !rows.length;
    const key = JSON.stringify([shown, columns, rows, sizes, byVersion]);
    if (key !== drawn) drawRows(rows, shown, byVersion); // a button in them may have the keyboard
    drawn = key;
    if (!rows.length) return part.state.samples ? "No assertion failed." : "Reading the samples…";
    const more =
      rows.length > MOST ? ` The ${number(rows.length - MOST)} that failed least are left out.` : "";
    const by = `${whose(part).toLowerCase()}${byVersion ? " and version" : ""}`;
    return `In how many samples each assertion failed, by ${by}. A click shows them.${more}`;
  }

  function drawRows(rows, shown, byVersion) {
    const { columns, sizes } = part.state.samples ?? {};
    fill(
      head,
      h("th", { scope: "col" }, "Failed assertion"),
      shown.map((index) => {
        const [version, candidate] = columns[index];
        return h("th", { scope: "col" }, candidate, byVersion && version ? ` v${version}` : null);
      }),
    );
    fill(
      body,
      rows.slice(0, MOST).map(([text, counts]) => {
        const wanted = text ? { assertion: text } : { errored: true };
        const title = "Show these samples";
        const name = button(text || "The task errored", () => pick(wanted), { class: "kbs-link", title });
        return h(
          "tr",
          {},
          h("th", { scope: "row" }, name),
          shown.map((index) => cell(counts[index], sizes[index][0])),
        );
      }),
    );
  }

  return { el, draw };
}
