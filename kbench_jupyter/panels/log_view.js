// The browser's side of the log view (kbench_jupyter/panels/log_view.py).
//
// The lines are in the kernel. A `Store`, one a widget, holds those that were lately sent or asked for and
// speaks with the kernel (the messages are described in log_pump.py); each `View` draws the few rows that
// are seen. Everything a run printed is put into text nodes: it is never parsed as HTML.

const PAGE = 256; // lines kept and let go together
const CACHE_BYTES = 12e6; // of lines held in the browser
const ROW = 18; // pixels; every row has this height, so that any line's place is known without drawing
const MOST_PIXELS = 8e6; // browsers do not draw higher elements; longer logs are scrolled in proportion
const ASK_MS = 8000;
const ACK_MS = 1000;
const TAIL = 100; // lines of a run in the static form
const RUNS = 20; // runs in the static form
const TAILS_MS = 3000; // until the tails of runs not looked at are asked for

const number = (n) => n.toLocaleString("en-US");
const lines = (n) => `${number(n)} ${n === 1 ? "line" : "lines"}`;
const clamp = (value, low, high) => Math.max(low, Math.min(high, value));

function make(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(props)) {
    if (key === "class") node.className = value;
    else if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (value !== undefined) node.setAttribute(key, value);
  }
  node.append(...children);
  return node;
}

// -- Text: colours, and what must only appear ---------------------------------------------------------------

