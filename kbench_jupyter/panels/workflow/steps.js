// The line of steps: each with its state, one of them shown, one of them due.
import { button, fill, h } from "../../widgets/elements.js";
import { mark } from "../base.js";

const STATES = {
  done: ["done", "good"],
  going: ["going on", "busy"],
  failed: ["failed", "bad"],
  next: ["next", "next"],
  later: ["later", "quiet"],
  raised: ["raised", "warn"],
};

// `select` is called with the name of a step that was clicked.
export function stepLine(part, select) {
  const el = h("ol", { class: "kbp-steps", "aria-label": "Steps" });
  const buttons = new Map();

  function stateOf({ name, state, raised }) {
    if (part.state.running === name) return "going";
    if (part.state.broken === name) return "failed";
    return raised && state === "done" ? "raised" : state;
  }

  function add({ name }, index) {
    const state = h("span", { class: "kbp-step-state" });
    const label = [h("span", { class: "kbp-step-name" }, `${index + 1}. ${name}`), state];
    const node = button(label, () => select(name), { "data-step": name });
    buttons.set(name, { node, state, was: "" });
    return h("li", {}, node);
  }

  function draw(steps, shown) {
    if (buttons.size !== steps.length) {
      buttons.clear();
      fill(el, steps.map(add));
    }
    for (const one of steps) {
      const made = buttons.get(one.name);
      const now = stateOf(one);
      made.node.setAttribute("aria-pressed", String(one.name === shown));
      if (one.name === part.state.next) made.node.setAttribute("aria-current", "step");
      else made.node.removeAttribute("aria-current");
      if (made.was === now) continue;
      made.was = now;
      made.node.dataset.state = now;
      fill(made.state, mark(...STATES[now]));
    }
  }

  el.addEventListener("keydown", (event) => {
    const move = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!move) return;
    const all = [...el.querySelectorAll("button")];
    all[(all.indexOf(document.activeElement) + move + all.length) % all.length]?.focus();
    event.preventDefault();
  });
  return { el, draw };
}
