// The grid of samples: a row a key, a column a candidate and version. Of any number of rows, as many elements as
// fit the view; each keeps its row for as long as that is seen.
import { clamp, fill, h, number, say, visible } from "../../widgets/elements.js";
import { ident } from "../base.js";

export const ROW_HEIGHT = 30; // pixels; every row has it, so that its place is known without drawing
const AHEAD = 6; // rows drawn above and below what is seen
const MOST_ROWS = Math.floor(12e6 / ROW_HEIGHT); // browsers draw no higher elements
const FIXED = 2; // columns before the candidates': the sample, its input

// What a cell came to, as sign and word; the colours are by the state.
export const CELL_STATES = {
  pass: ["✓", "passed"],
  fail: ["✗", "failed"],
  mixed: ["◐", "passed in part"],
  error: ["!", "errored"],
  none: ["…", "not ended"],
};

// The elements of a cell, each with its class: of the sample, of its input, of a candidate's cell.
const ROW_PARTS = [
  [
    ["differs", "kbs-differs"],
    ["task", "kbs-task"],
    ["no", "kbs-no"],
    ["heard", "kbp-heard"],
  ],
  [],
  [
    ["sign", "kbs-sign"],
    ["heard", "kbp-heard"],
    ["value", "kbs-value"],
    ["many", "kbs-many"],
  ],
];

function drawKey({ cell, differs, task, no, heard }, row, several) {
  const [key, name, place, , differing] = row ?? ["", "…", null, "", false];
  cell.title = visible(key);
  say(differs, differing ? "≠" : "");
  say(task, several || place === null ? name || "whole run" : "");
  say(no, place === null ? "" : `#${place}`);
  say(heard, differing ? ", candidates differ" : "");
}

function drawInput({ cell }, row) {
  say(cell, row?.[3] ?? "");
  cell.title = visible(row?.[3] ?? "");
}

function drawCell({ cell, sign, heard, value, many }, row, made, open) {
  cell.className = `kbs-cell kbs-is-${made?.[0] ?? "nothing"}${open ? " kbs-chosen" : ""}`;
  cell.setAttribute("aria-selected", String(open));
  const [state, text, times, failed] = made ?? ["", "", 0, []];
  const [shape, word] = CELL_STATES[state] ?? ["", ""];
  cell.title = failed.length ? visible(`Failed: ${failed.join("; ")}`) : "";
  say(sign, shape);
  say(heard, text ? `${word}, ` : made || !row ? "" : "no sample");
  say(value, text || word);
  value.className = text ? "kbs-value" : "kbs-word";
  say(many, times > 1 && !text.includes("/") ? `×${times}` : "");
}

const plain = (key) => !(key.ctrlKey || key.metaKey || key.altKey);

export class SampleGrid {
  // `on` is what to do: open(at, second), order(key), close(), search(), moved().
  constructor(pages, on) {
    Object.assign(this, { pages, on, columns: [], shown: [], active: { row: 0, col: FIXED } });
    this.order = "";
    this.pool = new Map(); // row number -> its element
    this.spare = [];
    this.opened = []; // the cells that are open beside: {key, column}
    this.prefix = ident("cell");
    this.frame = 0;
    this.head = h("div", { class: "kbs-head", role: "row", "aria-rowindex": "1" });
    this.body = h("div", { class: "kbs-body", role: "rowgroup" });
    this.none = h("div", { class: "kbs-none", role: "status", hidden: true }); // beside the grid: that owns rows alone
    this.inner = h("div", { class: "kbs-inner", role: "presentation" }, this.head, this.body);
    this.el = h(
      "div",
      {
        class: "kbs-grid",
        role: "grid",
        "aria-label": "Samples",
        tabindex: "-1",
        onscroll: () => this.schedule(),
        onkeydown: (event) => this.pressed(event),
        onclick: (event) => this.clicked(event),
        onmousedown: (event) => event.shiftKey && event.preventDefault(), // a click that compares selects no text
        onfocusin: (event) => this.focused(event),
      },
      this.inner,
    );
    this.observer = new ResizeObserver(() => this.schedule());
    this.observer.observe(this.el);
  }

  dispose() {
    this.observer.disconnect();
    cancelAnimationFrame(this.frame);
  }

