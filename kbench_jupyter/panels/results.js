// Results (results.py): charts and a table of all candidates and versions, and their samples down to each message.
import { button, fill, h, isNews, number, plural, say } from "../widgets/elements.js";
import { activity, enable, mark, notesOf, teller } from "./base.js";
import { card, cards, narrowVersion, region, whose } from "./cards.js";
import { chartsOf } from "./charts/charts.js";
import { SamplesView } from "./samples/view.js";

const dash = (value) => (value === null || value === undefined ? "" : value);
const COLUMNS = [
  ["model", "Model", (g) => g.model],
  ["version", "Version", (g) => dash(g.version)],
  ["runs", "Runs", (g) => g.runs],
  ["samples", "Samples", (g) => (g.samples === g.runs ? "" : number(g.samples))],
  [
    "errored",
    "Errored",
    (g) => g.errored || "",
    "Samples whose task ended with an error: they are left out of every mean and pass rate",
  ],
  ["passed", "Passed", (g) => g.passedText, "Of the samples that did not error"],
  ["score", "Score", (g) => g.scoreText],
  [
    "held",
    "Checks",
    (g) => (g.checks ? `${g.held} of ${g.checks}` : ""),
    "Assertions that passed, in all runs together",
  ],
  ["tokens", "Tokens", (g) => number(g.tokens)],
  ["cost", "Cost", (g) => g.costText],
  [
    "latency",
    "Latency",
    (g) => g.latencyText,
    "What a run waited for the model, on average: as its back end tells it, else the whole task",
  ],
];
const runHeads = (who) => [
  ["state", "Verdict"],
  ["name", who],
  ["id", "Run"],
  ["version", "Version"],
  ["time", "Task took", "The task itself, from its call to its end; starting a kernel for it is not in it"],
  ["acts", "", "Details"],
];

const columnClass = (key) => (key === "model" ? "" : `kbp-n kbp-k-${key}`);

// What is not known comes last, either way.
function compare(a, b, down) {
  const unknown = (value) => value === null || value === undefined;
  if (unknown(a) || unknown(b)) return unknown(a) - unknown(b);
  return (typeof a === "string" ? a.localeCompare(b) : a - b) * (down ? -1 : 1);
}

export function resultsPart(store, part, host) {
  const title = h("h3", { class: "kbp-title" });
  const versions = h("select", { "aria-label": "Task version", onchange: () => draw() });
  const refresh = teller(store, part, "Fetch again", "refresh");
  const samples = new SamplesView(store, part);
  const charts = chartsOf(part, {
    pick: (wanted) => samples.filters.only(wanted),
    changed: () => samples.look({ chart: charts.shown }),
  });
  const notes = notesOf(part);
  const body = h("tbody");
  const runs = h("tbody");
  const runsTitle = h("summary");
  const who = h("span");
  const heading = runHeads(who);
  const busy = activity(store, part, () => "Fetch again");
  const sort = { key: "", down: false };
  const heads = COLUMNS.map(([key, label, , title]) => {
    const head = h(
      "th",
      { scope: "col", class: columnClass(key), title },
      button(label, () => order(key), { class: "kbp-sort" }),
    );
    return [key, head];
  });

  function order(key) {
    sort.down = sort.key === key ? !sort.down : key !== "model";
    sort.key = key;
    draw();
  }

  function groups() {
    const seen = (part.state.groups ?? []).filter(
      (g) => !versions.value || String(g.version) === versions.value,
    );
    const shares = { held: (g) => (g.checks ? g.held / g.checks : null) };
    const value = shares[sort.key] ?? ((g) => g[sort.key]);
    return sort.key ? [...seen].sort((a, b) => compare(value(a), value(b), sort.down)) : seen;
  }

  function draw() {
    const seen = groups();
    charts.draw(seen, !versions.hidden);
    samples.setVersion(versions.value);
    // A column that holds nothing in any row says nothing.
    const empty = new Set(
      COLUMNS.filter(([, , text]) => seen.every((g) => text(g) === "")).map(([key]) => key),
    );
    for (const [key, head] of heads) head.hidden = empty.has(key);
    say(heads[0][1].firstChild, whose(part));
    say(who, whose(part));
    fill(
      body,
      seen.map((g) =>
        h(
          "tr",
          {},
          COLUMNS.filter(([key]) => !empty.has(key)).map(([key, , text]) =>
            key === "model" ? modelCell(g) : h("td", { class: columnClass(key) }, text(g)),
          ),
        ),
      ),
    );
    for (const [key, head] of heads)
      head.setAttribute("aria-sort", sort.key !== key ? "none" : sort.down ? "descending" : "ascending");
    const rows = [...part.rows.values()].filter(
      (row) => !versions.value || String(row.version) === versions.value,
    );
    if (isNews(runs, rows)) fill(runs, rows.map(runRow));
    say(runsTitle, `Runs (${number(rows.length)})`);
    say(title, `Results of ${part.state.task}: ${plural(rows.length, "run")}`);
    notes.update();
    busy.update();
    enable(refresh, !part.state.busy);
  }

  const modelCell = (group) => h("th", { scope: "row" }, group.model, narrowVersion(group));

  function runRow(row) {
    return h(
      "tr",
      { role: "row", "data-run": row.run },
      card("state", mark(row.word, row.tone)),
      card("name", row.model, narrowVersion(row)),
      card("id", row.run),
      card("version", dash(row.version)),
      card("time", row.latency),
      card(
        "acts",
        button("Open", () => samples.open({ id: row.sample }), {
          class: "kbp-small",
          "aria-label": `Open run ${row.run} of ${row.model}`,
        }),
      ),
    );
  }

  function update(news) {
    if (news.keys?.has("groups") || news.replace) {
      const known = [...new Set((part.state.groups ?? []).map((g) => g.version))];
      const before = versions.value;
      fill(
        versions,
        h("option", { value: "" }, "All versions"),
        known.map((v) => h("option", { value: String(v) }, `Version ${v ?? "unset"}`)),
      );
      versions.value = before;
      versions.hidden = known.length < 2;
    }
    samples.update();
    draw();
  }

  fill(
    host,
    h(
      "section",
      { class: "kbp-results", "aria-label": "Results" },
      h("div", { class: "kbp-row" }, title, h("span", { class: "kbp-gap" }), versions, refresh),
      busy.work,
      busy.problem,
      charts.el,
      region(
        "Compared",
        h(
          "table",
          { class: "kbp-table" },
          h(
            "thead",
            {},
            h(
              "tr",
              {},
              heads.map(([, head]) => head),
            ),
          ),
          body,
        ),
      ),
      notes.el,
      h("h4", {}, "Samples"),
      samples.el,
      h("details", { class: "kbp-runs" }, runsTitle, region("Runs", cards(heading, runs))),
    ),
  );
  part.listeners.add(update);
  update({ replace: true });
  return () => {
    samples.dispose();
    part.listeners.delete(update);
  };
}
