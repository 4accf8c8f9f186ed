// What the rules find, as marks in the cells' gutters while one types. The kernel says what and where; here it is
// drawn, follows the text until the kernel's next word, and is explained where the pointer or the cursor asks for it.
import { announce, h } from "./dom.js";

// The editors of code cells: each has room for marks, and costs nothing until there are any.
export class Editors {
  constructor() {
    this.views = new Map(); // a cell's model -> Set of {view, room, on: whether it has room, any: and marks}
    this.opened = () => {}; // called with the model of a cell whose editor has just been made
  }

  extension({ ViewPlugin, Compartment }, model) {
    const room = new Compartment();
    const watch = ViewPlugin.define((view) => {
      const entry = { view, room, on: false, any: false };
      if (!this.views.has(model)) this.views.set(model, new Set());
      this.views.get(model).add(entry);
      queueMicrotask(() => this.opened(model));
      return {
        destroy: () => {
          this.views.get(model)?.delete(entry);
          if (!this.views.get(model)?.size) this.views.delete(model);
        },
      };
    });
    return [watch, room.of([])];
  }

  of(model) {
    return this.views.get(model) ?? [];
  }
}

// What explains marks of an editor: each finding, what to write instead, and its fix.
function explanation(view, marks, onFix) {
  return h(
    "div",
    { class: "kbx-tip", role: "status" },
    ...marks.map((mark) =>
      h(
        "div",
        { class: `kbx-finding kbx-${mark.severity}` },
        h("p", {}, h("strong", {}, `${mark.severity} ${mark.code}`), ` ${mark.message}`),
        mark.hint ? h("p", { class: "kbx-hint" }, mark.hint) : null,
        mark.fix
          ? h(
              "button",
              { type: "button", class: "jp-mod-styled", onclick: () => onFix(view, mark) },
              `Fix: ${mark.fix}`,
            )
          : null,
      ),
    ),
  );
}

// The extension of CodeMirror that draws marks; `onFix(view, mark)` is what its button does.
export function drawing(cm, onFix) {
  const { StateEffect, StateField, RangeSet, Decoration, EditorView } = cm;
  const { GutterMarker, gutter, hoverTooltip, keymap, showTooltip, tooltips } = cm;
  const put = StateEffect.define();
  const explain = StateEffect.define(); // a line's start, or null

  class Sign extends GutterMarker {
    constructor(marks) {
      super();
      this.marks = marks;
      this.severity = marks.some(({ severity }) => severity === "error") ? "error" : "warning";
    }
    eq(other) {
      return JSON.stringify(this.marks) === JSON.stringify(other.marks);
    }
    toDOM() {
      return h("span", { class: `kbx-sign kbx-${this.severity}` });
    }
  }

  // Signs at the starts of their lines; an underline below the line's text.
  function ranges(state, marks) {
    const lines = new Map();
    for (const mark of marks) {
      const number = Math.min(Math.max(mark.line, 1), state.doc.lines);
      lines.set(number, [...(lines.get(number) ?? []), mark]);
    }
    const signs = [];
    const under = [];
    for (const [number, those] of [...lines].sort(([a], [b]) => a - b)) {
      const line = state.doc.line(number);
      const sign = new Sign(those);
      signs.push(sign.range(line.from));
      const from = line.from + line.text.search(/\S|$/);
      if (from < line.to)
        under.push(Decoration.mark({ class: `kbx-under kbx-${sign.severity}` }).range(from, line.to));
    }
    return { signs: RangeSet.of(signs), under: Decoration.set(under) };
  }

  const field = StateField.define({
    create: () => ({ signs: RangeSet.empty, under: Decoration.none }),
    update(drawn, change) {
      for (const effect of change.effects) if (effect.is(put)) return ranges(change.state, effect.value);
      if (!change.docChanged) return drawn;
      return { signs: drawn.signs.map(change.changes), under: drawn.under.map(change.changes) };
    },
    provide: (own) => EditorView.decorations.from(own, ({ under }) => under),
  });

  function tip(state, pos) {
    const line = state.doc.lineAt(pos);
    const found = [];
    state.field(field).signs.between(line.from, line.to, (_from, _to, sign) => {
      found.push(...sign.marks);
    });
    if (!found.length) return null;
    return { pos: line.from, above: false, create: (view) => ({ dom: explanation(view, found, onFix) }) };
  }

  const open = StateField.define({
    create: () => null,
    update(shown, change) {
      for (const effect of change.effects) {
        if (effect.is(explain)) return effect.value === null ? null : tip(change.state, effect.value);
        if (effect.is(put)) return shown && tip(change.state, shown.pos);
      }
      return change.docChanged || change.selection ? null : shown;
    },
    provide: (own) => showTooltip.from(own),
  });

  const signs = gutter({
    class: "kbx-gutter",
    markers: (view) => view.state.field(field).signs,
    domEventHandlers: {
      mousedown: (view, block) => {
        const shown = view.state.field(open) !== null;
        view.dispatch({ effects: explain.of(shown ? null : block.from) });
        return true;
      },
    },
  });
  const hide = keymap.of([
    {
      key: "Escape",
      run: (view) => {
        if (view.state.field(open) === null) return false;
        view.dispatch({ effects: explain.of(null) });
        return true;
      },
    },
  ]);
  const hover = hoverTooltip((view, pos) => (view.state.field(open) ? null : tip(view.state, pos)));
  const all = [field, signs, open, hide, hover, tooltips({ parent: document.body })];

  return {
    // The same marks are put again, too: an edit that replaces a text takes them along.
    put(entry, marks) {
      // The field must be there before it is told of anything.
      if (!entry.on) entry.view.dispatch({ effects: entry.room.reconfigure(all) });
      const any = marks.length > 0;
      if (any || entry.any) entry.view.dispatch({ effects: put.of(marks) });
      Object.assign(entry, { on: true, any });
    },
    leave(entry) {
      if (entry.on) entry.view.dispatch({ effects: entry.room.reconfigure([]) });
      Object.assign(entry, { on: false, any: false });
    },
    explain: (view, line) => view.dispatch({ effects: explain.of(view.state.doc.line(line).from) }),
    has: (view) => view.state.field(field, false) !== undefined,
  };
}

