// The browser's side of the log view (view.py): tabs, a bar, rows, a foot.
//
// The lines are in the kernel. A store (store.js), one a widget, holds those that were lately sent or
// asked for; each view draws the few rows that are seen (rows.js).
import { h, number, plural, say } from "../../widgets/elements.js";
import { widget } from "../../widgets/store.js";
import { copyAndSave } from "./export.js";
import { Rows } from "./rows.js";
import { Search } from "./search.js";
import { LogStore } from "./store.js";
import { Tabs } from "./tabs.js";

const GONE =
  "The kernel that read this log is gone. This is what the page had received; run the cell again to read on.";
const SILENT = "The kernel does not answer: it is busy, or gone. This is what the page had received.";

let serial = 0;

class View {
  constructor(store, el) {
    this.store = store;
    this.id = `${Date.now().toString(36)}-${Math.random().toString(36).slice(2)}`;
    this.key = `kbl${serial++}`;
    this.frame = 0;
    this.tabs = new Tabs(this);
    this.rows = new Rows(this);
    this.search = new Search(this);
    this.followButton = h("button", {
      type: "button",
      class: "kbl-follow",
      "aria-pressed": "true",
      onclick: () => this.rows.follow(!store.ui.follow),
    });
    this.wrapButton = h(
      "button",
      {
        type: "button",
        title: "Show long lines whole, on several rows",
        "aria-pressed": "false",
        onclick: () => {
          store.ui.wrap = !store.ui.wrap;
          store.redraw();
        },
      },
      "Wrap",
    );
    this.state = h("span", { class: "kbl-state" });
    this.note = h("span", { class: "kbl-note", role: "status" });
    this.banner = h("div", { class: "kbl-banner", role: "alert" });
    this.problem = h("div", { class: "kbl-problem" });
    el.append(this.root());
    store.views.add(this);
    store.hello(this);
    this.schedule();
  }

  root() {
    const { model } = this.store;
    return h(
      "div",
      {
        class: "kbl tex2jax_ignore", // to nbclassic, dollars would begin a formula
        role: "group",
        "aria-label": `Log of ${model.get("task")}`,
        "data-lm-suppress-shortcuts": "true",
        onkeydown: (event) => this.pressed(event),
      },
      this.tabs.el,
      h(
        "div",
        { class: "kbl-bar", role: "toolbar", "aria-label": "Log" },
        this.followButton,
        this.wrapButton,
        this.search.el,
        copyAndSave(this),
      ),
      this.banner,
      this.problem,
      this.rows.el,
      h(
        "div",
        { class: "kbl-foot" },
        this.state,
        this.note,
        h("span", { class: "kbl-label" }, model.get("label")),
      ),
    );
  }

  dispose() {
    this.store.views.delete(this);
    this.store.send({ t: "bye", view: this.id });
    this.rows.dispose();
    this.search.dispose();
    cancelAnimationFrame(this.frame);
    clearTimeout(this.noteTimer);
  }

  get run() {
    return this.store.runs.get(this.store.ui.active);
  }

  setSilent() {
    this.schedule();
  }

  schedule() {
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      this.draw();
    });
  }

  draw() {
    const { run, store } = this;
    this.tabs.draw(store);
    if (run) {
      this.rows.draw(run);
      this.drawState(run);
    } else say(this.state, store.silent ? "" : "Waiting for the kernel …");
    say(this.banner, store.gone ? GONE : store.silent ? SILENT : "");
  }

  drawState(run) {
    const { follow, wrap } = this.store.ui;
    const below = follow ? 0 : run.n - (this.rows.seen ?? run.n);
    this.followButton.setAttribute("aria-pressed", String(follow));
    this.wrapButton.setAttribute("aria-pressed", String(!!wrap));
    say(this.followButton, `${follow ? "●" : "○"} Follow${below > 0 ? ` (${number(below)} new)` : ""}`);
    this.followButton.title = follow
      ? "Following the end of the log: press to pause"
      : "Paused: press to follow the end of the log";
    say(
      this.state,
      `${run.sign} ${run.state} · ${plural(run.n, "line")}${run.done ? "" : " so far"}`.trimStart(),
    );
    say(this.problem, run.problem);
  }

  // Tells what came of a button.
  say(text) {
    this.note.textContent = text;
    clearTimeout(this.noteTimer);
    this.noteTimer = setTimeout(() => say(this.note, ""), 15000);
  }

  show(id) {
    const { ui } = this.store;
    if (id === ui.active) return;
    ui.places.set(ui.active, this.rows.place);
    ui.active = id;
    this.rows.place = ui.places.get(id) ?? { follow: true, position: 0 };
    this.store.send({ t: "show", view: this.id, run: id });
    this.store.redraw();
    this.tabs.reveal(id);
    this.search.again();
  }

  pressed(event) {
    event.stopPropagation(); // the notebook has keys of its own
    if ((event.ctrlKey || event.metaKey) && event.key === "f") {
      event.preventDefault();
      this.search.field.focus();
      this.search.field.select();
    } else if (event.target === this.rows.el && (event.key === "End" || event.key === "Home")) {
      event.preventDefault();
      if (event.key === "End") this.rows.follow(true);
      else this.rows.goTo(0);
    }
  }
}

export default widget(LogStore, (store, el) => {
  const view = new View(store, el);
  return () => view.dispose();
});
