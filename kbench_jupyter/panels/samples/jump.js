// From an assertion to its line in the notebook, where the front end lets a widget reach its document.
import { h } from "../../widgets/elements.js";

const MEANT_MS = 2500; // that a line is marked
const FRAMES = 60; // until an editor has drawn what was scrolled to

// An editor draws the lines that are seen: of a long cell, those around what was scrolled to.
function drawn(node, text, line) {
  const parts = [...node.querySelectorAll(".cm-content > *")];
  if (parts.slice(0, line).every((part) => part.matches(".cm-line"))) return parts[line - 1];
  const same = parts.filter((part) => part.matches(".cm-line") && part.textContent === text);
  return same.length === 1 ? same[0] : undefined;
}

// Scrolls to the cell and marks the line; returns what to say of it.
export function jumpTo(el, model, { words, cell, id, line }) {
  const panel = el.closest(".jp-NotebookPanel, .jp-Notebook");
  const cells = model.widget_manager?.context?.model?.cells;
  if (!panel || !cells) return words;
  const all = Array.from(cells);
  const index = all.some((one) => one.id === id) ? all.findIndex((one) => one.id === id) : cell;
  const node =
    panel.querySelector(`[data-windowed-list-index="${index}"]`) ?? panel.querySelectorAll(".jp-Cell")[index];
  if (!node) return words;
  const lines = (all[index]?.sharedModel?.source ?? "").split("\n");
  const content = node.querySelector(".cm-content") ?? node;
  const place = content.getBoundingClientRect();
  const down = place.top - node.getBoundingClientRect().top + (place.height * (line - 0.5)) / lines.length;
  const about = h("span", { style: `position: absolute; top: ${down}px` });
  node.append(about);
  about.scrollIntoView({ block: "center" });
  about.remove();
  const mark = (tries) => {
    const found = drawn(node, lines[line - 1], line);
    if (!found && tries < FRAMES) return requestAnimationFrame(() => mark(tries + 1));
    const meant = found ?? node;
    meant.scrollIntoView({ block: found ? "center" : "nearest" });
    meant.classList.add("kbs-meant");
    setTimeout(() => meant.classList.remove("kbs-meant"), MEANT_MS);
  };
  mark(0);
  return "";
}
