// The samples of a comparison (questions.py): filters, the grid, and beside it the transcript of one or of two.
import { toClipboard } from "../../widgets/clipboard.js";
import { fill, h, isNews, say } from "../../widgets/elements.js";
import { Filters } from "./filters.js";
import { isPlainKey, SampleGrid } from "./grid.js";
import { jumpTo } from "./jump.js";
import { Pages } from "./pages.js";
import { emptyPane, headOfPane, transcriptOf } from "./transcript.js";

const FOLLOW_MS = 120; // after a row was moved to, until its transcript is opened
const LOOK_MS = 400; // after a change, until the kernel is told how things stand here
const ASK_MS = 15_000;

export class SamplesView {
  constructor(store, part) {
    Object.assign(this, { store, part, version: "", serial: 0 });
    const look = part.state.look ?? {};
    this.more = { chart: look.chart }; // what others keep there
    this.filters = new Filters(() => this.again());
    this.filters.where = { ...look.where };
    this.order = look.order ?? "";
    this.at = look.at ?? []; // what is open: one or two of {key, column} or {id}
    this.pages = new Pages(
      (first, limit) => this.ask("page", { where: this.where, order: this.order, first, limit }),
      () => this.arrived(),
    );
    this.grid = new SampleGrid(this.pages, {
      open: (at, second) => this.open(at, second),
      order: (key) => this.sort(key),
      moved: () => this.follow(),
    });
    this.grid.order = this.order;
    this.paneHead = h("div", { class: "kbs-pane-top" });
    this.paneBody = h("div", {
      class: "kbs-pane-body",
      tabindex: "0",
      role: "region",
      "aria-label": "Transcript",
    });
    this.pane = h("section", { class: "kbs-pane", "aria-label": "Sample" }, this.paneHead, this.paneBody);
    this.told = h("span", { class: "kbp-quiet kbs-told", role: "status" });
    this.keys = h(
      "span",
      { class: "kbp-quiet kbs-keys" },
      "j k or arrows move, Enter opens, Shift+Enter or Shift+click compares, Escape closes, / searches",
    );
    this.split = h(
      "div",
      { class: "kbs-split" },
      h("div", { class: "kbs-left" }, this.grid.el, this.grid.none),
      this.pane,
    );
    this.el = h(
      "section",
      { class: "kbs", "aria-label": "Samples", onkeydown: (event) => this.pressed(event) },
      this.filters.el,
      this.split,
      h("div", { class: "kbp-row kbs-foot" }, this.keys, h("span", { class: "kbp-gap" }), this.told),
    );
    this.split.style.height = look.height ?? "";
    this.pane.hidden = true;
    this.sized = new ResizeObserver(() => this.fit());
    this.sized.observe(this.split);
    this.update();
    if (this.at.length) this.show({ reveal: true });
  }

  dispose() {
    for (const timer of [this.following, this.looking, this.saying]) clearTimeout(timer);
    this.sized.disconnect();
    this.pages.dispose();
    this.grid.dispose();
    this.filters.dispose();
  }

  // An answer of the kernel's, or null where none comes.
  ask(what, more) {
    const late = new Promise((resolve) => setTimeout(() => resolve(null), ASK_MS));
    return Promise.race([this.store.ask(this.part.name, "samples", { what, ...more }), late]);
  }

  get where() {
    return { ...this.filters.where, version: this.version };
  }

  // -- What there is

  update() {
    const { samples } = this.part.state;
    if (!isNews(this.el, samples, this.version)) return;
    const columns = (samples?.columns ?? []).map(([version, name]) => ({ version, name }));
    const moved = this.rename(this.grid.columns, columns);
    const shown = columns.flatMap(({ version }, index) =>
      !this.version || String(version) === this.version ? [index] : [],
    );
    this.grid.setColumns(columns, shown, !!samples?.several);
    this.filters.offer(samples?.expectations ?? [], samples?.versions);
    this.filters.el.hidden = (samples?.total ?? 0) < 2;
    this.el.hidden = false;
    this.fit();
    if (samples?.problem) this.grid.setNone(samples.problem);
    else if (samples) this.pages.again();
    else this.grid.setNone("Reading the samples…");
    if (moved && this.at.length) this.show({});
  }

