// What the page knows of the logs: the lines that were lately sent or asked for.
//
// All lines are in the kernel; the messages are described in pump.py.

import { Store } from "../../widgets/store.js";
import { fetchTails, formOf } from "./form.js";

export const EVERY = 0; // the id under which all runs' lines stand together
const PAGE = 256; // lines kept and let go together
const CACHE_BYTES = 12e6; // of lines held in the browser
const ASK_MS = 8000;
const ACK_MS = 1000;
const TAILS_MS = 3000; // until the tails of runs not looked at are asked for

export class LogStore extends Store {
  constructor(model) {
    super(model, { form: () => formOf(this), ask: () => this.askLife(), gone: () => this.setGone() });
    this.runs = new Map();
    this.ui = { active: null, follow: true, places: new Map(), query: "", errors: false };
    this.bytes = 0;
    this.nextAsk = 1;
    this.gone = false; // the kernel does not know this panel any more
    this.tick = 0;
    this.acknowledge = null;
    this.liveAtFirst = null;
  }

  dispose() {
    clearTimeout(this.acknowledge);
    clearTimeout(this.tailing);
    for (const { timer } of this.asked.values()) clearTimeout(timer);
    super.dispose();
  }

  redraw() {
    for (const view of this.views) view.schedule();
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

  answered(message) {
    const entry = this.asked.get(message.id);
    if (!entry) return;
    entry.onPart?.(message);
    if (message.last === false) return entry.wait();
    clearTimeout(entry.timer);
    this.asked.delete(message.id);
    entry.resolve(message);
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
    if (message.t === "runs" || message.t === "tick") this.told(message);
    else if (message.t === "lines") this.put(message);
    this.answered(message);
    this.redraw();
  }

  told(message) {
    for (const run of message.runs) this.update(run);
    this.tick = message.tick;
    if (message.t === "tick") this.acknowledgeSoon();
    for (const batch of message.lines ?? []) this.put(batch);
    const ended = [...this.runs.values()].every((run) => run.done);
    if (message.t === "runs" && this.liveAtFirst === null) {
      this.liveAtFirst = !ended;
      this.tailing = setTimeout(() => fetchTails(this), TAILS_MS);
    }
    if (this.liveAtFirst && ended) this.settled();
  }

  acknowledgeSoon() {
    this.acknowledge ??= setTimeout(() => {
      this.acknowledge = null;
      if (this.views.size) this.send({ t: "ack", tick: this.tick });
    }, ACK_MS);
  }

  update(state) {
    const run = this.runs.get(state.id) ?? { pages: new Map(), n: 0, columns: 0 };
    const n = Math.max(run.n, state.n);
    this.runs.set(state.id, Object.assign(run, state, { n }));
    if (state.id !== EVERY) this.ui.active ??= state.id;
  }

  put({ run: id, from, k, x, c }) {
    const run = this.runs.get(id);
    if (!run) return;
    run.n = Math.max(run.n, from + k.length);
    for (let i = 0; i < k.length; i++) {
      const at = from + i;
      let page = run.pages.get(Math.floor(at / PAGE));
      if (!page) {
        page = { lines: [], bytes: 0 };
        run.pages.set(Math.floor(at / PAGE), page);
      }
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

  // The numbers and lines of a run that are here.
  *linesOf(run) {
    for (const [index, page] of run.pages) {
      for (const i of page.lines.keys()) if (page.lines[i]) yield [index * PAGE + i, page.lines[i]];
    }
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
    this.redraw();
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
    this.redraw();
  }

  // All runs have ended: what is saved from now on is the last that can be said of them.
  async settled() {
    this.liveAtFirst = false;
    await fetchTails(this);
    this.document.changed();
  }
}
