// What is asked before all steps are done, before something becomes public, or before what nobody tried is sent.
import { button, fill, h } from "../../widgets/elements.js";
import { click, enable, question } from "../base.js";

// `backing` is the box for the notebook behind the task; `on` says what a yes and a way out lead to.
export function confirmation(store, part, backing, on) {
  const el = question("Confirm");
  let asking = ""; // "chain", "publish" or "push" while waiting for a yes

  function open(what, focus = true) {
    asking = what;
    draw();
    if (focus) el.querySelector("button")?.focus();
  }

  function close(what = "chain") {
    if (!asking) return;
    asking = "";
    const focused = el.contains(document.activeElement);
    draw();
    if (focused) on.closed(what);
    if (what === "push") store.tell(part.name, "keep");
  }

  function draw() {
    el.hidden = !asking;
    fill(el, asking ? { publish: publishing, push: pushing, chain: chaining }[asking]() : null);
    // A yes while the work that asked has not quite ended would be lost.
    for (const node of el.querySelectorAll("button")) enable(node, !part.state.busy);
  }

  // Draws it anew, and leaves the keyboard where it was.
  function update() {
    if (!asking) return;
    const focused = [...el.querySelectorAll("button")].indexOf(document.activeElement);
    draw();
    if (focused >= 0) el.querySelectorAll("button")[focused]?.focus();
  }

  const row = (label, act) =>
    h(
      "div",
      { class: "kbp-row" },
      label ? button(label, act, { class: "kbp-primary" }) : null,
      button("Cancel", () => close(asking)),
    );
  const yes = (verb, more = () => {}) =>
    click(() => {
      store.tell(part.name, verb, { ...more(), confirmed: true });
      on.agreed();
      close();
    });

  function publishing() {
    const behind = backing.checked ? "becomes public, too" : "stays private";
    const more = () => ({ step: "publish", notebook: backing.checked });
    return [
      h("p", {}, `${part.state.steps.at(-1).plan} The notebook behind it ${behind}.`),
      h("p", {}, "Of its runs others see scores only, no files, logs or outputs."),
      row("Yes, publish", yes("step", more)),
    ];
  }

  function pushing() {
    const { notebook, version } = part.state;
    const since = version ? ` (the newest version there is ${version})` : "";
    const all = h("div", { class: "kbp-row" }, [
      button(
        "Validate first",
        yes("step", () => ({ step: "validate" })),
        { class: "kbp-primary" },
      ),
      button(
        "Push all the same",
        yes("step", () => ({ step: "push" })),
      ),
      button("Cancel", () => close("push")),
    ]);
    return [h("p", {}, `${notebook} was not rehearsed as it is now${since}. Nothing has been sent.`), all];
  }

  function chaining() {
    const { models = [], chain, steps } = part.state;
    // Running on models that the user has chosen makes runs to follow and to compare, whatever was done before.
    const again = part.state.again ? ["run", "watch", "results"] : [];
    const todo = steps.filter(
      ({ name, state }) => chain.includes(name) && (state !== "done" || again.includes(name)),
    );
    if (!todo.length) return [h("p", {}, "All of these steps are done."), row()];
    if (!models.length && todo.some(({ name }) => name === "run"))
      return [h("p", {}, "Choose the models to run on first."), row("Choose models", on.chooseModels)];
    const line = ({ name, chained }) =>
      h("li", {}, h("b", {}, name), ": ", chained.replace("the models you choose", models.join(", ")));
    return [
      h("p", {}, "This will be done, one after the other, until something fails:"),
      h("ol", {}, todo.map(line)),
      row("Yes, do all of this", yes("chain")),
    ];
  }

  backing.addEventListener("change", draw);
  return { el, open, close, update, asking: () => asking };
}
