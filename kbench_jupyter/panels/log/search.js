// Search in one run's log: for a text, for lines of stderr, or for both. The kernel searches all lines.
import { button, h, number, plural } from "../../widgets/elements.js";
import { plain } from "./ansi.js";
import { isStderr } from "./line.js";

// Finds a line when there is no kernel to ask, among those that are here.
function findHere(store, run, needle, from, direction) {
  const hits = [];
  for (const [at, line] of store.linesOf(run)) {
    if (store.ui.errors && !isStderr(line.kind)) continue;
    if (plain(line.text).toLowerCase().includes(needle)) hits.push(at);
  }
  hits.sort((a, b) => a - b);
  const behind = hits.findIndex((at) => (direction > 0 ? at > from : at >= from));
  let place = Math.max(behind, 0);
  if (direction < 0) place = (behind < 0 ? hits.length : behind) - 1;
  if (place < 0) place = hits.length - 1;
  return { total: hits.length, place, line: hits[place] ?? null };
}

export class Search {
  constructor(view) {
    this.view = view;
    this.store = view.store;
    this.ui = view.store.ui;
    this.hit = null; // {line, place, total}
    this.field = h("input", {
      type: "search",
      placeholder: "Search",
      "aria-label": "Search this run's log",
      spellcheck: "false",
      oninput: () => this.soon(),
      onkeydown: (event) => this.key(event),
    });
    this.field.value = this.ui.query;
    this.errors = h(
      "button",
      {
        type: "button",
        class: "kbl-errors",
        title: "Search lines of stderr only; without a text, step through them",
        "aria-label": "Search stderr only",
        "aria-pressed": String(this.ui.errors),
        onclick: () => this.toggleErrors(),
      },
      "stderr",
    );
    this.found = h("span", { class: "kbl-found", role: "status" });
    const step = (sign, label, direction) =>
      button(sign, () => this.find(direction), { title: label, "aria-label": label });
    const steps = h(
      "span",
      { class: "kbl-steps" },
      step("↑", "Previous match", -1),
      step("↓", "Next match", 1),
    );
    this.el = h("div", { class: "kbl-search" }, this.field, this.errors, steps, this.found);
  }

  dispose() {
    clearTimeout(this.timer);
  }

  key(event) {
    if (event.key === "Enter") {
      event.preventDefault();
      this.find(event.shiftKey ? -1 : 1);
    } else if (event.key === "Escape" && this.field.value) {
      event.preventDefault();
      this.field.value = "";
      this.soon();
    }
  }

  soon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.hit = null;
      this.find(0);
    }, 200);
  }

  // Another run is shown.
  again() {
    this.clear();
    if (this.ui.query || this.ui.errors) this.soon();
  }

  clear() {
    this.hit = null;
    this.found.textContent = "";
  }

  // Pressed in, the first error is shown; released, the view stays where it is.
  toggleErrors() {
    this.ui.errors = !this.ui.errors;
    this.hit = null;
    for (const { search } of this.store.views)
      search.errors.setAttribute("aria-pressed", String(this.ui.errors));
    this.find(0);
  }

  async find(direction) {
    const { store, ui } = this;
    const { run, rows } = this.view;
    clearTimeout(this.timer);
    ui.query = this.field.value;
    const { query, errors } = ui;
    if ((!query && !errors) || !run) {
      this.clear();
      this.view.schedule();
      return;
    }
    const from = this.hit?.line ?? rows.top - (direction > 0 ? 1 : 0);
    const question = { t: "find", run: run.id, q: query, errors, from, dir: direction };
    let answer = store.gone || store.silent ? null : await store.ask(question);
    if (ui.query !== query || ui.errors !== errors || this.view.run !== run) return;
    answer ??= findHere(store, run, query.toLowerCase(), from, direction);
    this.hit = answer.line === null ? null : answer;
    const nothing = query ? "not found" : "nothing in stderr";
    this.found.textContent = this.hit
      ? `${number(answer.place + 1)} of ${plural(answer.total, "line")}`
      : nothing;
    if (this.hit) rows.goTo(this.hit.line);
    else this.view.schedule();
  }
}
