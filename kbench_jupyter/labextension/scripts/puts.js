// What an output says to type next, as buttons that put it into the next cell. Nothing is run by them.
//
// Outputs are text and HTML that read well without this. Here the commands under "Next" become buttons where they
// stand, and those that the hint of an error names follow below it; also below what a panel says of an error, in a cell
// or in the sidebar.
import { h, settled } from "./dom.js";
import { putNext } from "./tasks.js";

const OUTPUT = ".jp-OutputArea-output";
const NEXT = ".kbench-view .kbench-next > li > code:first-child";
const PANEL = ".kbp";
const WORDS = ".kbp-words"; // of an error, in a panel
const LOOK_MS = 50; // after the last change: an error is drawn piece by piece
const OURS = /^(?:kbench|interrupted)\b.*:/;
const HINT = /(?:Did you mean |: |→ |^ +|^(?:then |or )?)(%%?(?:kbench|load_ext|pip|env|config)\b.*)/;
const BETWEEN = /(?<=\S) {3,}|, (?=[^%]*%%?(?:kbench|load_ext|pip|env|config)\b)/;

// The commands that a hint names, without the words around them: a line that ends as a sentence is one.
export function commandsIn(text) {
  const lines = text.split("\n");
  const first = lines.findIndex((line) => line.startsWith("→ "));
  if (first < 0) return [];
  const said = lines.slice(first).filter((line) => /^(?:→| )/.test(line));
  const found = said
    .flatMap((line) => line.split(BETWEEN))
    .map((part) => {
      const [, named = ""] = part.startsWith("(") ? [] : (HINT.exec(part) ?? []);
      const command = named.split(/\?$| [([]/)[0].trim();
      return /[.,:;]$/.test(command) ? "" : command;
    });
  return [...new Set(found.filter(Boolean))];
}

// `panel` is a notebook: the buttons in its outputs put what they say into it, and so do those in `node`, which shows
// its panel elsewhere.
export class Puts {
  constructor(lab, panel, node = panel.content.node) {
    Object.assign(this, { lab, panel, seen: new Set() });
    this.soon = settled(() => this.look(), LOOK_MS);
    this.observer = new MutationObserver((records) => {
      for (const { target, addedNodes } of records) this.note(target, addedNodes);
      if (this.seen.size) this.soon();
    });
    this.observer.observe(node, { childList: true, subtree: true });
    for (const shown of node.querySelectorAll(`${OUTPUT}, ${WORDS}`)) this.seen.add(shown);
    this.look();
  }

  dispose() {
    this.soon.cancel();
    this.observer.disconnect();
  }

  note(target, added) {
    if (target.closest(".cm-editor")) return; // typing
    const around = target.closest(PANEL) ? null : target.closest(OUTPUT);
    if (around) this.seen.add(around);
    const wanted = around ? WORDS : `${OUTPUT}, ${WORDS}`;
    for (const node of added)
      if (node.querySelectorAll) {
        if (node.matches(wanted)) this.seen.add(node);
        for (const shown of node.querySelectorAll(wanted)) this.seen.add(shown);
      }
  }

  look() {
    for (const shown of this.seen)
      if (shown.isConnected) shown.matches(WORDS) ? this.drawWords(shown) : this.draw(shown);
    this.seen.clear();
  }

  draw(output) {
    for (const code of output.querySelectorAll(NEXT)) {
      const button = this.button(code.textContent);
      code.replaceWith(button);
      button.append(code);
    }
    if (!/\.(?:error|stderr)$/.test(output.dataset.mimeType ?? "")) return;
    const text = output.querySelector("pre")?.textContent ?? "";
    output.classList.toggle("kbx-interrupted", text.startsWith("interrupted:"));
    const commands = OURS.test(text.split("\n", 1)[0]) ? commandsIn(text) : [];
    const key = commands.join("\n");
    if ((output.dataset.kbxPuts ?? "") === key) return;
    output.dataset.kbxPuts = key;
    output.querySelector(".kbx-puts")?.remove();
    if (commands.length) output.append(this.row(commands));
  }

  // What a panel says of an error is drawn anew as a whole, and its buttons with it.
  drawWords(words) {
    if (words.nextElementSibling?.matches(".kbx-puts")) return;
    const commands = commandsIn(words.textContent);
    if (commands.length) words.after(this.row(commands));
  }

  row(commands) {
    const buttons = commands.map((command) => {
      const button = this.button(command);
      button.append(h("code", {}, command));
      return button;
    });
    return h("div", { class: "kbx-puts" }, ...buttons);
  }

  button(command) {
    return h("button", {
      type: "button",
      class: "kbx-put",
      title: "Put it into the next cell",
      "aria-label": `${command}: put it into the next cell`,
      onclick: (event) => putNext(this.lab, this.panel, event.currentTarget, command),
    });
  }
}
