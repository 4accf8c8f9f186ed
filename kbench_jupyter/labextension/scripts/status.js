// What is seen of a task beside the sidebar: the status bar's item, the button in a notebook's toolbar, and a word
// when runs have ended.
import { h, plural } from "./dom.js";

// "kbench: 2 running, 1 failed", or what else there is to say in as few words.
export function wordsOf({ line }) {
  const { runs, marks } = line;
  const said = [];
  if (runs?.going) said.push(`${runs.going} running`);
  if (runs?.failed) said.push(`${runs.failed} failed`);
  if (runs?.ended && !runs.going && !runs.failed) said.push(`${plural(runs.ended, "run")} ended`);
  if (marks.length) said.push(plural(marks.length, "finding"));
  return said.length ? `kbench: ${said.join(", ")}` : "kbench";
}

export function statusItem({ Widget, Signal }, notebooks, open) {
  const item = new Widget();
  const changed = new Signal(item);
  const button = h("button", { type: "button", class: "kbx-status", onclick: open });
  item.node.append(button);
  const isActive = () => Boolean(notebooks.current?.mentions);
  notebooks.changed.connect(() => {
    const { current } = notebooks;
    if (current) {
      const words = wordsOf(current);
      if (button.textContent !== words) button.textContent = words;
      const { runs } = current.line;
      button.title = runs
        ? `The runs of ${runs.task}: open them in the sidebar`
        : "Open the Kaggle Benchmarks sidebar";
      button.classList.toggle("kbx-failed", Boolean(runs?.failed));
    }
    changed.emit();
  });
  return { item, align: "left", rank: 90, isActive, activeStateChanged: changed };
}

// Puts the button into the toolbar of each notebook that defines a task, and takes it out of one that no longer does.
export function toolbarButtons({ ToolbarButton }, notebooks, icon, onClick) {
  const buttons = new Map();
  notebooks.changed.connect((_, notebook) => {
    if (!notebook) return;
    const { panel } = notebook;
    const button = buttons.get(panel);
    if (panel.isDisposed) buttons.delete(panel);
    else if (notebook.definesTask && !button) {
      const tooltip = "Kaggle Benchmarks: check, push, run and compare this notebook's task";
      const made = new ToolbarButton({ icon, tooltip, onClick });
      buttons.set(panel, made);
      if (!panel.toolbar.insertAfter("cellType", "kbench", made)) panel.toolbar.addItem("kbench", made);
    } else if (!notebook.definesTask && button) {
      button.dispose();
      buttons.delete(panel);
    }
  });
}

// Where the sidebar shows these very runs, none lies over it: the list of notifications keeps it all the same.
export function notices({ Notification }, notebooks, open) {
  notebooks.heard.connect((_, { notebook, message: { over } }) => {
    if (!over || !notebooks.settings.notify || !notebooks.isFirstView(notebook)) return;
    const { task, completed, failed } = over;
    const all = plural(completed + failed, "run");
    const words = failed ? `${all} ended, ${failed} of them failed` : `${all} completed`;
    const callback = () => open(notebook);
    Notification.emit(`${task}: ${words}.`, failed ? "warning" : "success", {
      autoClose: notebooks.shown() && notebook === notebooks.current ? 0 : 10_000,
      actions: [{ label: "Show the runs", callback }],
    });
  });
}