  // Columns are all there are; `shown` the numbers of those that are drawn.
  setColumns(columns, shown, several) {
    Object.assign(this, { columns, shown, several });
    this.active.col = Math.min(this.active.col, FIXED + shown.length - 1);
    this.inner.style.setProperty("--kbs-n", shown.length);
    this.inner.classList.toggle("kbs-several", several);
    this.el.setAttribute("aria-colcount", String(FIXED + shown.length));
    if (this.el.contains(document.activeElement)) this.el.focus({ preventScroll: true }); // its cell is about to go
    for (const node of this.pool.values()) node.remove();
    this.pool.clear();
    this.spare = [];
    this.drawHead();
    this.schedule();
  }

  drawHead() {
    const head = (order, at, title, ...content) =>
      h(
        "div",
        {
          role: "columnheader",
          class: "kbs-h",
          id: `${this.prefix}-h-${at}`,
          "data-row": "-1",
          "data-col": at,
          "data-order": order,
          "aria-colindex": at + 1,
          "aria-sort": this.sortOf(order),
          tabindex: "-1",
          title,
        },
        ...content,
      );
    const versions = new Set(this.columns.map((column) => column.version)).size > 1;
    fill(
      this.head,
      head("key", 0, "Sort by sample", h("span", { class: "kbs-hname" }, "Sample")),
      head("input", 1, "Sort by input", h("span", { class: "kbs-hname" }, "Input")),
      this.shown.map((index, place) => {
        const { name, version } = this.columns[index];
        const title = `Sort by what ${name}${version ? ` v${version}` : ""} came to`;
        return head(
          `column:${index}`,
          FIXED + place,
          title,
          h("span", { class: "kbs-hname" }, name),
          versions ? h("span", { class: "kbs-hversion" }, `v${version ?? "?"}`) : null,
        );
      }),
    );
    this.rove();
  }

  sortOf(order) {
    if (this.order.replace("-", "") !== order) return "none";
    return this.order.startsWith("-") ? "descending" : "ascending";
  }

  setOrder(order) {
    this.order = order;
    for (const node of this.head.children) node.setAttribute("aria-sort", this.sortOf(node.dataset.order));
  }

  get total() {
    return Math.min(this.pages.total ?? 0, MOST_ROWS);
  }

