// What the grid is limited to: failed, errored, differing, worse than before, an assertion, a text.
import { button, fill, h, number, say } from "../../widgets/elements.js";

const TYPED_MS = 250; // after the last key, until what was typed is searched for
const CHIPS = [
  ["failed", "Failed", "Only samples that a candidate did not pass, errored ones included"],
  ["errored", "Errored", "Only samples where a candidate's task ended with an error"],
  ["differing", "Differing", "Only samples that candidates or versions came to different ends with"],
  ["worse", "Got worse", "Only samples where a candidate's newest version did worse than the version before"],
];
const LONGEST = 70;

export class Filters {
  // `changed()` is called when something else is wanted.
  constructor(changed) {
    this.changed = changed;
    this.where = {};
    this.chips = CHIPS.map(([name, label, title]) =>
      button(label, () => this.set({ [name]: !this.where[name] }), {
        class: "kbp-small kbs-chip",
        "aria-pressed": "false",
        "data-name": name,
        title,
      }),
    );
    this.search = h("input", {
      type: "search",
      placeholder: "Search inputs, answers, errors  ( / )",
      "aria-label": "Search samples",
      oninput: () => {
        clearTimeout(this.timer);
        this.timer = setTimeout(() => this.set({}), TYPED_MS);
      },
    });
    this.assertion = h("select", {
      "aria-label": "Only samples where this assertion failed",
      onchange: () => this.set({ assertion: this.assertion.value }),
    });
    this.count = h("span", { class: "kbp-quiet kbs-count", role: "status" });
    this.clear = button("Clear", () => this.none(), { class: "kbs-link" });
    this.el = h(
      "div",
      { class: "kbp-row kbs-filters", role: "search", "aria-label": "Samples" },
      this.search,
      h("span", { class: "kbs-chips", role: "group", "aria-label": "Only" }, this.chips),
      this.assertion,
      this.count,
      this.clear,
    );
  }

  // Assertions that failed, with how many samples; the most frequent first. Whether there are versions to compare.
  offer(expectations, versions) {
    for (const chip of this.chips) chip.hidden = chip.dataset.name === "worse" && !versions;
    const short = (text) => (text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text);
    const named = expectations.filter(([text]) => text);
    fill(
      this.assertion,
      h("option", { value: "" }, "Any assertion"),
      named.map(([text, n]) => h("option", { value: text }, `✗ ${short(text)} (${number(n)})`)),
    );
    this.assertion.hidden = !named.length;
    this.show();
  }

  set(changes) {
    clearTimeout(this.timer);
    this.where = { ...this.where, text: this.search.value.trim(), ...changes };
    this.show();
    this.changed();
  }

  untype() {
    this.search.value = "";
    this.set({});
  }

  none() {
    this.only({});
    this.search.focus();
  }

  // This, and nothing of what was wanted before.
  only(wanted) {
    this.search.value = "";
    const nothing = Object.fromEntries(CHIPS.map(([name]) => [name, false]));
    this.set({ ...nothing, assertion: "", ...wanted });
  }

  // The controls as what is wanted says.
  show() {
    for (const chip of this.chips) chip.setAttribute("aria-pressed", String(!!this.where[chip.dataset.name]));
    if (document.activeElement !== this.search) this.search.value = this.where.text ?? "";
    this.assertion.value = this.where.assertion ?? "";
    this.clear.hidden = !this.limits;
  }

  get limits() {
    const { text, assertion } = this.where;
    return !!(text || assertion || CHIPS.some(([name]) => this.where[name]));
  }

  tell(total, every) {
    const words = `${number(every)} ${every === 1 ? "sample" : "samples"}`;
    say(this.count, total === null ? "" : total === every ? words : `${number(total)} of ${words}`);
  }

  dispose() {
    clearTimeout(this.timer);
  }
}
