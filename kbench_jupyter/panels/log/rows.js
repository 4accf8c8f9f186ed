// The rows that are seen: a log of any length takes as many elements as fit the view.
//
// In a log too long for a browser, small moves of the scroll bar are exact and long ones in proportion.
import { clamp, h, number, say } from "../../widgets/elements.js";
import { drawText, isStderr, isTraceback } from "./line.js";

const ROW = 18; // pixels; every row has this height, so that any line's place is known without drawing
const MOST_PIXELS = 8e6; // browsers do not draw higher elements; longer logs are scrolled in proportion

export class Rows {
  constructor(view) {
    this.view = view;
    this.store = view.store;
    this.ui = view.store.ui;
    this.rows = [];
    this.position = 0; // pixels of the log above what is seen
    this.expected = 0; // the scroll position we know of
    this.wanted = this.ui.position; // where another view of this widget was left
    this.seen = this.ui.seen; // lines there were when following ended
    this.inner = h("div", { class: "kbl-inner" });
    this.empty = h("div", { class: "kbl-empty", role: "status" });
    this.sticky = h("div", { class: "kbl-sticky" }, this.inner, this.empty);
    this.spacer = h("div", { class: "kbl-spacer" }, this.sticky);
    this.el = h(
      "div",
      {
        class: "kbl-scroller",
        id: `${view.key}-panel`,
        role: "tabpanel",
        tabindex: "0",
        onscroll: () => this.scrolled(),
      },
      this.spacer,
    );
    this.el.style.height = this.ui.height ?? "";
    this.observer = new ResizeObserver(() => view.schedule());
    this.observer.observe(this.el);
  }

  dispose() {
    Object.assign(this.ui, { position: this.position, height: this.el.style.height, seen: this.seen });
    this.observer.disconnect();
    clearTimeout(this.alignTimer);
  }

  draw(run) {
    const total = run.n + run.open.length;
    const height = this.el.clientHeight;
    if (!height) this.drawWhenSeen();
    this.full = total * ROW;
    this.high = Math.min(this.full, MOST_PIXELS);
    this.spacer.style.height = `${Math.max(this.high, height)}px`;
    this.spacer.style.minWidth = this.ui.wrap ? "0" : `calc(${run.columns}ch + 7.5em)`;
    this.el.classList.toggle("kbl-wrapped", !!this.ui.wrap);
    this.sticky.style.height = `${height}px`;
    this.inner.style.setProperty("--kbl-digits", `${Math.max(4, number(run.n).length)}ch`);
    this.position = this.ui.follow ? this.most : clamp(this.wanted ?? this.position, 0, this.most);
    this.wanted = undefined;
    this.align();
    const first = Math.floor(this.position / ROW);
    const last = Math.min(total, Math.ceil((this.position + height) / ROW));
    this.drawRows(run, first, last);
    // Wrapped rows are higher than their place: then the last of them ends where the view does.
    const over = this.ui.wrap && this.position >= this.most - 1 ? this.inner.offsetHeight - height : 0;
    this.inner.style.transform = `translateY(${-Math.max(over, this.ui.wrap ? 0 : this.position % ROW)}px)`;
    say(this.empty, total ? "" : run.done ? "This run printed nothing." : "Waiting for the first line …");
    if (first < Math.min(last, run.n)) this.store.fetch(run, first, Math.min(last, run.n));
  }

  // Hidden for a moment (a change of theme does that) the log has no height. An observer that begins anew
  // tells the first height it finds, where one that goes on may miss that there was none.
  drawWhenSeen() {
    this.observer.unobserve(this.el);
    this.observer.observe(this.el);
  }

  drawRows(run, first, last) {
    while (this.rows.length < last - first) {
      const row = {
        no: h("span", { class: "kbl-no", "aria-hidden": "true" }),
        tag: h("span", { class: "kbl-tag" }),
        text: h("span", { class: "kbl-text" }),
      };
      row.node = h("div", { class: "kbl-row" }, row.no, row.tag, row.text);
      this.rows.push(row);
      this.inner.append(row.node);
    }
    this.rows.forEach((row, i) => {
      row.node.hidden = first + i >= last;
      if (!row.node.hidden) this.drawRow(row, run, first + i);
    });
  }

  drawRow(row, run, at) {
    const needle = this.ui.query.toLowerCase();
    const open = at >= run.n;
    const line = open
      ? { kind: run.open[at - run.n][0], text: run.open[at - run.n][1] }
      : this.store.line(run, at);
    const current = this.view.search.hit?.line === at;
    const drawn = `${run.id} ${at} ${open} ${current} ${needle} ${line ? line.kind + line.text : ""}`;
    if (row.drawn === drawn) return;
    row.drawn = drawn;
    const kind = line?.kind ?? "o";
    const late = kind !== kind.toLowerCase();
    row.node.className = `kbl-row${isTraceback(kind) ? " kbl-err" : isStderr(kind) ? " kbl-stderr" : ""}${open ? " kbl-open" : ""}${current ? " kbl-current" : ""}`;
    row.no.textContent = number(at + 1);
    row.tag.textContent = (isStderr(kind) ? "err" : "") + (late ? " late" : "");
    row.tag.title = late ? "Missed when it was written: it belongs further up" : "";
    drawText(row.text, line ? line.text : "…", needle);
    if (!line?.whole) return;
    const cut = ` … ${number(line.whole)} characters in this line; Copy and Save have them all`;
    row.text.append(h("span", { class: "kbl-control" }, cut));
  }

  // -- Scrolling

  // The furthest position there is.
  get most() {
    return Math.max(0, this.full - this.el.clientHeight);
  }

  get scaled() {
    return this.full > this.high;
  }

  // The line in the first row.
  get top() {
    return Math.floor(this.position / ROW);
  }

  align() {
    const height = this.el.clientHeight;
    const wanted = this.scaled ? (this.position / (this.most || 1)) * (this.high - height) : this.position;
    if (this.scaled && !this.ui.follow && performance.now() - (this.movedAt ?? 0) < 200) {
      clearTimeout(this.alignTimer);
      this.alignTimer = setTimeout(() => this.view.schedule(), 250);
      return;
    }
    if (Math.abs(this.el.scrollTop - wanted) >= 1) this.el.scrollTop = wanted;
    this.expected = this.el.scrollTop;
  }

  scrolled() {
    const top = this.el.scrollTop;
    const moved = top - this.expected;
    if (Math.abs(moved) < 0.5) return this.view.schedule();
    const height = this.el.clientHeight;
    const { most } = this;
    if (!this.scaled) this.position = top;
    else if (top <= 0) this.position = 0;
    else if (top >= this.high - height - 1) this.position = most;
    else if (Math.abs(moved) < 2 * height) this.position += moved;
    else this.position = (top / (this.high - height)) * most;
    this.position = clamp(this.position, 0, most);
    this.expected = top;
    this.movedAt = performance.now();
    const end = this.position >= most - ROW / 2;
    if (end !== this.ui.follow) this.follow(end);
    this.view.schedule();
  }

  follow(follow) {
    this.ui.follow = follow;
    this.seen = this.view.run?.n;
    this.view.schedule();
  }

  goTo(line) {
    this.follow(false);
    this.wanted = line * ROW - this.el.clientHeight / 2;
  }

  // Where this run's log stands, to come back to when another was shown.
  get place() {
    return { follow: this.ui.follow, position: this.position, seen: this.seen };
  }

  set place({ follow, position, seen }) {
    this.ui.follow = follow;
    this.wanted = position;
    this.seen = seen;
  }
}
