// What is saved of the log view with the notebook: the last lines of its runs.
import { h, number, plural } from "../../widgets/elements.js";
import { appear } from "./ansi.js";

const TAIL = 100; // lines of a run
const RUNS = 20;

const every = (store) => [...store.runs.values()].filter((run) => run.id !== 0); // 0: all runs together
const runsIn = (store) => every(store).slice(0, RUNS);

// The last lines of a run as far as they are here.
export function tailOf(store, run, most = TAIL) {
  const out = [];
  for (let at = Math.max(0, run.n - most); at < run.n; at++) {
    const line = store.line(run, at);
    if (line) out.push(appear(line.text));
  }
  return [...out, ...run.open.map(([, text]) => appear(text))];
}

// Runs that nobody looked at have not told all of their last lines.
export async function fetchTails(store) {
  for (const run of runsIn(store)) {
    for (let at = Math.max(0, run.n - TAIL); at < run.n; at++) {
      if (store.line(run, at)) continue;
      const answer = await store.ask({ t: "get", run: run.id, from: at, count: TAIL });
      if (!answer?.k.length) return; // long lines take several
    }
  }
}

// The form as it stands; null as long as the page knows nothing.
export function formOf(store) {
  if (!store.runs.size) return null;
  const task = store.model.get("task");
  const title = `Log of ${plural(every(store).length, "run")} of ${task}`;
  const command = `%kbench log ${task}`;
  const runs = runsIn(store).map((run) => ({
    head: appear(
      `${run.sign} ${run.model}${run.version ? ` v${run.version}` : ""} (run ${run.id}): ${run.state}, ${plural(run.n, "line")}`,
    ),
    tone: run.tone,
    problem: run.problem,
    text: tailOf(store, run).join("\n"),
  }));
  const left = every(store).length - runs.length;
  const more = left > 0 ? `${number(left)} more ${left === 1 ? "run is" : "runs are"} not shown here.` : "";
  const coloured = (tone, text) =>
    h("div", { style: `margin: 4px 0; color: ${STYLES.tones[tone] ?? "inherit"}` }, text);
  const box = h(
    "div",
    { class: STYLES.classes, style: STYLES.view },
    h("div", { style: "margin-bottom: 4px" }, h("strong", { style: "font-weight: 600" }, title)),
    runs.map((run) => [
      coloured(run.tone, run.head),
      run.problem && coloured("bad", run.problem),
      run.text && h("pre", { style: STYLES.code }, run.text),
    ]),
    more && coloured("warn", more),
    h(
      "div",
      { style: `color: ${STYLES.tones.quiet}; font-size: 11px; margin-top: 6px` },
      `${store.model.get("label")} · ${command}`,
    ),
  );
  const parts = runs.map((run) => [run.head, run.problem, run.text].filter(Boolean).join("\n"));
  return {
    "text/html": box.outerHTML,
    "text/plain": [title, ...parts, more, command].filter(Boolean).join("\n\n"),
  };
}
