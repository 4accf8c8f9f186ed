// The log view below the runs (log/view.py), as the notebook's own widget manager draws it.
import { h } from "../widgets/elements.js";
import { teller } from "./base.js";

export function logBelow(store, part) {
  const el = h("div", { class: "kbp-slot" });
  const bar = h(
    "div",
    { class: "kbp-row" },
    h("span", { class: "kbp-gap" }),
    teller(store, part, "Close logs", "close_log", { class: "kbp-small" }),
  );
  let shown = null; // the id of its model
  let view = null;

  // Shows the log view of that id, or none. One that is not removed would go on asking for lines that nobody sees.
  async function show(wanted) {
    if (wanted === shown) return;
    shown = wanted;
    view?.remove();
    view = null;
    el.replaceChildren();
    if (!wanted) return;
    const manager = store.model.widget_manager;
    const made = await manager.create_view(await manager.get_model(wanted));
    if (shown !== wanted) return made.remove();
    view = made;
    el.replaceChildren(bar, view.el);
  }
  return { el, show };
}