  // After another fetch a candidate's column may have another number: what is sorted by and open stays what it is.
  rename(before, columns) {
    if (!before.length || JSON.stringify(before) === JSON.stringify(columns)) return false;
    const now = (index) => {
      const { version, name } = before[index] ?? {};
      return columns.findIndex((one) => one.version === version && one.name === name);
    };
    const by = this.order.match(/^(-?column:)(\d+)$/);
    if (by) this.order = now(by[2]) < 0 ? "" : by[1] + now(by[2]);
    this.grid.order = this.order;
    this.at = this.at.map(({ id, key, column }) => (id ? { id } : { key, column: now(column) }));
    return true;
  }

  setVersion(version) {
    if (version === this.version) return;
    this.version = version;
    this.update();
  }

  again() {
    this.grid.el.scrollTop = 0;
    this.pages.again();
    this.look();
  }

  sort(key) {
    // Once more turns it round, a third time ends it.
    this.order = this.order === key ? `-${key}` : this.order === `-${key}` ? "" : key;
    this.grid.setOrder(this.order);
    this.again();
  }

  arrived() {
    const { total, failed } = this.pages;
    this.filters.tell(total, this.part.state.samples?.total ?? total);
    const none =
      failed || (total ? "" : this.filters.limits ? "No sample is like that." : "There are no samples.");
    this.grid.setNone(none);
    this.fit();
    this.grid.draw();
    if (this.behind) this.follow();
  }

  // As high as its rows, up to a limit of its own; beside a transcript it has room for that.
  fit() {
    const rows = this.pages.total ?? 3;
    this.split.style.setProperty("--kbs-rows", String(Math.max(2, rows)));
    this.split.classList.toggle("kbs-with-pane", !this.pane.hidden);
    this.split.classList.toggle("kbs-pair", this.at.length > 1);
  }

  // -- What is open

  open(at, second) {
    const place = "id" in at ? { id: at.id } : { key: at.key, column: at.column };
    this.at = second && this.at.length ? [this.at[0], place] : [place];
    this.show({});
  }

  // After the row was changed by keys, what is open follows.
  follow() {
    if (this.pane.hidden) return;
    clearTimeout(this.following);
    this.following = setTimeout(() => {
      const { row } = this.grid.active;
      const made = this.pages.row(row);
      this.behind = row >= 0 && !made; // its page is still on its way
      if (row < 0 || !made) return;
      const columns = this.at.map(({ column }) => column).filter((column) => made[5][column]);
      const place = columns.length ? null : this.grid.place(row, this.grid.active.col);
      if (place) columns.push(place.column);
      if (!columns.length) return;
      this.at = columns.map((column) => ({ key: made[0], column }));
      this.show({});
    }, FOLLOW_MS);
  }

  async show({ reveal = false }) {
    const serial = ++this.serial;
    this.pane.hidden = false;
    this.grid.setOpened(this.at);
    this.fit();
    const slow = setTimeout(() => serial === this.serial && emptyPane(this.paneBody, "Reading…"), 300);
    const answer = await this.ask("sample", { at: this.at });
    clearTimeout(slow);
    if (serial !== this.serial) return;
    if (!answer?.shapes) {
      fill(this.paneHead);
      return emptyPane(
        this.paneBody,
        answer
          ? (answer.failed ?? "This sample is not among the results any more.")
          : "The kernel does not answer.",
      );
    }
    this.shapes = answer.shapes;
    this.at = answer.shapes.map(({ id, key, column }) => ({ id, key, column }));
    this.grid.setOpened(this.at);
    this.drawPane(answer);
    this.tellLook(); // at once: a page that is loaded again right after it opens the same sample
    if (reveal) this.reveal();
  }

