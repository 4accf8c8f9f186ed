// The buttons that take a run's whole log elsewhere: to the clipboard, or into a file.
import { toClipboard } from "../../widgets/clipboard.js";
import { button, h, plural } from "../../widgets/elements.js";
import { tailOf } from "./form.js";

export function copyAndSave(view) {
  const { store } = view;

  // A button that does one thing at a time, for the run that is shown.
  const taking = (label, title, take) => {
    const node = button(
      label,
      async () => {
        if (node.hasAttribute("aria-disabled") || !view.run) return;
        node.setAttribute("aria-disabled", "true"); // where the keyboard stays
        await take(view.run);
        node.removeAttribute("aria-disabled");
      },
      { title, "aria-label": title },
    );
    return node;
  };

  async function copy(run) {
    const parts = [];
    const last = store.ask({ t: "text", run: run.id }, (message) => parts.push(message.part));
    const text = last.then((answer) => (answer ? parts.join("") : tailOf(store, run, run.n).join("\n")));
    try {
      await toClipboard(text);
      const answer = await last;
      if (!answer) view.say("Copied what this page has: the kernel does not answer.");
      else if (answer.cut)
        view.say(`Copied the last ${plural(answer.lines, "line")}. Save keeps all of them.`);
      else view.say(`Copied ${plural(answer.lines, "line")}.`);
    } catch {
      view.say("The browser does not let this page use the clipboard. Save writes a file instead.");
    }
  }

  async function save(run) {
    const answer = await store.ask({ t: "save", run: run.id });
    if (!answer) view.say("Not saved: the kernel does not answer.");
    else view.say(answer.problem ?? `Saved ${plural(answer.lines, "line")} to ${answer.path}`);
    if (answer?.folder) view.note.title = answer.folder;
  }

  return h(
    "div",
    { class: "kbl-actions" },
    taking("Copy", "Copy this run's log", copy),
    taking("Save", "Save this run's log as a file beside the notebook", save),
  );
}
