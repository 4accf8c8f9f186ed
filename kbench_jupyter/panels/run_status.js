// Run status (run_status.py): a row a run, changed in place.
import { button, fill, h, isNews, plural, say } from "../widgets/elements.js";
import { activity, click, enable, mark, span, teller } from "./base.js";
import { card, cards, narrowVersion, region, wholeError, whose } from "./cards.js";
import { clusterLine } from "./cluster.js";
import { logBelow } from "./run_log.js";
import { stopping } from "./stopping.js";

const ALL_VERSIONS = "all";

export function statusPart(store, part, host) {
  const title = h("h3", { class: "kbp-title" });
  const page = h("a", { target: "_blank", rel: "noopener noreferrer" }, "Open on Kaggle");
  const bar = h("progress", { "aria-label": "Runs that have ended" });
  const counts = h("span", { class: "kbp-counts" });
  const pace = h("span", { class: "kbp-quiet" });
  const heard = h("span", { class: "kbp-heard", role: "status" });
  const cluster = clusterLine(part);
  const retry = teller(store, part, "", "retry");
  const logs = teller(store, part, "Open logs", "log");
  const refresh = teller(store, part, "Refresh", "refresh");
  const stopAll = button(
    "",
    click((event) => stops.ask(event.currentTarget)),
  );
  const stops = stopping(store, part, refresh);
  const trouble = h("div", { class: "kbp-note", role: "status" });
  const note = h("div", { class: "kbp-quiet", role: "status" });
  const creation = h("div", { class: "kbp-quiet" });
  const versions = h("select", { "aria-label": "Task version", onchange: () => drawAll() });
  const body = h("tbody");
  const who = h("span");
  const heads = [
    ["state", "State"],
    ["name", who],
    ["id", "Run"],
    ["version", "Version"],
    ["time", "Elapsed", "The whole run on the server, its kernel's start included; below it the task itself"],
    ["result", "Result"],
    ["acts", "", "Actions"],
  ];
  const table = cards(heads, body);
  const area = region("Runs", table);
  const busy = activity(
    store,
    part,
    (name) => ({ retry: "Retry", log: "Open logs", refresh: "Refresh", cancel: "Stop" })[name] ?? name,
  );
  const log = logBelow(store, part);
  const lines = new Map(); // run id -> its row

  function line(row) {
    const cells = heads.map(([kind]) => card(kind));
    const tr = h("tr", { role: "row", "data-run": row.id }, cells);
    const unfold = button("Error", () => toggle(made), { class: "kbp-small", "aria-expanded": "false" });
    const open = button(
      "Log",
      click(() => store.tell(part.name, "log", { candidate: made.row.model })),
      {
        class: "kbp-small",
        "aria-label": `Open the log of ${row.model}`,
      },
    );
    const stop = button(
      "Stop",
      click((event) => stops.ask(event.currentTarget, { run: made.row.id })),
      { class: "kbp-small", "aria-label": `Stop ${row.model}, run ${row.id}` },
    );
    fill(cells[6], h("span", { class: "kbp-actions" }, unfold, open, stop));
    const made = { tr, cells, unfold, open, stop, row: {}, detail: null };
    return made;
  }

  async function toggle(made) {
    if (made.detail) {
      made.detail.remove();
      made.detail = null;
      return made.unfold.setAttribute("aria-expanded", "false");
    }
    const text = wholeError(made.row.error);
    made.detail = h(
      "tr",
      { role: "row", class: "kbp-detail" },
      h("td", { role: "cell", colspan: heads.length }, text),
    );
    made.tr.after(made.detail);
    made.unfold.setAttribute("aria-expanded", "true");
    const answer = await store.ask(part.name, "error", { run: made.row.id });
    say(text, answer.text);
  }

  function draw(made, row) {
    const before = made.row;
    made.row = row;
    const [state, model, run, version, , result] = made.cells;
    if (before.word !== row.word || before.tone !== row.tone) fill(state, mark(row.word, row.tone));
    if (before.model !== row.model || before.version !== row.version)
      fill(model, row.model, narrowVersion(row));
    say(run, row.id);
    say(version, row.version ?? "");
    elapsed(made);
    if (before.result !== row.result || before.error !== row.error || before.note !== row.note)
      fill(
        result,
        row.error
          ? h("span", { class: "kbp-why" }, row.error)
          : row.result
            ? mark(row.result, row.resultTone)
            : row.note
              ? h("span", { class: "kbp-why kbp-quiet" }, row.note)
              : null,
      );
    made.unfold.hidden = !row.error;
    made.unfold.setAttribute("aria-label", `Error of ${row.model}, run ${row.id}`);
    if (!row.stops && document.activeElement === made.stop) made.open.focus();
    made.stop.hidden = !row.stops;
  }

  // What a run waited before it began is no part of it, and the server need not tell since when it waits.
  function elapsed(made) {
    const { start, end, ended, waits, took } = made.row;
    const until = end ?? (ended ? null : Date.now() - store.skew);
    const text = waits || !start || !until ? "" : span(until - start);
    if (made.spent !== text || made.took !== took)
      fill(made.cells[4], text, took ? h("div", { class: "kbp-quiet" }, `task took ${took}`) : null);
    Object.assign(made, { spent: text, took });
  }

  // Runs of the version that is chosen: the newest one unless somebody wants another.
  const versionOf = (row) => row.version ?? part.state.version;
  function shownRows() {
    const every = [...part.rows.values()];
    return versions.value === ALL_VERSIONS
      ? every
      : every.filter((row) => String(versionOf(row)) === chosenVersion());
  }
  const chosenVersion = () => versions.value || String(part.state.version);

  function drawVersions() {
    const { version } = part.state;
    const known = [...new Set([version, ...[...part.rows.values()].map(versionOf)])].sort((a, b) => b - a);
    versions.hidden = known.length < 2;
    if (!isNews(versions, known, version)) return;
    const before = versions.value;
    fill(
      versions,
      h("option", { value: "" }, `Version ${version}`),
      known
        .filter((one) => one !== version)
        .map((one) => h("option", { value: String(one) }, `Version ${one}`)),
      h("option", { value: ALL_VERSIONS }, "All versions"),
    );
    versions.value = before;
  }

  function summary() {
    const every = shownRows();
    const ended = every.filter((row) => row.ended).length;
    const words = new Map();
    for (const row of every) words.set(row.word, { n: (words.get(row.word)?.n ?? 0) + 1, tone: row.tone });
    fill(
      counts,
      [...words].map(([word, { n, tone }]) => mark(`${n} ${word}`, tone)),
    );
    bar.max = every.length || 1;
    bar.value = ended;
    say(heard, `${ended} of ${plural(every.length, "run")} ended`);
    // What "retry" means: candidates whose newest run of the newest version errored.
    const newest = new Map();
    for (const row of part.rows.values()) {
      const now = row.version === part.state.version || row.version === null;
      if (now && row.id > (newest.get(row.model)?.id ?? -1)) newest.set(row.model, row);
    }
    const errored = [...newest.values()].filter((row) => row.word === "errored").length;
    retry.hidden = !errored;
    say(retry, `Retry ${errored} errored`);
    enable(retry, !part.state.busy);
    const going = [...part.rows.values()].filter((row) => row.stops).length; // of any version, as it stops them
    if (going < 2 && document.activeElement === stopAll) refresh.focus();
    stopAll.hidden = going < 2;
    say(stopAll, `Stop all ${going}…`);
    enable(stopAll, !part.state.busy);
    for (const { stop } of lines.values()) enable(stop, !part.state.busy);
    for (const node of [refresh, logs]) enable(node, !part.state.busy && (node !== logs || part.rows.size));
  }

  const timer = setInterval(() => {
    if (document.hidden || !area.isConnected) return;
    for (const made of lines.values()) if (!made.row.ended && made.row.start) elapsed(made);
  }, 1000);

  function update(news) {
    // Another view, or a connection that is back, has everything told again: what is unfolded here stays.
    for (const [key, made] of lines) {
      if (!news.replace || part.rows.has(key)) continue;
      made.tr.remove();
      made.detail?.remove();
      lines.delete(key);
    }
    for (const row of news.replace ? part.rows.values() : news.rows) {
      const key = String(row.id);
      let made = lines.get(key);
      if (!made) {
        made = line(row);
        lines.set(key, made);
        // The newest on top: that is what was just started.
        const next = [...lines.keys()]
          .map(Number)
          .filter((id) => id < row.id)
          .sort((a, b) => b - a)[0];
        body.insertBefore(made.tr, next === undefined ? null : lines.get(String(next)).tr);
      }
      draw(made, row);
    }
    drawAll();
  }

  // What hangs on all rows, and on the version that is chosen.
  function drawAll() {
    const { task, version, page: href, trouble: what, note: text, creation: far } = part.state;
    drawVersions();
    const seen = new Set(shownRows().map((row) => String(row.id)));
    for (const [key, made] of lines) {
      made.tr.hidden = !seen.has(key);
      if (made.detail) made.detail.hidden = made.tr.hidden;
    }
    const which =
      versions.value === ALL_VERSIONS ? ", all versions" : version ? `, version ${chosenVersion()}` : "";
    say(who, whose(part));
    say(title, `Runs of ${task ?? ""}${which}${seen.size ? "" : ": none yet"}`);
    page.hidden = !/^https:\/\//.test(href ?? "");
    if (!page.hidden) page.href = href;
    say(trouble, what);
    trouble.hidden = !what;
    say(note, text);
    say(pace, part.state.pace);
    cluster.update();
    note.hidden = !text;
    say(creation, far);
    creation.hidden = !far;
    area.hidden = !seen.size;
    bar.hidden = !seen.size;
    busy.update();
    summary();
    stops.update();
    log.show(part.state.log?.model_id ?? null);
  }

  fill(
    host,
    h(
      "section",
      { class: "kbp-status", "aria-label": "Runs" },
      h(
        "div",
        { class: "kbp-row" },
        title,
        h("span", { class: "kbp-gap" }),
        page,
        versions,
        retry,
        stopAll,
        logs,
        refresh,
      ),
      h("div", { class: "kbp-row" }, bar, counts, pace, heard),
      cluster.el,
      trouble,
      note,
      creation,
      stops.el,
      busy.work,
      busy.problem,
      area,
      log.el,
    ),
  );
  part.listeners.add(update);
  update({ rows: [], replace: true });
  return () => {
    clearInterval(timer);
    part.listeners.delete(update);
    log.show(null);
  };
}