// What a terminal or a browser would act on, tabs aside: control characters, marks that reorder text, line
// separators. They are spelled out.
const ACTED_ON = /[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;
const SGR = /\x1b\[([0-9;:]*)m/g;

const spelled = (c) => {
  const code = c.charCodeAt(0);
  return code < 256 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u${code.toString(16).padStart(4, "0")}`;
};

function colour256(n) {
  if (n < 16) return null;
  if (n >= 232) return `rgb(${Array(3).fill(8 + (n - 232) * 10).join(",")})`;
  const step = (i) => (i ? 55 + i * 40 : 0);
  const m = n - 16;
  return `rgb(${step(Math.floor(m / 36))},${step(Math.floor(m / 6) % 6)},${step(m % 6)})`;
}

function obey(style, params) {
  const codes = (params || "0").split(/[;:]/).map((p) => Number(p) || 0);
  for (let i = 0; i < codes.length; i++) {
    const code = codes[i];
    if (code === 0) for (const key of Object.keys(style)) delete style[key];
    else if (code === 1) style.bold = true;
    else if (code === 2) style.dim = true;
    else if (code === 3) style.italic = true;
    else if (code === 4) style.underline = true;
    else if (code === 7) style.inverse = true;
    else if (code === 9) style.strike = true;
    else if (code === 22) style.bold = style.dim = false;
    else if (code === 23) style.italic = false;
    else if (code === 24) style.underline = false;
    else if (code === 27) style.inverse = false;
    else if (code === 29) style.strike = false;
    else if (code === 39) style.fg = null;
    else if (code === 49) style.bg = null;
    else if (code === 38 || code === 48) {
      const key = code === 38 ? "fg" : "bg";
      if (codes[i + 1] === 5) {
        const n = clamp(codes[i + 2] ?? 0, 0, 255);
        style[key] = colour256(n) ?? n;
        i += 2;
      } else if (codes[i + 1] === 2) {
        style[key] = `rgb(${[2, 3, 4].map((k) => clamp(codes[i + k] ?? 0, 0, 255)).join(",")})`;
        i += 4;
      }
    } else if (code >= 30 && code <= 37) style.fg = code - 30;
    else if (code >= 90 && code <= 97) style.fg = code - 82;
    else if (code >= 40 && code <= 47) style.bg = code - 40;
    else if (code >= 100 && code <= 107) style.bg = code - 92;
  }
}

// Cuts a line into pieces of one style; `control` ones are what was spelled out.
function piecesOf(text) {
  const pieces = [];
  const style = {};
  const add = (raw) => {
    let place = 0;
    for (const match of raw.matchAll(ACTED_ON)) {
      if (match.index > place) pieces.push({ text: raw.slice(place, match.index), style: { ...style } });
      pieces.push({ text: spelled(match[0]), style: { ...style, control: true } });
      place = match.index + 1;
    }
    if (place < raw.length) pieces.push({ text: raw.slice(place), style: { ...style } });
  };
  if (!text.includes("\x1b")) add(text);
  else {
    let place = 0;
    for (const match of text.matchAll(SGR)) {
      add(text.slice(place, match.index));
      obey(style, match[1]);
      place = match.index + match[0].length;
    }
    add(text.slice(place));
  }
  return pieces;
}

function styled(piece) {
  const { style } = piece;
  const names = ["bold", "dim", "italic", "underline", "strike", "inverse", "control"];
  const classes = names.filter((name) => style[name]).map((name) => `kbl-${name}`);
  for (const key of ["fg", "bg"]) if (typeof style[key] === "number") classes.push(`kbl-${key}${style[key]}`);
  if (!classes.length && !style.fg && !style.bg) return document.createTextNode(piece.text);
  const span = make("span", { class: classes.join(" ") });
  if (typeof style.fg === "string") span.style[style.inverse ? "backgroundColor" : "color"] = style.fg;
  if (typeof style.bg === "string") span.style[style.inverse ? "color" : "backgroundColor"] = style.bg;
  span.textContent = piece.text;
  return span;
}

// Puts a line's text into a row, with what is searched for marked.
function drawText(target, text, needle) {
  let pieces = piecesOf(text);
  if (needle) {
    const whole = pieces.map((piece) => piece.text).join("").toLowerCase();
    const cuts = [];
    for (let at = whole.indexOf(needle); at >= 0 && cuts.length < 100; at = whole.indexOf(needle, at + needle.length)) {
      cuts.push([at, at + needle.length]);
    }
    if (cuts.length) pieces = marked(pieces, cuts);
  }
  target.replaceChildren(
    ...pieces.map((piece) => {
      const node = styled(piece);
      return piece.hit ? make("mark", {}, node) : node;
    }),
  );
}

function marked(pieces, cuts) {
  const out = [];
  let place = 0;
  for (const piece of pieces) {
    let from = 0;
    const end = place + piece.text.length;
    for (const [first, last] of cuts) {
      if (last <= place || first >= end) continue;
      const a = Math.max(first - place, 0);
      const b = Math.min(last - place, piece.text.length);
      if (a > from) out.push({ ...piece, text: piece.text.slice(from, a) });
      out.push({ ...piece, text: piece.text.slice(a, b), hit: true });
      from = b;
    }
    if (from < piece.text.length) out.push({ ...piece, text: piece.text.slice(from) });
    place = end;
  }
  return out;
}

const isError = (kind) => kind.toLowerCase() === "e"; // a capital: missed when it was written
const plain = (text) => text.replace(SGR, "");
const appear = (text) => plain(text).replace(ACTED_ON, spelled);

// -- The store: what the browser knows ----------------------------------------------------------------------

class Store {
  constructor(model) {
    this.model = model;
    this.runs = new Map();
    this.views = new Set();
    this.ui = { active: null, follow: true, places: new Map(), query: "", errors: false };
    this.bytes = 0;
    this.asked = new Map();
    this.nextAsk = 1;
    this.silent = false; // asked, and no answer
    this.gone = false; // the kernel does not know this panel any more
    this.tick = 0;
    this.acknowledge = null;
    this.liveAtFirst = null;
    this.receive = this.receive.bind(this);
    model.on("msg:custom", this.receive);
    this.document = new StaticForm(model, { form: () => this.form(), ask: () => this.askLife(), gone: () => this.setGone() });
  }

  dispose() {
    clearTimeout(this.acknowledge);
    clearTimeout(this.tailing);
    for (const { timer } of this.asked.values()) clearTimeout(timer);
    this.model.off("msg:custom", this.receive);
    this.document.dispose();
  }

  send(message) {
    try {
      this.model.send(message);
    } catch {
      // No comm: the answer will be missing, and that is what tells.
    }
  }

  // Sends a question; the answer, or null when none comes. An answer in parts is handed out part by part.
  ask(message, onPart) {
    const id = this.nextAsk++;
    return new Promise((resolve) => {
      const entry = { resolve, onPart };
      entry.wait = () => {
        clearTimeout(entry.timer);
        entry.timer = setTimeout(() => {
          this.asked.delete(id);
          this.setSilent(true);
          resolve(null);
        }, ASK_MS);
      };
      entry.wait();
      this.asked.set(id, entry);
      this.send({ ...message, id });
    });
  }

  hello(view) {
    this.send({ t: "hello", view: view.id, run: this.ui.active });
    clearTimeout(this.helloTimer);
    this.helloTimer = setTimeout(() => this.setSilent(true), ASK_MS);
  }

  receive(message) {
    if (!message || typeof message !== "object") return;
    if (message.t === "closed") return this.document.leave();
    clearTimeout(this.helloTimer);
    this.gone = false;
    this.setSilent(false);
    this.document.heard();
    if (message.t === "runs" || message.t === "tick") {
      for (const run of message.runs) this.update(run);
      this.tick = message.tick;
      if (message.t === "tick") this.acknowledgeSoon();
      for (const batch of message.lines ?? []) this.put(batch);
      if (message.t === "runs" && this.liveAtFirst === null) {
        this.liveAtFirst = [...this.runs.values()].some((run) => !run.done);
        this.tailing = setTimeout(() => this.fetchTails(), TAILS_MS);
      }
      if (this.liveAtFirst && [...this.runs.values()].every((run) => run.done)) this.settled();
    } else if (message.t === "lines") {
      this.put(message);
    }
    const entry = this.asked.get(message.id);
    if (entry) {
      entry.onPart?.(message);
      if (message.last === false) entry.wait();
      else {
        clearTimeout(entry.timer);
        this.asked.delete(message.id);
        entry.resolve(message);
      }
    }
    for (const view of this.views) view.schedule();
  }

  acknowledgeSoon() {
    this.acknowledge ??= setTimeout(() => {
      this.acknowledge = null;
      if (this.views.size) this.send({ t: "ack", tick: this.tick });
    }, ACK_MS);
  }

  setSilent(silent) {
    if (this.silent === silent) return;
    this.silent = silent;
    for (const view of this.views) view.schedule();
  }

  update(state) {
    const run = this.runs.get(state.id) ?? { pages: new Map(), n: 0, columns: 0 };
    const n = Math.max(run.n, state.n);
    this.runs.set(state.id, Object.assign(run, state, { n }));
    this.ui.active ??= state.id;
  }

  put({ run: id, from, k, x, c }) {
    const run = this.runs.get(id);
    if (!run) return;
    run.n = Math.max(run.n, from + k.length);
    for (let i = 0; i < k.length; i++) {
      const at = from + i;
      let page = run.pages.get(Math.floor(at / PAGE));
      if (!page) run.pages.set(Math.floor(at / PAGE), (page = { lines: [], bytes: 0 }));
      page.used = performance.now();
      if (page.lines[at % PAGE]) continue;
      const size = 100 + 2 * x[i].length;
      page.lines[at % PAGE] = { kind: k[i], text: x[i], whole: c?.[i] };
      page.bytes += size;
      this.bytes += size;
      run.columns = Math.max(run.columns, x[i].length);
    }
    if (this.bytes > CACHE_BYTES) this.letGo();
  }

  // Lets go of the pages that were not looked at for longest.
  letGo() {
    const pages = [];
    for (const run of this.runs.values()) {
      for (const [index, page] of run.pages) pages.push({ run, index, page });
    }
    pages.sort((a, b) => a.page.used - b.page.used);
    for (const { run, index, page } of pages) {
      if (this.bytes < CACHE_BYTES * 0.75) return;
      run.pages.delete(index);
      this.bytes -= page.bytes;
    }
  }

  line(run, at) {
    const page = run.pages.get(Math.floor(at / PAGE));
    if (page) page.used = performance.now();
    return page?.lines[at % PAGE];
  }

  // Asks for lines that are not here, one question a run at a time; views ask again when they draw.
  async fetch(run, first, last) {
    if (run.asking || this.gone || performance.now() < (run.askAgain ?? 0)) return;
    let from = first;
    while (from < last && this.line(run, from)) from++;
    if (from >= last) return;
    if (from === first) from = Math.max(0, first - 150); // scrolling up: some more above
    while (from < last && this.line(run, from)) from++;
    run.asking = true;
    const answer = await this.ask({ t: "get", run: run.id, from, count: 400 });
    run.asking = false;
    if (!answer?.k.length) run.askAgain = performance.now() + 2000;
    for (const view of this.views) view.schedule();
  }

  // Finds a line when there is no kernel to ask, among those that are here.
  findHere(run, needle, from, direction) {
    const hits = [];
    for (const [index, page] of run.pages) {
      page.lines.forEach((line, i) => {
        if (this.ui.errors && !isError(line.kind)) return;
        if (plain(line.text).toLowerCase().includes(needle)) hits.push(index * PAGE + i);
      });
    }
    hits.sort((a, b) => a - b);
    const behind = hits.findIndex((at) => (direction > 0 ? at > from : at >= from));
    let place = behind < 0 ? 0 : behind;
    if (direction < 0) place = (behind < 0 ? hits.length : behind) - 1;
    if (place < 0) place = hits.length - 1;
    return { total: hits.length, place, line: hits[place] ?? null };
  }

  askLife() {
    for (const view of this.views) this.hello(view);
    clearTimeout(this.helloTimer);
    if (this.views.size) return;
    this.send({ t: "hello", view: "nobody", run: null });
    this.send({ t: "bye", view: "nobody" });
  }

  setGone() {
    this.gone = true;
    for (const view of this.views) view.schedule();
  }

  // -- The static form

  // All runs have ended: what is saved from now on is the last that can be said of them.
  async settled() {
    this.liveAtFirst = false;
    await this.fetchTails();
    this.document.changed();
  }

  // Runs that nobody looked at have not told all of their last lines.
  async fetchTails() {
    for (const run of this.staticRuns()) {
      const from = Math.max(0, run.n - TAIL);
      let first = from;
      while (first < run.n && this.line(run, first)) first++;
      if (first < run.n && !(await this.ask({ t: "get", run: run.id, from: first, count: TAIL }))) return;
    }
  }

  staticRuns() {
    return [...this.runs.values()].slice(0, RUNS);
  }

  tail(run, most = TAIL) {
    const out = [];
    for (let at = Math.max(0, run.n - most); at < run.n; at++) {
      const line = this.line(run, at);
      if (line) out.push(appear(line.text));
    }
    return [...out, ...run.open.map(([, text]) => appear(text))];
  }

  // What is saved of the log view, as it stands; null as long as the page knows nothing.
  form() {
    if (!this.runs.size) return null;
    const title = `Log of ${this.runs.size === 1 ? "1 run" : `${number(this.runs.size)} runs`} of ${this.model.get("task")}`;
    const command = `%kbench log ${this.model.get("task")}`;
    const runs = this.staticRuns().map((run) => ({
      head: appear(`${run.sign} ${run.model} (run ${run.id}): ${run.state}, ${lines(run.n)}`),
      tone: run.tone,
      problem: run.problem,
      text: this.tail(run).join("\n"),
    }));
    const left = this.runs.size - runs.length;
    const more = left > 0 ? `${number(left)} more ${left === 1 ? "run is" : "runs are"} not shown here.` : "";
    const coloured = (tone, text) => make("div", { style: `margin: 4px 0; color: ${STYLES.tones[tone] ?? "inherit"}` }, text);
    const box = make("div", { class: "kbench-view", style: STYLES.view }, make("div", { style: "font-weight: 600; margin-bottom: 4px" }, title));
    for (const run of runs) {
      box.append(coloured(run.tone, run.head));
      if (run.problem) box.append(coloured("bad", run.problem));
      if (run.text) box.append(make("pre", { style: STYLES.code }, run.text));
    }
    if (more) box.append(coloured("warn", more));
    box.append(make("div", { style: `color: ${STYLES.tones.quiet}; font-size: 11px; margin-top: 6px` }, `${this.model.get("label")} \u00b7 ${command}`));
    const parts = runs.map((run) => [run.head, run.problem, run.text].filter(Boolean).join("\n"));
    return { "text/html": box.outerHTML, "text/plain": [title, ...parts, more, command].filter(Boolean).join("\n\n") };
  }
}

// -- The view -----------------------------------------------------------------------------------------------

let serial = 0;

class View {
  constructor(store, el) {
    this.store = store;
    this.id = `${Date.now().toString(36)}-${Math.random().toString(36).slice(2)}`;
    this.key = `kbl${serial++}`;
    this.tabs = new Map();
    this.rows = [];
    this.position = 0; // pixels of the log above what is seen
    this.expected = 0; // the scroll position we know of
    this.frame = 0;
    this.hit = null; // {line, place, total} of the search
    this.build(el);
    this.wanted = store.ui.position; // where another view of this widget was left
    this.seen = store.ui.seen;
    this.scroller.style.height = store.ui.height ?? "";
    this.observer = new ResizeObserver(() => this.schedule());
    this.observer.observe(this.scroller);
    store.views.add(this);
    store.hello(this);
    this.schedule();
  }

  dispose() {
    this.store.views.delete(this);
    Object.assign(this.store.ui, { position: this.position, height: this.scroller.style.height, seen: this.seen });
    this.store.send({ t: "bye", view: this.id });
    this.observer.disconnect();
    cancelAnimationFrame(this.frame);
    clearTimeout(this.searchTimer);
    clearTimeout(this.alignTimer);
    clearTimeout(this.noteTimer);
  }

  get run() {
    return this.store.runs.get(this.store.ui.active);
  }

  build(el) {
    const button = (text, label, action) => make("button", { type: "button", title: label, "aria-label": label, onclick: action }, text);
    this.tablist = make("div", { class: "kbl-tabs", role: "tablist", "aria-label": "Runs", onkeydown: (e) => this.tabKey(e) });
    this.followButton = make("button", { type: "button", class: "kbl-follow", "aria-pressed": "true", onclick: () => this.setFollow(!this.store.ui.follow) });
    this.search = make("input", {
      type: "search", placeholder: "Search", "aria-label": "Search this run's log", spellcheck: "false",
      oninput: () => this.searchSoon(), onkeydown: (e) => this.searchKey(e),
    });
    this.search.value = this.store.ui.query;
    this.errorsButton = make("button", {
      type: "button", class: "kbl-errors", title: "Search lines of stderr only; without a text, step through them", "aria-label": "Search stderr only",
      "aria-pressed": String(this.store.ui.errors), onclick: () => this.toggleErrors(),
    }, "stderr");
    this.found = make("span", { class: "kbl-found", role: "status" });
    this.copyButton = button("Copy", "Copy this run's log", () => this.copy());
    this.saveButton = button("Save", "Save this run's log as a file beside the notebook", () => this.save());
    const bar = make(
      "div", { class: "kbl-bar", role: "toolbar", "aria-label": "Log" },
      this.followButton,
      make("div", { class: "kbl-search" }, this.search, this.errorsButton, button("\u2191", "Previous match", () => this.find(-1)), button("\u2193", "Next match", () => this.find(1)), this.found),
      make("div", { class: "kbl-actions" }, this.copyButton, this.saveButton),
    );
    this.inner = make("div", { class: "kbl-inner" });
    this.empty = make("div", { class: "kbl-empty", role: "status" });
    this.sticky = make("div", { class: "kbl-sticky" }, this.inner, this.empty);
    this.spacer = make("div", { class: "kbl-spacer" }, this.sticky);
    this.scroller = make(
      "div",
      { class: "kbl-scroller", id: `${this.key}-panel`, role: "tabpanel", tabindex: "0", onscroll: () => this.scrolled() },
      this.spacer,
    );
    this.state = make("span", { class: "kbl-state" });
    this.note = make("span", { class: "kbl-note", role: "status" });
    this.banner = make("div", { class: "kbl-banner", role: "alert" });
    this.problem = make("div", { class: "kbl-problem" });
    this.root = make(
      "div",
      { class: "kbl", role: "group", "aria-label": `Log of ${this.store.model.get("task")}`, "data-lm-suppress-shortcuts": "true", onkeydown: (e) => this.key_(e) },
      this.tablist, bar, this.banner, this.problem, this.scroller,
      make("div", { class: "kbl-foot" }, this.state, this.note, make("span", { class: "kbl-label" }, this.store.model.get("label"))),
    );
    el.append(this.root);
  }

  schedule() {
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      this.draw();
    });
  }

  // -- Drawing

  draw() {
    const run = this.run;
    this.drawTabs();
    if (!run) {
      this.state.textContent = this.store.silent ? "" : "Waiting for the kernel \u2026";
      this.drawBanner();
      return;
    }
    const total = run.n + run.open.length;
    const height = this.scroller.clientHeight;
    if (!height) this.drawWhenSeen();
    this.full = total * ROW;
    this.high = Math.min(this.full, MOST_PIXELS);
    this.spacer.style.height = `${Math.max(this.high, height)}px`;
    this.spacer.style.minWidth = `calc(${run.columns}ch + 7.5em)`;
    this.sticky.style.height = `${height}px`;
    this.inner.style.setProperty("--kbl-digits", `${Math.max(4, number(run.n).length)}ch`);
    const most = Math.max(0, this.full - height);
    if (this.store.ui.follow) this.position = most;
    else if (this.wanted !== undefined) this.position = clamp(this.wanted, 0, most);
    else this.position = clamp(this.position, 0, most);
    this.wanted = undefined;
    this.align();
    const first = Math.floor(this.position / ROW);
    const last = Math.min(total, Math.ceil((this.position + height) / ROW));
    this.inner.style.transform = `translateY(${-(this.position % ROW)}px)`;
    this.drawRows(run, first, last);
    this.drawEmpty(run, total);
    if (first < Math.min(last, run.n)) this.store.fetch(run, first, Math.min(last, run.n));
    this.drawFoot(run);
    this.drawBanner();
  }

  // Hidden for a moment (a change of theme does that) the log has no height. An observer that begins anew
  // tells the first height it finds, where one that goes on may miss that there was none.
  drawWhenSeen() {
    this.observer.unobserve(this.scroller);
    this.observer.observe(this.scroller);
  }

  drawEmpty(run, total) {
    const text = total ? "" : run.done ? "This run printed nothing." : "Waiting for the first line \u2026";
    if (this.empty.textContent !== text) this.empty.textContent = text;
  }

  drawTabs() {
    const { runs, ui } = this.store;
    const models = [...runs.values()].map((run) => run.model);
    for (const run of runs.values()) {
      let tab = this.tabs.get(run.id);
      if (!tab) {
        tab = { sign: make("span", { class: "kbl-sign", "aria-hidden": "true" }), name: make("span"), size: make("span", { class: "kbl-size" }) };
        tab.node = make(
          "button",
          { type: "button", role: "tab", id: `${this.key}-tab-${run.id}`, "aria-controls": `${this.key}-panel`, onclick: () => this.show(run.id) },
          tab.sign, tab.name, tab.size,
        );
        this.tabs.set(run.id, tab);
        this.tablist.append(tab.node);
      }
      const twice = models.indexOf(run.model) !== models.lastIndexOf(run.model);
      const active = run.id === ui.active;
      const drawn = JSON.stringify([run.sign, run.tone, run.state, run.n, twice, active, run.problem]);
      if (tab.drawn === drawn) continue;
      tab.drawn = drawn;
      tab.sign.textContent = run.problem ? "!" : run.sign;
      tab.node.dataset.tone = run.problem ? "warn" : run.tone;
      tab.name.textContent = twice ? `${run.model} #${run.id}` : run.model;
      tab.size.textContent = number(run.n);
      tab.node.title = `${run.model}, run ${run.id}: ${run.state}, ${lines(run.n)}`;
      tab.node.setAttribute("aria-label", tab.node.title);
      tab.node.setAttribute("aria-selected", String(active));
      tab.node.tabIndex = active ? 0 : -1;
      if (active) this.scroller.setAttribute("aria-labelledby", tab.node.id);
    }
    this.tablist.hidden = runs.size === 0;
  }

  drawRows(run, first, last) {
    const needle = this.store.ui.query.toLowerCase();
    while (this.rows.length < last - first) {
      const row = { no: make("span", { class: "kbl-no", "aria-hidden": "true" }), tag: make("span", { class: "kbl-tag" }), text: make("span", { class: "kbl-text" }) };
      row.node = make("div", { class: "kbl-row" }, row.no, row.tag, row.text);
      this.rows.push(row);
      this.inner.append(row.node);
    }
    this.rows.forEach((row, i) => {
      const at = first + i;
      row.node.hidden = at >= last;
      if (row.node.hidden) return;
      const open = at >= run.n;
      const line = open ? { kind: run.open[at - run.n][0], text: run.open[at - run.n][1] } : this.store.line(run, at);
      const current = this.hit?.line === at;
      const drawn = `${run.id} ${at} ${open} ${current} ${needle} ${line ? line.kind + line.text : ""}`;
      if (row.drawn === drawn) return;
      row.drawn = drawn;
      const kind = line?.kind ?? "o";
      row.node.className = "kbl-row" + (isError(kind) ? " kbl-err" : "") + (open ? " kbl-open" : "") + (current ? " kbl-current" : "");
      row.no.textContent = number(at + 1);
      row.tag.textContent = (isError(kind) ? "err" : "") + (kind !== kind.toLowerCase() ? " late" : "");
      row.tag.title = kind !== kind.toLowerCase() ? "Missed when it was written: it belongs further up" : "";
      drawText(row.text, line ? line.text : "\u2026", needle);
      if (line?.whole) {
        row.text.append(make("span", { class: "kbl-control" }, ` \u2026 ${number(line.whole)} characters in this line; Copy and Save have them all`));
      }
    });
  }

  drawFoot(run) {
    const { follow } = this.store.ui;
    const below = follow ? 0 : run.n - (this.seen ?? run.n);
    this.followButton.setAttribute("aria-pressed", String(follow));
    const label = `${follow ? "\u25cf" : "\u25cb"} Follow${below > 0 ? ` (${number(below)} new)` : ""}`;
    if (this.followButton.textContent !== label) this.followButton.textContent = label;
    this.followButton.title = follow ? "Following the end of the log: press to pause" : "Paused: press to follow the end of the log";
    const state = `${run.sign} ${run.state} \u00b7 ${lines(run.n)}${run.done ? "" : " so far"}`;
    if (this.state.textContent !== state) this.state.textContent = state;
    if (this.problem.textContent !== run.problem) this.problem.textContent = run.problem;
  }

  drawBanner() {
    let text = "";
    if (this.store.gone) text = "The kernel that read this log is gone. This is what the page had received; run the cell again to read on.";
    else if (this.store.silent) text = "The kernel does not answer: it is busy, or gone. This is what the page had received.";
    if (this.banner.textContent !== text) this.banner.textContent = text;
  }

  say(text) {
    this.note.textContent = text;
    clearTimeout(this.noteTimer);
    this.noteTimer = setTimeout(() => (this.note.textContent = ""), 15000);
  }

  // -- Scrolling: in a log too long for a browser, small moves are exact and long ones in proportion

  get scaled() {
    return this.full > this.high;
  }

  align() {
    const height = this.scroller.clientHeight;
    const most = Math.max(0, this.full - height);
    const wanted = this.scaled ? (this.position / (most || 1)) * (this.high - height) : this.position;
    if (this.scaled && !this.store.ui.follow && performance.now() - (this.movedAt ?? 0) < 200) {
      clearTimeout(this.alignTimer);
      this.alignTimer = setTimeout(() => this.schedule(), 250);
      return;
    }
    if (Math.abs(this.scroller.scrollTop - wanted) >= 1) this.scroller.scrollTop = wanted;
    this.expected = this.scroller.scrollTop;
  }

  scrolled() {
    const top = this.scroller.scrollTop;
    if (Math.abs(top - this.expected) < 0.5) return this.schedule();
    const height = this.scroller.clientHeight;
    const most = Math.max(0, this.full - height);
    const moved = top - this.expected;
    if (!this.scaled) this.position = top;
    else if (top <= 0) this.position = 0;
    else if (top >= this.high - height - 1) this.position = most;
    else if (Math.abs(moved) < 2 * height) this.position += moved;
    else this.position = (top / (this.high - height)) * most;
    this.position = clamp(this.position, 0, most);
    this.expected = top;
    this.movedAt = performance.now();
    const end = this.position >= most - ROW / 2;
    if (end !== this.store.ui.follow) this.setFollow(end);
    this.schedule();
  }

  setFollow(follow) {
    this.store.ui.follow = follow;
    this.seen = this.run?.n;
    this.schedule();
  }

  goTo(line) {
    this.store.ui.follow = false;
    this.seen = this.run?.n;
    this.wanted = line * ROW - this.scroller.clientHeight / 2;
    this.schedule();
  }

  show(id) {
    const { ui } = this.store;
    if (id === ui.active) return;
    ui.places.set(ui.active, { follow: ui.follow, position: this.position, seen: this.seen });
    ui.active = id;
    const place = ui.places.get(id) ?? { follow: true, position: 0 };
    ui.follow = place.follow;
    this.seen = place.seen;
    this.wanted = place.position;
    this.hit = null;
    this.found.textContent = "";
    this.store.send({ t: "show", view: this.id, run: id });
    for (const view of this.store.views) view.schedule();
    this.tabs.get(id)?.node.scrollIntoView({ block: "nearest", inline: "nearest" });
    if (ui.query || ui.errors) this.searchSoon();
  }

  // -- Keys

  tabKey(event) {
    const ids = [...this.tabs.keys()];
    const at = ids.indexOf(this.store.ui.active);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: ids.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const id = ids[(to + ids.length) % ids.length];
    this.show(id);
    this.tabs.get(id).node.focus();
  }

  searchKey(event) {
    if (event.key === "Enter") {
      event.preventDefault();
      this.find(event.shiftKey ? -1 : 1);
    } else if (event.key === "Escape" && this.search.value) {
      event.preventDefault();
      this.search.value = "";
      this.searchSoon();
    }
  }

  key_(event) {
    event.stopPropagation(); // the notebook has keys of its own
    if ((event.ctrlKey || event.metaKey) && event.key === "f") {
      event.preventDefault();
      this.search.focus();
      this.search.select();
    } else if (event.target === this.scroller && (event.key === "End" || event.key === "Home")) {
      event.preventDefault();
      if (event.key === "End") this.setFollow(true);
      else this.goTo(0);
    }
  }

  // -- Search, copy, save

  searchSoon() {
    clearTimeout(this.searchTimer);
    this.searchTimer = setTimeout(() => {
      this.store.ui.query = this.search.value;
      this.hit = null;
      this.find(0);
    }, 200);
  }

  // Pressed in, the first error is shown; released, the view stays where it is.
  toggleErrors() {
    const { ui } = this.store;
    ui.errors = !ui.errors;
    this.hit = null;
    for (const view of this.store.views) view.errorsButton.setAttribute("aria-pressed", String(ui.errors));
    this.find(0);
  }

  async find(direction) {
    const { ui } = this.store;
    const run = this.run;
    clearTimeout(this.searchTimer);
    ui.query = this.search.value;
    const { query, errors } = ui;
    if ((!query && !errors) || !run) {
      this.hit = null;
      this.found.textContent = "";
      this.schedule();
      return;
    }
    const from = this.hit?.line ?? Math.floor(this.position / ROW) - (direction > 0 ? 1 : 0);
    const question = { t: "find", run: run.id, q: query, errors, from, dir: direction };
    let answer = this.store.gone || this.store.silent ? null : await this.store.ask(question);
    if (ui.query !== query || ui.errors !== errors || this.run !== run) return;
    answer ??= this.store.findHere(run, query.toLowerCase(), from, direction);
    this.hit = answer.line === null ? null : answer;
    this.found.textContent = this.hit ? `${number(answer.place + 1)} of ${lines(answer.total)}` : query ? "not found" : "nothing in stderr";
    if (this.hit) this.goTo(this.hit.line);
    else this.schedule();
  }

  async copy() {
    if (this.copying || !this.run) return;
    this.copying = true;
    this.copyButton.disabled = true;
    const parts = [];
    const last = this.store.ask({ t: "text", run: this.run.id }, (message) => parts.push(message.part));
    const text = last.then((answer) => (answer ? parts.join("") : this.store.tail(this.run, this.run.n).join("\n")));
    try {
      await toClipboard(text);
      const answer = await last;
      if (!answer) this.say("Copied what this page has: the kernel does not answer.");
      else this.say(`Copied ${answer.cut ? "the last " : ""}${lines(answer.lines)}.${answer.cut ? " Save keeps all of them." : ""}`);
    } catch {
      this.say("The browser does not let this page use the clipboard. Save writes a file instead.");
    }
    this.copying = false;
    this.copyButton.disabled = false;
  }

  async save() {
    if (this.saving || !this.run) return;
    this.saving = true;
    this.saveButton.disabled = true;
    const answer = await this.store.ask({ t: "save", run: this.run.id });
    if (!answer) this.say("Not saved: the kernel does not answer.");
    else this.say(answer.problem ?? `Saved ${lines(answer.lines)} to ${answer.path}`);
    if (answer?.folder) this.note.title = answer.folder;
    this.saving = false;
    this.saveButton.disabled = false;
  }
}

// The clipboard wants to be written while the click is fresh; the text may come a little later.
async function toClipboard(text) {
  if (navigator.clipboard?.write && window.ClipboardItem) {
    const blob = text.then((whole) => new Blob([whole], { type: "text/plain" }));
    try {
      return await navigator.clipboard.write([new ClipboardItem({ "text/plain": blob })]);
    } catch {
      // Perhaps only the promise was too much for it.
    }
  }
  const whole = await text;
  if (navigator.clipboard?.writeText) return navigator.clipboard.writeText(whole);
  const area = make("textarea", { style: "position: fixed; opacity: 0" });
  area.value = whole;
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  if (!done) throw new Error("no clipboard");
}

// One store a widget, whichever views come and go.
export default () => {
  let store = null;
  return {
    initialize({ model }) {
      store = new Store(model);
      return () => store.dispose();
    },
    render({ el }) {
      const view = new View(store, el);
      return () => view.dispose();
    },
  };
};
