// Stopping runs (run_status.py): the kernel says which would be stopped, and the user is asked before.
import { button, fill, h, plural } from "../widgets/elements.js";
import { click, enable, question } from "./base.js";

// `elsewhere` gets the keyboard where the button that asked is gone.
export function stopping(store, part, elsewhere) {
  const el = question("Stop runs");
  let asked = null; // the runs in question, and the button that asked
  let yes = null;

  async function ask(from, more = {}) {
    const { runs, text } = await store.ask(part.name, "question", more);
    if (!runs.length) return;
    asked = { runs, from };
    yes = button(`Yes, stop ${runs.length > 1 ? plural(runs.length, "run") : "it"}`, click(agree), {
      class: "kbp-primary",
    });
    const no = button(`No, leave ${runs.length > 1 ? "them" : "it"}`, close);
    fill(el, h("p", {}, text), h("div", { class: "kbp-row" }, yes, no));
    el.hidden = false;
    update();
    // An answer may come late: what is typed meanwhile, elsewhere, is no yes.
    if ([from, document.body].includes(document.activeElement)) yes.focus();
  }

  function agree() {
    store.tell(part.name, "cancel", { runs: asked.runs, confirmed: true });
    close();
  }

  function close() {
    const { from } = asked;
    const focused = el.contains(document.activeElement);
    asked = null;
    el.hidden = true;
    if (focused) (from.isConnected && !from.hidden ? from : elsewhere).focus();
  }

  // Once all of them have ended there is nothing to ask any more.
  function update() {
    if (!asked) return;
    if (!asked.runs.some((id) => part.rows.get(String(id))?.stops)) return close();
    enable(yes, !part.state.busy);
  }

  el.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    close();
    event.preventDefault();
    event.stopPropagation();
  });
  return { el, ask, update };
}
