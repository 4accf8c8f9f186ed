// The browser's side of the notebook mirror (kbench_jupyter/notebook/mirror.py).
//
// In JupyterLab and Notebook 7 a widget's manager belongs to one open document and knows it as `context`.
// This module reads that document's cells and tells the kernel what changed. It draws nothing, and where
// there is no such document it does nothing.
import { healDocument, KERNEL_GONE } from "../widgets/static_form.js";

const DELAY_MS = 150;

function readCell(cell) {
  const tags = cell.getMetadata?.("tags");
  return {
    id: cell.getId?.() ?? cell.id,
    type: cell.cell_type,
    source: cell.getSource?.() ?? cell.source,
    // Before JupyterLab 4.1 the key is ignored and all metadata comes back.
    tags: Array.isArray(tags) ? [...tags] : [...(tags?.tags ?? [])],
  };
}

function mirror(model, context) {
  const client = Math.random().toString(36).slice(2) + Date.now().toString(36);
  const sent = new Map(); // cell id -> what the kernel knows of it
  let seq = 0;
  let order = "";
  let place = "";
  let timer = null;

  // Tells what has changed, or everything to answer the question of that number.
  function flush(answers) {
    clearTimeout(timer);
    timer = null;
    if (context.isDisposed || !context.model?.sharedModel) return;
    const everything = answers !== undefined;
    if (everything) sent.clear();
    const cells = [...context.model.sharedModel.cells].map(readCell);
    const changed = cells.filter((cell) => sent.get(cell.id) !== JSON.stringify(cell));
    const ids = cells.map((cell) => cell.id);
    const newOrder = ids.join("\n");
    // When the file was written that this document is, on the server's clock. What is edited by several at
    // once is saved by the server, which tells nobody.
    const saved = context.model.collaborative
      ? null
      : Date.parse(context.contentsModel?.last_modified) / 1000;
    const newPlace = `${context.path}\n${context.model.dirty}\n${saved}`;
    if (!everything && !changed.length && newOrder === order && newPlace === place) return;
    const message = {
      client,
      seq: ++seq,
      path: context.path,
      dirty: context.model.dirty,
      saved,
      cells: changed,
    };
    if (everything) Object.assign(message, { reset: true, answers });
    if (everything || newOrder !== order) message.order = ids;
    for (const cell of changed) sent.set(cell.id, JSON.stringify(cell));
    const present = new Set(ids);
    for (const id of sent.keys()) if (!present.has(id)) sent.delete(id);
    order = newOrder;
    place = newPlace;
    model.send(message);
  }

  const now = () => flush();
  const soon = () => {
    timer ??= setTimeout(now, DELAY_MS);
  };
  // What is typed just before a run must reach the kernel before the run does. `window` hears keys and
  // clicks before JupyterLab acts on them.
  const beforeRun = (event) => {
    const runs = event.type === "keydown" ? event.key === "Enter" : true;
    if (timer !== null && runs) flush();
  };
  const asked = (content) => {
    if (content?.ask !== undefined) flush(content.ask);
  };

  context.model.contentChanged.connect(soon);
  context.model.stateChanged.connect(soon);
  context.pathChanged.connect(now);
  context.fileChanged?.connect(soon);
  window.addEventListener("keydown", beforeRun, true);
  window.addEventListener("pointerdown", beforeRun, true);
  model.on("msg:custom", asked);
  flush(0);

  return () => {
    clearTimeout(timer);
    window.removeEventListener("keydown", beforeRun, true);
    window.removeEventListener("pointerdown", beforeRun, true);
    model.off("msg:custom", asked);
    if (context.isDisposed) return;
    context.model.contentChanged.disconnect(soon);
    context.model.stateChanged.disconnect(soon);
    context.pathChanged.disconnect(now);
    context.fileChanged?.disconnect(soon);
  };
}

// Calls `end` once the document is closed or the kernel that it is told to is gone; neither ends the widget.
function atEnd(context, end) {
  const { sessionContext } = context;
  const kernelId = () => sessionContext?.session?.kernel?.id;
  const own = kernelId();
  context.disposed?.connect(end);
  sessionContext?.statusChanged.connect((_, status) => KERNEL_GONE.includes(status) && end());
  sessionContext?.kernelChanged.connect(() => kernelId() !== own && end());
}

function initialize({ model }) {
  const context = model.widget_manager?.context;
  if (!context?.pathChanged || !context.model?.sharedModel?.cells) return;
  const ends = [];
  let stopped = false;
  const stop = () => {
    stopped = true;
    for (const end of ends.splice(0)) end();
  };
  Promise.resolve(context.ready).then(() => {
    if (stopped) return;
    ends.push(mirror(model, context), healDocument(model.widget_manager));
    atEnd(context, stop);
  });
  return stop;
}

export default { initialize };