  schedule() {
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      this.draw();
    });
  }

  draw() {
    const { total } = this;
    if (!this.el.clientHeight) this.drawWhenSeen();
    const top = Math.floor(this.el.scrollTop / ROW_HEIGHT);
    const rows = Math.ceil(this.el.clientHeight / ROW_HEIGHT);
    const first = clamp(top - AHEAD, 0, total);
    const last = clamp(top + rows + AHEAD, 0, total);
    this.body.style.height = `${total * ROW_HEIGHT}px`;
    this.el.setAttribute("aria-rowcount", String(total + 1));
    this.active.row = clamp(this.active.row, -1, Math.max(0, total - 1));
    for (const [index, node] of this.pool)
      if (index < first || index >= last) {
        this.pool.delete(index);
        if (node.contains(document.activeElement)) this.el.focus({ preventScroll: true });
        node.hidden = true;
        this.spare.push(node);
      }
    for (let index = first; index < last; index += 1) this.drawRow(index);
    this.pages.want(top, Math.min(total, top + rows + 1) || rows);
    this.rove();
  }

  // Hidden for a moment (a change of theme does that) the grid has no height. An observer that begins anew tells
  // the first height it finds, where one that goes on may miss that there was none.
  drawWhenSeen() {
    this.observer.unobserve(this.el);
    this.observer.observe(this.el);
  }

  drawRow(index) {
    let node = this.pool.get(index);
    if (!node) {
      node = this.spare.pop() ?? this.makeRow();
      this.pool.set(index, node);
      node.hidden = false;
      node.style.top = `${index * ROW_HEIGHT}px`;
      node.setAttribute("aria-rowindex", String(index + 2));
      node.drawn = null; // not undefined, which is a row that has not come yet
    }
    const row = this.pages.row(index);
    const open = row ? this.opened.filter((at) => at.key === row[0]).map((at) => at.column) : [];
    if (node.drawn === row && node.open === String(open)) return;
    node.drawn = row;
    node.open = String(open);
    node.classList.toggle("kbs-open", open.length > 0);
    node.parts.forEach((parts, place) => {
      parts.cell.dataset.row = index;
      if (place === 0) drawKey(parts, row, this.several);
      else if (place === 1) drawInput(parts, row);
      else {
        const column = this.shown[place - FIXED];
        drawCell(parts, row, row?.[5][column], open.includes(column));
      }
    });
  }

  // A row's elements are made once; whatever it shows goes into their texts and classes.
  makeRow() {
    const part = (name) => h("span", { class: name });
    const cell = (place) => {
      const named = ROW_PARTS[Math.min(place, FIXED)];
      const made = Object.fromEntries(named.map(([key, name]) => [key, part(name)]));
      const props = {
        role: place ? "gridcell" : "rowheader",
        class: ["kbs-key", "kbs-input"][place] ?? "kbs-cell",
        "data-col": place,
        "aria-colindex": place + 1,
        tabindex: "-1",
      };
      return { ...made, cell: h("div", props, Object.values(made)) };
    };
    const parts = Array.from({ length: FIXED + this.shown.length }, (_, place) => cell(place));
    for (const { sign, differs } of parts) (sign ?? differs)?.setAttribute("aria-hidden", "true");
    const node = h(
      "div",
      { class: "kbs-row", role: "row" },
      parts.map((one) => one.cell),
    );
    node.parts = parts;
    this.body.append(node);
    return node;
  }

  // -- Where the keyboard is

  node(row = this.active.row, col = this.active.col) {
    return (row < 0 ? this.head : this.pool.get(row))?.children[col];
  }

  // One cell alone is a tab stop; where it is not drawn, the grid itself.
  rove() {
    if (this.stop?.isConnected) this.stop.tabIndex = -1;
    this.stop = this.node() ?? this.el;
    this.stop.tabIndex = 0;
    if (this.stop !== this.el) this.el.tabIndex = -1;
    if (document.activeElement === this.el && this.stop !== this.el) this.stop.focus({ preventScroll: true });
  }

  focused(event) {
    const cell = event.target.closest("[data-col]");
    if (!cell) return;
    this.active = { row: Number(cell.dataset.row), col: Number(cell.dataset.col) };
    this.rove();
  }

  focus() {
    this.reveal(this.active.row);
    this.draw();
    this.node()?.focus({ preventScroll: true });
    this.node()?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  reveal(row) {
    if (row < 0) return;
    const top = row * ROW_HEIGHT;
    const room = this.el.clientHeight - this.head.offsetHeight;
    if (top < this.el.scrollTop) this.el.scrollTop = top;
    else if (top + ROW_HEIGHT > this.el.scrollTop + room) this.el.scrollTop = top + ROW_HEIGHT - room;
  }

  move(rows, cols = 0) {
    this.active.row = clamp(this.active.row + rows, -1, this.total - 1);
    this.active.col = clamp(this.active.col + cols, 0, FIXED + this.shown.length - 1);
    this.focus();
    if (rows) this.on.moved();
  }

  pressed(event) {
    const { key } = event;
    const page = Math.max(1, Math.floor(this.el.clientHeight / ROW_HEIGHT) - 2);
    const far = event.ctrlKey || event.metaKey;
    const acts = {
      ArrowDown: () => this.move(1),
      ArrowUp: () => this.move(-1),
      ArrowRight: () => this.move(0, 1),
      ArrowLeft: () => this.move(0, -1),
      PageDown: () => this.move(page),
      PageUp: () => this.move(-page),
      Home: () => this.move(far ? -this.total : 0, -1e6),
      End: () => this.move(far ? this.total : 0, 1e6),
      Enter: () => this.act(event.shiftKey),
      " ": () => this.act(event.shiftKey),
    };
    const act = acts[key];
    if (!act || event.altKey || (far && !["Home", "End"].includes(key))) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  }

  clicked(event) {
    const cell = event.target.closest("[data-col]");
    if (!cell) return;
    this.active = { row: Number(cell.dataset.row), col: Number(cell.dataset.col) };
    this.focus();
    this.act(event.shiftKey);
  }

  act(second) {
    const { row, col } = this.active;
    if (row < 0) return this.on.order(this.head.children[col].dataset.order);
    const place = this.place(row, col);
    if (place) this.on.open(place, second);
  }

  // The cell to open at a row: the one meant, else that of the column opened last, else the first there is.
  place(row, col) {
    const made = this.pages.row(row);
    if (!made) return null;
    const has = (index) => index !== undefined && made[5][index];
    const meant = col >= FIXED ? this.shown[col - FIXED] : this.opened[0]?.column;
    if (col >= FIXED && !has(meant)) return null;
    const column = has(meant) ? meant : this.shown.find(has);
    return column === undefined ? null : { key: made[0], column, row };
  }

  setOpened(opened) {
    this.opened = opened;
    this.schedule();
  }

  // What the grid says when it has no rows.
  setNone(text) {
    say(this.none, text);
    this.none.hidden = !text;
  }
}

export const isPlainKey = (event, key) => plain(event) && event.key === key;
export const samplesWord = (n) => `${number(n)} ${n === 1 ? "sample" : "samples"}`;
