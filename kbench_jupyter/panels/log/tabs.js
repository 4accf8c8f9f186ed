// A tab a run: its state, its model, how many lines it has printed.
import { h, number, plural } from "../../widgets/elements.js";

export class Tabs {
  constructor(view) {
    this.view = view;
    this.tabs = new Map(); // run id -> its elements
    this.el = h("div", {
      class: "kbl-tabs",
      role: "tablist",
      "aria-label": "Runs",
      onkeydown: (event) => this.key(event),
    });
  }

  draw({ runs, ui }) {
    const models = [...runs.values()].map((run) => run.model);
    for (const run of runs.values()) {
      if (!this.tabs.has(run.id)) this.tabs.set(run.id, this.add(run));
      const twice = models.indexOf(run.model) !== models.lastIndexOf(run.model);
      this.drawTab(this.tabs.get(run.id), run, twice, run.id === ui.active);
    }
    this.el.hidden = runs.size === 0;
  }

  add(run) {
    const tab = {
      sign: h("span", { class: "kbl-sign", "aria-hidden": "true" }),
      name: h("span"),
      size: h("span", { class: "kbl-size" }),
    };
    const { key } = this.view;
    tab.node = h(
      "button",
      {
        type: "button",
        role: "tab",
        id: `${key}-tab-${run.id}`,
        "aria-controls": `${key}-panel`,
        onclick: () => this.view.show(run.id),
      },
      tab.sign,
      tab.name,
      tab.size,
    );
    this.el.append(tab.node);
    return tab;
  }

  drawTab(tab, run, twice, active) {
    const drawn = JSON.stringify([run.sign, run.tone, run.state, run.n, twice, active, run.problem]);
    if (tab.drawn === drawn) return;
    tab.drawn = drawn;
    tab.sign.textContent = run.problem ? "!" : run.sign;
    tab.node.dataset.tone = run.problem ? "warn" : run.tone;
    tab.name.textContent = twice ? `${run.model} #${run.id}` : run.model;
    tab.size.textContent = number(run.n);
    tab.node.title = `${run.model}, run ${run.id}: ${run.state}, ${plural(run.n, "line")}`;
    tab.node.setAttribute("aria-label", tab.node.title);
    tab.node.setAttribute("aria-selected", String(active));
    tab.node.tabIndex = active ? 0 : -1;
    if (active) this.view.rows.el.setAttribute("aria-labelledby", tab.node.id);
  }

  reveal(id) {
    this.tabs.get(id)?.node.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  key(event) {
    const ids = [...this.tabs.keys()];
    const at = ids.indexOf(this.view.store.ui.active);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: ids.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const id = ids[(to + ids.length) % ids.length];
    this.view.show(id);
    this.tabs.get(id).node.focus();
  }
}
