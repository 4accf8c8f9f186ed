// What draws each kind of part, and the widget itself.
import { fill, h } from "../widgets/elements.js";
import { widget } from "../widgets/store.js";
import { COMPONENTS, ident, mark, mount, PanelStore } from "./base.js";
import { pickerPart } from "./model_picker.js";
import { resultsPart } from "./results.js";
import { statusPart } from "./run_status.js";
import { workflowPart } from "./workflow/workflow.js";

const SILENT = "The kernel has not answered this click: it is busy, or gone.";
Object.assign(COMPONENTS, {
  picker: pickerPart,
  status: statusPart,
  results: resultsPart,
  workflow: workflowPart,
});

export default widget(PanelStore, (store, el) => {
  const silence = h("div", { role: "status" });
  const host = h("div", {}, h("div", { class: "kbp-quiet" }, "Loading…"));
  // Keys pressed here are meant for the panel: "a" must not add a cell. nbclassic would take dollars for formulas.
  const root = h("div", { class: "kbp tex2jax_ignore", "data-lm-suppress-shortcuts": "true" }, silence, host);
  const view = {
    name: ident("view") + Math.random().toString(36).slice(2),
    setSilent: (silent) =>
      fill(silence, silent ? h("div", { class: "kbp-note" }, mark(SILENT, "warn")) : null),
  };
  view.setSilent(store.silent);
  // Save and the like go on to JupyterLab, which listens at the document, after the window.
  const own = new Set(["a", "c", "v", "x", "z", "enter"]);
  const route = (event) => {
    const meant = !(event.ctrlKey || event.metaKey) || own.has(event.key.toLowerCase());
    if (meant) root.setAttribute("data-lm-suppress-shortcuts", "true");
    else root.removeAttribute("data-lm-suppress-shortcuts");
  };
  window.addEventListener("keydown", route, true);
  el.append(root);
  const end = mount(store, store.model.get("root"), host);
  store.open(view);
  return () => {
    window.removeEventListener("keydown", route, true);
    store.close(view);
    end();
  };
});
