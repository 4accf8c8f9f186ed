// What all panels share: marks, buttons, the store of their parts, and how a part is drawn.
import { button, fill, h, isNews, say } from "../widgets/elements.js";
import { Store } from "../widgets/store.js";

// What draws each kind of part, by name: (store, part, host) => what ends it. panel.js fills it.
export const COMPONENTS = {};

// A state as colour, shape and word. The shapes (SIGNS) are those of all other places, put before by panel.py.
export function mark(word, tone) {
  return h(
    "span",
    { class: `kbp-mark kbp-${tone || "quiet"}` },
    h("span", { class: "kbp-sign", "aria-hidden": "true" }, SIGNS[tone] ?? "·"),
    word,
  );
}

// A button that cannot be used stays where the keyboard can find it.
export function enable(node, usable) {
  if (usable) node.removeAttribute("aria-disabled");
  else node.setAttribute("aria-disabled", "true");
}
const usable = (node) => node.getAttribute("aria-disabled") !== "true";
export const click = (act) => (event) => usable(event.currentTarget) && act(event);

// A question, to which a key is no answer that was held since it led here.
export function question(label) {
  const onkeydown = (event) => event.repeat && ["Enter", " "].includes(event.key) && event.preventDefault();
  return h("div", { class: "kbp-confirm", role: "group", "aria-label": label, hidden: true, onkeydown });
}

// A button that has the kernel's part do something.
export const teller = (store, part, label, verb, props) =>
  button(
    label,
    click(() => store.tell(part.name, verb)),
    props,
  );

