// What an output says to type next, as buttons that put it into the next cell. Nothing is run by them.
//
// Outputs are text and HTML that read well without this. Here the commands under "Next" become buttons where they
// stand, and those that the hint of an error names follow below it.
import { h, settled } from "./dom.js";
import { putNext } from "./tasks.js";

const OUTPUT = ".jp-OutputArea-output";
const NEXT = ".kbench-view .kbench-next > li > code:first-child";
const LOOK_MS = 50; // after the last change: an error is drawn piece by piece
const OURS = /^(?:kbench|interrupted)\b.*:/;
const HINT = /(?:Did you mean |: |→ |^ +)(%%?(?:kbench|load_ext|pip|env|config)\b.*)/;

// The commands that a hint names, without the words around them: a line that ends as a sentence is one.
export function commandsIn(text) {
  const lines = text.split("\n");
  const first = lines.findIndex((line) => line.startsWith("→ "));
  if (first < 0 || !OURS.test(lines[0])) return [];
  const said = lines.slice(first).filter((line) => /^(?:→| )/.test(line));
  const found = said
    .flatMap((line) => line.split(/(?<=\S) {3,}/))
    .map((part) => {
      const [, named = ""] = part.startsWith("(") ? [] : (HINT.exec(part) ?? []);
      const command = named.split(/\?$| [([]/)[0].trim();
      return /[.,:;]$/.test(command) ? "" : command;
    });
  return [...new Set(found.filter(Boolean))];
}

// `panel` is a notebook: the buttons in its outputs put what they say into it.
export class Puts {
  constructor(lab, panel) {
    Object.assign(this, { lab, panel, seen: new Set() });
    this.soon = settled(() => this.look(), LOOK_MS);
    this.observer = new MutationObserver((records) => {
      for (const { target, addedNodes } of records) this.note(target, addedNodes);
      if (this.seen.size) this.soon();
    });
    this.observer.observe(panel.content.node, { childList: true, subtree: true });
    for (const output of panel.content.node.querySelectorAll(OUTPUT)) this.seen.add(output);
    this.look();
  }

  dispose() {
    this.soon.cancel();
    this.observer.disconnect();
  }

  note(target, added) {
    if (target.closest(".cm-editor, .kbp")) return; // typing, and what panels draw
    const around = target.closest(OUTPUT);
    if (around) this.seen.add(around);
    else
      for (const node of added)
        if (node.querySelectorAll) {
          if (node.matches(OUTPUT)) this.seen.add(node);
          for (const output of node.querySelectorAll(OUTPUT)) this.seen.add(output);
        }
  }

  look() {
    for (const output of this.seen) if (output.isConnected) this.draw(output);
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
    const commands = commandsIn(text);
    const key = commands.join("\n");
    if ((output.dataset.kbxPuts ?? "") === key) return;
    output.dataset.kbxPuts = key;
    output.querySelector(".kbx-puts")?.remove();
    if (!commands.length) return;
    const buttons = commands.map((command) => {
      const button = this.button(command);
      button.append(h("code", {}, command));
      return button;
    });
    output.append(h("div", { class: "kbx-puts" }, ...buttons));
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
