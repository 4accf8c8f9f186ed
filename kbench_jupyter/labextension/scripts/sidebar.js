// The sidebar: the workflow panel of the notebook in front, the very one that `%kbench` shows in a cell; or one line
// that says why there is none and what to type.
import { h, settled } from "./dom.js";
import { Puts } from "./puts.js";

const WIDGET = "application/vnd.jupyter.widget-view+json";

// What stands in the place of a panel.
function message({ line, type, load }, onLoad, onRetry, more = []) {
  return h(
    "div",
    { class: "kbx-message", role: "status" },
    h("p", {}, line),
    more.length ? h("pre", {}, more.join("\n")) : null,
    type ? h("p", {}, "Type: ", h("code", {}, type)) : null,
    load
      ? h("button", { type: "button", class: "jp-mod-styled jp-mod-accept", onclick: onLoad }, "Load it")
      : null,
    onRetry ? h("button", { type: "button", class: "jp-mod-styled", onclick: onRetry }, "Try again") : null,
  );
}

export function sidebarOf(lab, app, notebooks, icon) {
  const { Panel, MimeModel, Widget } = lab;
  const sidebar = new Panel();
  sidebar.id = "kbench-sidebar";
  sidebar.addClass("kbx-sidebar");
  // JupyterLab asks for it before the style sheet is there; Notebook 7 would cut off what is wider than its sidebar.
  if (app.name === "JupyterLab") {
    // A small window has room for the file browser beside it.
    sidebar.node.style.minWidth = "clamp(160px, 100vw - 330px, 360px)";
    window.addEventListener(
      "resize",
      settled(() => sidebar.parent?.fit(), 100),
    );
  }
  sidebar.title.icon = icon;
  sidebar.title.caption = "Kaggle Benchmarks";
  sidebar.node.setAttribute("role", "region");
  sidebar.node.setAttribute("aria-label", "Kaggle Benchmarks");
  const words = new Widget();
  words.addClass("kbx-words");
  sidebar.addWidget(words);
  const views = new Map(); // notebook -> {id, widget}
  let told = "";

  function say(said, notebook, more) {
    const key = JSON.stringify([said, more, notebook?.panel.id]);
    words.setHidden(!said);
    if (key === told) return;
    told = key;
    words.node.replaceChildren();
    if (!said) return;
    const onLoad = () => notebooks.load(notebook);
    const onRetry = more ? () => notebooks.askPanelAgain(notebook) : null;
    words.node.append(message(said, onLoad, onRetry, more));
  }

  function drop(notebook) {
    views.get(notebook)?.puts.dispose();
    views.get(notebook)?.widget.dispose();
    views.delete(notebook);
  }

  // The notebook's own widget manager draws the panel, as it does in a cell's output.
  function draw(notebook) {
    const { panel: id } = notebook.line;
    if (views.get(notebook)?.id === id) return true;
    drop(notebook);
    let widget;
    try {
      widget = notebook.panel.content.rendermime.createRenderer(WIDGET);
    } catch {
      return false; // no widget manager
    }
    sidebar.addWidget(widget);
    views.set(notebook, { id, widget, puts: new Puts(lab, notebook.panel, widget.node) });
    const data = { [WIDGET]: { version_major: 2, version_minor: 0, model_id: id } };
    widget
      .renderModel(new MimeModel({ data, trusted: true }))
      .catch((error) => console.error("kbench:", error));
    return true;
  }

  function update() {
    const { current } = notebooks;
    for (const notebook of [...views.keys()])
      if (notebook.panel.isDisposed || !notebook.line.panel) drop(notebook);
    for (const [notebook, { widget }] of views) widget.setHidden(notebook !== current);
    if (!sidebar.isVisible) return;
    if (!current) return say({ line: "Open a notebook: the way of its benchmark task is shown here." });
    const { line } = current;
    if (!line.isOpen) return say(line.said, current);
    if (line.problem) return say({ line: "The panel could not be opened:" }, current, line.problem);
    if (!line.panel) return say({ line: "Opening the panel…" }, current);
    if (!draw(current))
      return say(
        { line: "JupyterLab draws no widgets here.", type: "%pip install jupyterlab_widgets" },
        current,
      );
    views.get(current).widget.setHidden(false);
    return say(null);
  }

  sidebar.onAfterShow = () => notebooks.front();
  notebooks.shown = () => sidebar.isVisible;
  notebooks.changed.connect(update);
  return sidebar;
}

// Brings the runs into view, once they are drawn.
export function showRuns(sidebar, tries = 20) {
  const runs = [...sidebar.node.querySelectorAll(".kbp-status")].find((node) => node.offsetParent);
  if (runs) {
    runs.scrollIntoView({ block: "start" });
    runs.querySelector("button, a, [tabindex]")?.focus({ preventScroll: true });
  } else if (tries) setTimeout(() => showRuns(sidebar, tries - 1), 250);
}
