// The rows of the grid that were lately asked for: all of them are in the kernel.
const ROWS_A_PAGE = 100;
const PAGES_KEPT = 80;
const PATIENCE_PAGE_MS = 8000;

// `ask(first, limit)` asks the kernel; `changed()` is called when something came.
export class Pages {
  constructor(ask, changed) {
    this.ask = ask;
    this.changed = changed;
    this.total = null; // not known before the first answer
    this.serial = 0;
    this.rows = new Map(); // number of the page -> its rows
    this.wanted = [0, 0];
    this.failed = "";
  }

  dispose() {
    this.serial = -1;
    clearTimeout(this.patience);
  }

  // Another filter or order: whatever is still under way is of the one before.
  again() {
    this.serial += 1;
    this.stale = true; // what is there is shown until the first answer replaces it
    this.fetch();
  }

  row(index) {
    return this.rows.get(Math.floor(index / ROWS_A_PAGE))?.[index % ROWS_A_PAGE];
  }

  // Rows `first` to `last` are seen.
  want(first, last) {
    this.wanted = [first, last];
    this.fetch();
  }

  get missing() {
    if (this.stale || this.total === null) return Math.floor(this.wanted[0] / ROWS_A_PAGE);
    const last = Math.floor(Math.max(0, Math.min(this.wanted[1], this.total) - 1) / ROWS_A_PAGE);
    for (let page = Math.floor(this.wanted[0] / ROWS_A_PAGE); page <= last; page += 1)
      if (!this.rows.has(page) && page * ROWS_A_PAGE < this.total) return page;
    return null;
  }

  // One question at a time: where rows fly past, only those are asked for that are seen when the last answer came.
  fetch() {
    if (this.asking !== undefined || this.serial < 0) return;
    const page = this.missing;
    if (page === null) return;
    const { serial } = this;
    this.asking = page;
    this.patience = setTimeout(() => this.next(), PATIENCE_PAGE_MS);
    this.ask(page * ROWS_A_PAGE, ROWS_A_PAGE).then((answer) => {
      if (this.serial < 0) return;
      if (serial === this.serial && answer) this.take(page, answer);
      this.next();
    });
  }

  next() {
    clearTimeout(this.patience);
    this.asking = undefined;
    this.fetch();
  }

  take(page, answer) {
    if (this.stale) this.rows.clear();
    this.stale = false;
    this.failed = answer.failed ?? "";
    this.total = answer.total ?? 0;
    this.rows.delete(page);
    this.rows.set(page, answer.rows ?? []);
    if (this.rows.size > PAGES_KEPT) this.rows.delete(this.rows.keys().next().value);
    this.changed();
  }
}
