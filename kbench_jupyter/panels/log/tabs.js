// A tab for each run of the newest version: its state, candidate, version and id, and how many lines it has
// printed. One tab has the lines of all runs; a menu has the runs of older versions.
import { fill, h, isNews, number, plural, visible } from "../../widgets/elements.js";
import { EVERY } from "./store.js";

const named = (run) =>
  visible(run.id === EVERY ? run.model : `${run.model}${run.version ? ` v${run.version}` : ""}`);

export class Tabs {
  constructor(view) {
    this.view = view;
    this.tabs = new Map(); // run id -> its elements
    this.list = h("div", {
      class: "kbl-tabs",
      role: "tablist",
      "aria-label": "Runs",
      onkeydown: (event) => this.key(event),
    });
    this.older = h("select", {
      class: "kbl-older",
      "aria-label": "Runs of older versions",
      onchange: () => this.older.value && this.view.show(Number(this.older.value)),
    });
    this.el = h("div", { class: "kbl-top" }, this.list, this.older);
  }

  draw({ runs, ui }) {
    const newest = Math.max(0, ...[...runs.values()].map((run) => run.version ?? 0));
    const isOld = (run) => run.id !== EVERY && (run.version ?? newest) < newest;
    for (const run of runs.values()) {
      if (!this.tabs.has(run.id)) this.tabs.set(run.id, this.add(run));
      const { node } = this.tabs.get(run.id);
      node.hidden = isOld(run) && run.id !== ui.active;
      this.drawTab(this.tabs.get(run.id), run, run.id === ui.active);
    }
    this.drawMenu([...runs.values()].filter(isOld), ui.active);
    this.el.hidden = runs.size === 0;
  }

  drawMenu(old, active) {
    this.older.hidden = !old.length;
    const shown = old.map((run) => [run.id, run.state]);
    if (isNews(this.older, shown)) {
      const option = (run) => h("option", { value: run.id }, `${named(run)} #${run.id}: ${run.state}`);
      fill(this.older, h("option", { value: "" }, `Older (${number(old.length)})`), old.map(option));
    }
    this.older.value = old.some((run) => run.id === active) ? String(active) : "";
  }

  add(run) {
    const tab = {
      sign: h("span", { class: "kbl-sign", "aria-hidden": "true" }),
      name: h("span"),
      size: h("span", { class: "kbl-size" }),
    };
    const { key } = this.view;
    const id = run.id === EVERY ? null : h("span", { class: "kbl-run" }, `#${run.id}`);
    tab.node = h(
      "button",
      {
        type: "button",
        role: "tab",
        id: `${key}-tab-${run.id}`,
        "aria-controls": `${key}-panel`,
        onclick: () => this.view.show(run.id),
      },
      run.id === EVERY ? null : tab.sign,
      tab.name,
      id,
      tab.size,
    );
    this.list.append(tab.node);
    return tab;
  }

  drawTab(tab, run, active) {
    if (!isNews(tab.node, run.sign, run.tone, run.state, run.n, run.version, active, run.problem)) return;
    tab.sign.textContent = run.problem ? "!" : run.sign;
    tab.node.dataset.tone = run.problem ? "warn" : run.tone;
    tab.name.textContent = named(run);
    tab.size.textContent = number(run.n);
    const which = run.id === EVERY ? "" : `, run #${run.id}`;
    tab.node.title = `${named(run)}${which}: ${run.state}, ${plural(run.n, "line")}`;
    tab.node.setAttribute("aria-label", tab.node.title);
    tab.node.setAttribute("aria-selected", String(active));
    tab.node.tabIndex = active ? 0 : -1;
    if (active) this.view.rows.el.setAttribute("aria-labelledby", tab.node.id);
  }

  reveal(id) {
    this.tabs.get(id)?.node.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  key(event) {
    const ids = [...this.tabs.keys()].filter((id) => !this.tabs.get(id).node.hidden);
    const at = ids.indexOf(this.view.store.ui.active);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: ids.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const id = ids[(to + ids.length) % ids.length];
    this.view.show(id);
    this.tabs.get(id).node.focus();
  }
}
