// Failed assertions as a heat map: in how many samples each failed, a column a candidate and version.
import { button, fill, h, isNews, number } from "../../widgets/elements.js";
import { region, whose } from "../cards.js";

const MOST = 60; // rows that are drawn, those that failed most first

const WORDLESS = "an assertion without words";

// `pick` is what a click on an assertion, or on the row of errors, shows: {assertion} or {errored}.
export function heatOf(part, pick) {
  const head = h("tr");
  const body = h("tbody");
  const table = h("table", { class: "kbp-table kbp-heat" }, h("thead", {}, head), body);
  const el = region("Assertions", table);

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
    const failed = ([, counts]) => shown.reduce((sum, index) => sum + counts[index], 0);
    const rows = failures.filter(failed).sort((a, b) => failed(b) - failed(a));
    if (failed([null, errors])) rows.unshift([null, errors]);
    el.hidden = !rows.length;
    if (isNews(table, shown, columns, rows, sizes, byVersion)) drawRows(rows, shown, byVersion);
    if (!rows.length) return part.state.samples ? "No assertion failed." : "Reading the samples…";
    const more = rows.length > MOST ? " Those that failed least are left out." : ""; // nor are all of them told
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
        const wanted = text === null ? { errored: true } : { assertion: text };
        const link = { class: "kbs-link", title: "Show these samples" };
        const name = button(text ?? "The task errored", () => pick(wanted), link);
        return h(
          "tr",
          {},
          h("th", { scope: "row" }, text === "" ? WORDLESS : name),
          shown.map((index) => cell(counts[index], sizes[index][0])),
        );
      }),
    );
  }

  return { el, draw };
}