export function span(ms) {
  const s = Math.max(0, ms / 1000);
  if (s < 60) return `${s < 10 ? s.toFixed(1) : Math.floor(s)} s`;
  const minutes = Math.floor(s / 60);
  if (minutes < 60) return `${minutes} min ${String(Math.floor(s % 60)).padStart(2, "0")} s`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`;
}

let idents = 0;
export const ident = (what) => `kbp-${what}-${++idents}`;

const MOMENT_MS = 300; // that a click may take without a word of it
const PATIENCE_MS = 5000; // for a sign of life after a click

// The parts as the kernel told them, and who wants to know.
export class PanelStore extends Store {
  constructor(model) {
    super(model, { form: () => this.form, ask: () => this.refresh() });
    this.parts = new Map();
    this.last = 0;
    this.skew = 0;
    this.form = null; // what is saved of the panel, as the kernel last said
    // A document that is closed takes its connection along before its views can say that they end.
    this.document.context?.sessionContext.disposed.connect(() => {
      for (const view of this.views) this.close(view);
    });
  }

  part(name) {
    if (!this.parts.has(name))
      this.parts.set(name, { name, state: {}, rows: new Map(), listeners: new Set() });
    return this.parts.get(name);
  }

  // A view is its name, and what it does when the kernel falls silent or answers again.
  open(view) {
    this.views.add(view);
    this.send({ hello: view.name });
  }

  close(view) {
    this.views.delete(view);
    this.send({ bye: view.name });
  }

  // Asks for everything again, and for a sign of life.
  refresh() {
    for (const view of this.views) this.send({ hello: view.name });
    this.send({ seen: true });
  }

  tell(name, verb, more = {}) {
    const seen = this.waiting ? {} : { seen: true };
    this.waiting ??= setTimeout(() => this.setSilent(true), PATIENCE_MS);
    this.send({ part: name, do: verb, ...seen, ...more });
  }

  heard() {
    clearTimeout(this.waiting);
    this.waiting = null;
    this.setSilent(false);
    this.document.heard();
  }

  setSilent(silent) {
    this.waiting = null;
    super.setSilent(silent);
  }

  ask(name, verb, more = {}) {
    const number = ident("ask");
    return new Promise((resolve) => {
      this.asked.set(number, resolve);
      this.tell(name, verb, { ...more, ask: number });
    });
  }

  receive(message) {
    this.heard();
    if (message.form) {
      this.form = message.form;
      this.document.changed();
    }
    if (message.closed) this.document.leave();
    if (message.reply !== undefined) {
      this.asked.get(message.reply)?.(message);
      this.asked.delete(message.reply);
      return;
    }
    if (message.n === undefined) return;
    // A number that is missing is a message that was lost: then everything is asked for again.
    if (this.last && message.n > this.last + 1) this.refresh();
    this.last = message.n;
    this.skew = Date.now() - message.time;
    const part = this.part(message.part);
    if (message.replace) part.rows.clear();
    for (const row of message.rows ?? []) part.rows.set(String(row.id), row);
    Object.assign(part.state, message.set ?? {});
    const news = {
      keys: new Set(Object.keys(message.set ?? {})),
      rows: message.rows ?? [],
      replace: !!message.replace,
    };
    for (const listener of [...part.listeners]) listener(news);
  }

  dispose() {
    clearTimeout(this.waiting);
    super.dispose();
  }
}

// Draws the part of that name in `host`, and whichever takes its place; returns what ends it.
export function mount(store, name, host) {
  const part = store.part(name);
  let end = null;
  const draw = () => {
    if (end || !part.state.kind) return;
    end = COMPONENTS[part.state.kind](store, part, host) ?? (() => {});
  };
  part.listeners.add(draw);
  draw();
  return () => {
    part.listeners.delete(draw);
    end?.();
    host.replaceChildren();
  };
}

// A place for a part inside another, named by the outer one's state.
export function slot(store) {
  const host = h("div", { class: "kbp-slot" });
  let shown = null;
  let end = null;
  return {
    el: host,
    show(name) {
      if (name === shown) return;
      end?.();
      end = null;
      shown = name;
      if (name) end = mount(store, name, host);
    },
    end: () => end?.(),
  };
}

// What to know beside what a part shows. Drawn anew only when it changes, so that it is read aloud once.
export function notesOf(part) {
  const el = h("div", { class: "kbp-note", role: "status", hidden: true });
  const update = () => {
    const told = part.state.notes ?? [];
    if (isNews(el, told))
      fill(
        el,
        told.map((text) => h("div", {}, mark(text, "warn"))),
      );
    el.hidden = !told.length;
  };
  return { el, update };
}

// What a part is doing, and what went wrong. `words` gives what was tried the name its button has.
export function activity(store, part, words = (name) => name) {
  const line = h("div", { class: "kbp-progress-line" });
  const bar = h("progress", { "aria-label": "progress" });
  const said = h("ul", { class: "kbp-said" });
  const written = h("pre", { class: "kbp-written", tabindex: "0", role: "region", "aria-label": "Output" });
  const stop = teller(store, part, "Stop", "stop", { class: "kbp-small" });
  const work = h(
    "div",
    { class: "kbp-work", role: "status" },
    h("div", { class: "kbp-row" }, bar, line, stop),
    said,
    written,
  );
  const dismiss = teller(store, part, "Dismiss", "dismiss", { class: "kbp-small" });
  const problem = h("div", { class: "kbp-problem", role: "alert" });
  let since = 0; // when it became busy; what is over in a moment need not be said to be going on
  const update = () => {
    const {
      busy,
      progress,
      said: lines = [],
      written: text = "",
      problem: why = [],
      failed,
      stopped,
      stopping,
    } = part.state;
    if (!busy) since = 0;
    else if (!since) {
      since = performance.now();
      setTimeout(update, MOMENT_MS);
    }
    work.hidden = !busy || (!progress && !lines.length && performance.now() - since < MOMENT_MS - 1);
    say(line, stopping ? "Stopping at the next sign of life…" : (progress?.text ?? (busy ? "Working…" : "")));
    if (progress?.total) {
      bar.max = progress.total;
      bar.value = progress.done ?? 0;
    } else bar.removeAttribute("value");
    enable(stop, !stopping);
    const recent = lines.slice(-6);
    if (isNews(said, recent))
      fill(
        said,
        recent.map((text) => h("li", {}, text)),
      );
    written.hidden = !text;
    if (text) {
      say(written, text);
      written.scrollTop = written.scrollHeight;
    }
    const name = failed ? words(failed) : "This";
    const told = why.length > 0 || !!stopped;
    if (isNews(problem, told && name, why, stopped)) {
      problem.classList.toggle("kbp-stopped", told && !why.length);
      if (!told) fill(problem);
      else if (why.length)
        fill(
          problem,
          mark(`${name} did not work`, "bad"),
          h("pre", { class: "kbp-words" }, why.join("\n")),
          dismiss,
        );
      else fill(problem, mark(`${name}: stopped`, "quiet"), h("p", {}, stopped), dismiss);
    }
    problem.hidden = !told;
  };
  return { work, problem, update };
}