export class Marks {
  constructor(lab, registry, notebooks) {
    Object.assign(this, { lab, notebooks, editors: new Editors() });
    this.drawing = null; // made when there is something to draw
    registry.addExtension({
      name: "kbench-marks",
      factory: ({ model }) => {
        if (model?.sharedModel?.cell_type !== "code") return null;
        const extension = this.editors.extension(lab, model);
        return lab.EditorExtensionRegistry.createImmutableExtension(extension);
      },
    });
    this.editors.opened = (model) => {
      for (const notebook of this.rooms.keys())
        if ([...(notebook.context.model?.cells ?? [])].includes(model)) this.draw(notebook, model);
    };
    this.rooms = new Map(); // notebook -> what was drawn of it last
    notebooks.changed.connect((_, notebook) => notebook && this.update(notebook));
  }

  // All code cells of a notebook have room for marks or none has: text that moves aside with each finding would
  // disturb more than the finding.
  update(notebook) {
    const { line, panel } = notebook;
    const on = line.isOpen && line.wantedMarks && !panel.isDisposed;
    const before = this.rooms.get(notebook);
    if (on ? before === line.marks : before === undefined) return;
    if (on) this.rooms.set(notebook, line.marks);
    else this.rooms.delete(notebook);
    if (panel.isDisposed) return;
    for (const model of notebook.context.model.cells) this.draw(notebook, model);
  }

  draw(notebook, model) {
    const on = this.rooms.has(notebook);
    if (on) this.drawing ??= drawing(this.lab, (view, mark) => this.fix(this.shownIn(view), mark));
    const marks = notebook.line.marks.filter(({ cell }) => cell === model.id);
    for (const entry of this.editors.of(model))
      if (on) this.drawing.put(entry, marks);
      else this.drawing?.leave(entry);
  }

  // -- Commands

  // Goes to the first finding after the cursor, around the end of the notebook.
  async next() {
    const { current } = this.notebooks;
    const marks = current?.line.marks ?? [];
    if (!marks.length) {
      announce("No findings");
      return;
    }
    const { content } = current.panel;
    const order = new Map(content.widgets.map((cell, index) => [cell.model.id, index]));
    const place = ({ cell, line }) => (order.get(cell) ?? 0) * 1e6 + line;
    const here = { cell: content.activeCell?.model.id, line: 0 };
    const cursor = content.activeCell?.editor?.getCursorPosition();
    if (cursor && content.mode === "edit") here.line = cursor.line + 1;
    const sorted = [...marks].sort((a, b) => place(a) - place(b));
    const next = sorted.find((mark) => place(mark) > place(here)) ?? sorted[0];
    content.activeCellIndex = order.get(next.cell) ?? 0;
    await content.scrollToItem(content.activeCellIndex);
    await content.activeCell.ready;
    content.mode = "edit";
    content.activeCell.editor.setCursorPosition({ line: next.line - 1, column: 0 });
    content.activeCell.editor.focus();
    for (const { view } of this.editors.of(content.activeCell.model))
      if (this.drawing?.has(view)) this.drawing.explain(view, Math.min(next.line, view.state.doc.lines));
    const number = content.activeCellIndex + 1;
    announce(
      `Cell ${number}, line ${next.line}: ${next.severity} ${next.code}. ${next.message} ${next.hint}`,
    );
  }

  // Fixes what is found in the cursor's line.
  fixHere() {
    const { current } = this.notebooks;
    const cell = current?.panel.content.activeCell;
    const line = (cell?.editor?.getCursorPosition().line ?? 0) + 1;
    const marks = (current?.line.marks ?? []).filter((mark) => mark.cell === cell?.model.id && mark.fix);
    const mark = marks.find((one) => one.line === line) ?? marks[0];
    if (mark) return this.fix(current, mark);
    announce("There is no safe fix here.");
  }

  shownIn({ dom }) {
    return [...this.notebooks.known.values()].find(({ panel }) => panel.node.contains(dom));
  }

  async fix(notebook, mark) {
    const { code, cell, line } = mark;
    const found = await notebook.line.ask({ do: "fix", code, cell, line });
    const model = [...notebook.context.model.sharedModel.cells].find((one) => one.getId() === found.cell);
    const same = model && model.getSource() === found.old;
    if (found.problem || !same) {
      const why = found.problem ?? "The cell has changed meanwhile: nothing was fixed. Try again.";
      this.lab.Notification.info(why, { autoClose: 5000 });
      return;
    }
    model.setSource(found.new);
    announce(`Fixed: ${mark.fix}`);
  }
}
