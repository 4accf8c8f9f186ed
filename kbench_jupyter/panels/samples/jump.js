// From an assertion to its line in the notebook, where the front end lets a widget reach its document.

// Scrolls to the cell and marks the line; returns what to say of it.
export function jumpTo(el, model, { words, cell, id, line }) {
  const panel = el.closest(".jp-NotebookPanel, .jp-Notebook");
  const cells = model.widget_manager?.context?.model?.cells;
  if (!panel || !cells) return words;
  const order = Array.from(cells, (one) => one.id);
  const index = order.includes(id) ? order.indexOf(id) : cell;
  const node =
    panel.querySelector(`[data-windowed-list-index="${index}"]`) ?? panel.querySelectorAll(".jp-Cell")[index];
  if (!node) return words;
  node.scrollIntoView({ block: "center" });
  const lines = node.querySelectorAll(".cm-line");
  const meant = lines[line - 1] ?? node;
  meant.scrollIntoView({ block: "center" });
  meant.classList.add("kbs-meant");
  setTimeout(() => meant.classList.remove("kbs-meant"), 2500);
  return "";
}
