// Run status (run_status.py): a row a run, changed in place.
import { button, fill, h, plural, say } from "../widgets/elements.js";
import { activity, click, enable, mark, span, teller } from "./base.js";
import { card, cards, narrowVersion, region, wholeError } from "./cards.js";

export function statusPart(store, part, host) {
  const title = h("h3", { class: "kbp-title" });
  const page = h("a", { target: "_blank", rel: "noopener noreferrer" }, "Open on Kaggle");
  const bar = h("progress", { "aria-label": "Runs that have ended" });
  const counts = h("span", { class: "kbp-counts" });
  const heard = h("span", { class: "kbp-heard", role: "status" });
  const retry = teller(store, part, "", "retry");
  const logs = teller(store, part, "Open logs", "log");
  const refresh = teller(store, part, "Refresh", "refresh");
  const trouble = h("div", { class: "kbp-note", role: "status" });
  const note = h("div", { class: "kbp-quiet", role: "status" });
  const body = h("tbody");
  const heads = [
    ["state", "State"],
    ["name", "Model"],
    ["id", "Run"],
    ["version", "Version"],
    ["time", "Elapsed", "The whole run on the server, from its start to its end"],
    ["result", "Result"],
    ["acts", "", "Actions"],
  ];
  const table = cards(heads, body);
  const area = region("Runs", table);
  const busy = activity(
    store,
    part,
    (name) => ({ retry: "Retry", cancel: "Stop", log: "Open logs", refresh: "Refresh" })[name] ?? name,
  );
  const logHost = h("div", { class: "kbp-slot" });
  const logBar = h(
    "div",
    { class: "kbp-row" },
    h("span", { class: "kbp-gap" }),
    teller(store, part, "Close logs", "close_log", { class: "kbp-small" }),
  );
  const lines = new Map(); // run id -> its row
  let log = null;

  function line(row) {
    const cells = heads.map(([kind]) => card(kind));
    const tr = h("tr", { role: "row", "data-run": row.id }, cells);
    const unfold = button("Error", () => toggle(made), { class: "kbp-small", "aria-expanded": "false" });
    const open = button(
      "Log",
      click(() => store.tell(part.name, "log", { model: made.row.model })),
      {
        class: "kbp-small",
        "aria-label": `Open the log of ${row.model}`,
      },
    );
    const stop = button("Stop", () => halt(made), { class: "kbp-small" });
    stop.addEventListener("blur", () => sure(made, false));
    fill(cells[6], h("span", { class: "kbp-actions" }, stop, unfold, open));
    const made = { tr, cells, unfold, open, stop, row: {}, detail: null };
    return made;
  }

  // The first press asks, the second one stops: what a run has done so far is lost then.
  function halt(made) {
    if (!made.sure) return sure(made, true);
    sure(made, false);
    store.tell(part.name, "cancel", { run: made.row.id, confirmed: true });
  }

  function sure(made, asked) {
    made.sure = asked;
    say(made.stop, asked ? "Really stop?" : "Stop");
    const { model, id } = made.row;
    made.stop.setAttribute("aria-label", `${made.stop.textContent} ${model}, run ${id}`);
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
        row.result
          ? mark(row.result, row.resultTone)
          : row.error
            ? h("span", { class: "kbp-why" }, row.error)
            : row.note
              ? h("span", { class: "kbp-why kbp-quiet" }, row.note)
              : null,
      );
    made.stop.hidden = row.ended;
    sure(made, made.sure && !row.ended);
    made.unfold.hidden = !row.error;
    made.unfold.setAttribute("aria-label", `Error of ${row.model}, run ${row.id}`);
  }

  function elapsed(made) {
    const { start, end, ended } = made.row;
    const until = end ?? (ended ? null : Date.now() - store.skew);
    say(made.cells[4], start && until ? span(until - start) : "");
  }

  function summary() {
    const every = [...part.rows.values()];
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
    // What "retry" means: models whose newest run of the newest version errored.
    const newest = new Map();
    for (const row of every) {
      const now = row.version === part.state.version || row.version === null;
      if (now && row.id > (newest.get(row.model)?.id ?? -1)) newest.set(row.model, row);
    }
    const errored = [...newest.values()].filter((row) => row.word === "errored").length;
    retry.hidden = !errored;
    say(retry, `Retry ${errored} errored`);
    enable(retry, !part.state.busy);
    for (const node of [refresh, logs]) enable(node, !part.state.busy && (node !== logs || every.length));
  }

  const timer = setInterval(() => {
    if (document.hidden || !area.isConnected) return;
    for (const made of lines.values()) if (!made.row.ended && made.row.start) elapsed(made);
  }, 1000);

  async function showLog() {
    const wanted = part.state.log?.model_id ?? null;
    if (wanted === log) return;
    log = wanted;
    logHost.replaceChildren();
    if (!wanted) return;
    const manager = store.model.widget_manager;
    const model = await manager.get_model(wanted);
    const view = await manager.create_view(model);
    if (log === wanted) logHost.replaceChildren(logBar, view.el);
  }

  function update(news) {
    if (news.replace) {
      lines.clear();
      body.replaceChildren();
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
    const { task, version, page: href, trouble: what, note: text } = part.state;
    const versions = new Set([...part.rows.values()].map((row) => row.version ?? version));
    const which = !version
      ? ""
      : versions.size > 1
        ? ", all versions"
        : versions.size && !versions.has(version)
          ? `: none of version ${version} yet`
          : `, version ${version}`;
    say(title, `Runs of ${task ?? ""}${which}`);
    page.hidden = !/^https:\/\//.test(href ?? "");
    if (!page.hidden) page.href = href;
    say(trouble, what);
    trouble.hidden = !what;
    say(note, text);
    note.hidden = !text;
    area.hidden = !part.rows.size;
    busy.update();
    summary();
    showLog();
  }

  fill(
    host,
    h(
      "section",
      { class: "kbp-status", "aria-label": "Runs" },
      h("div", { class: "kbp-row" }, title, h("span", { class: "kbp-gap" }), page, retry, logs, refresh),
      h("div", { class: "kbp-row" }, bar, counts, heard),
      trouble,
      note,
      busy.work,
      busy.problem,
      area,
      logHost,
    ),
  );
  part.listeners.add(update);
  update({ rows: [], replace: true });
  return () => {
    clearInterval(timer);
    part.listeners.delete(update);
  };
}