  drawPane(answer) {
    const on = {
      ask: (id, at, from) => this.ask("rest", { id, at, from }),
      open: (id, shape) => {
        this.at = this.at.map((at) => (at.id === shape.id ? { id } : at));
        this.show({});
      },
      compare: (id) => {
        this.at = id ? [this.at[0], { id }] : [this.at[0]];
        this.show({});
      },
      jump: (place) => this.say(jumpTo(this.el, this.store.model, place)),
      step: (by) => this.step(by),
      close: () => this.close(),
      copy: (shape) => this.copy(shape),
    };
    const focused = document.activeElement; // what has the keyboard is about to go
    const inHead = this.paneHead.contains(focused);
    const lost = inHead || this.paneBody.contains(focused);
    fill(this.paneHead, headOfPane(answer.shapes, on));
    fill(this.paneBody, transcriptOf(answer, on));
    this.paneBody.scrollTop = 0;
    this.fit();
    if (!lost) return;
    const label = inHead && focused.getAttribute("aria-label");
    const again = [...this.paneHead.querySelectorAll("button, select")].find(
      (node) => node.getAttribute("aria-label") === label,
    );
    (again ?? this.paneBody).focus({ preventScroll: true });
  }

  // Brings the row of what is open into view.
  async reveal() {
    const [{ key, column }] = this.at;
    const found = await this.ask("locate", { where: this.where, order: this.order, key });
    if (typeof found?.index !== "number") return;
    const col = this.grid.shown.indexOf(column);
    this.grid.active = { row: found.index, col: col < 0 ? 0 : col + 2 };
    this.grid.draw();
    this.grid.reveal(found.index);
  }

  step(by) {
    const { active } = this.grid;
    active.row = Math.max(0, Math.min(this.grid.total - 1, active.row + by));
    this.grid.reveal(active.row);
    this.grid.draw();
    this.follow();
  }

  close() {
    clearTimeout(this.following);
    this.serial += 1;
    this.at = [];
    this.pane.hidden = true;
    this.grid.setOpened([]);
    this.fit();
    this.grid.focus();
    this.tellLook();
  }

  async copy(shape) {
    const command = `%kbench results ${this.part.state.task} --sample "${shape.id}"`;
    try {
      await toClipboard(Promise.resolve(command));
      this.say(`Copied: ${command}`);
    } catch {
      this.say(command);
    }
  }

  say(text) {
    say(this.told, text);
    clearTimeout(this.saying);
    this.saying = setTimeout(() => say(this.told, ""), 15_000);
  }

  // Tells the kernel how things stand here, for a page that is loaded again.
  look(more = {}) {
    Object.assign(this.more, more);
    clearTimeout(this.looking);
    this.looking = setTimeout(() => this.tellLook(), LOOK_MS);
  }

  tellLook() {
    clearTimeout(this.looking);
    const { where } = this.filters;
    const look = { where, order: this.order, at: this.at, height: this.split.style.height, ...this.more };
    this.store.send({ part: this.part.name, do: "look", look });
  }

  pressed(event) {
    const typing = event.target.matches("input, select, textarea");
    const act = (work) => {
      event.preventDefault();
      event.stopPropagation();
      work();
    };
    if (event.key === "Escape" && typing && event.target === this.filters.search && this.filters.search.value)
      return act(() => this.filters.untype());
    if (event.key === "Escape" && !this.pane.hidden) return act(() => this.close());
    if (typing) {
      if (event.key === "ArrowDown" && event.target === this.filters.search) act(() => this.grid.focus());
      return;
    }
    const onGrid = this.grid.el.contains(document.activeElement);
    if (isPlainKey(event, "/")) act(() => this.filters.search.focus());
    else if (isPlainKey(event, "j")) act(() => (onGrid ? this.grid.move(1) : this.step(1)));
    else if (isPlainKey(event, "k")) act(() => (onGrid ? this.grid.move(-1) : this.step(-1)));
  }
}
