// The open notebooks: what each is about, its line to its kernel, and which is in front.
import { settled } from "./dom.js";
import { KernelLine } from "./kernel.js";
import { Puts } from "./puts.js";

const SDK = "kaggle_benchmarks";
const TASK = /^[ \t]*@[ \t]*(?:\w+\.)*task\b/m;
const LOOK_MS = 400; // after the last edit

const sourcesOf = (context) =>
  [...(context.model?.sharedModel?.cells ?? [])].map((cell) => cell.getSource?.() ?? cell.source);

class OpenNotebook {
  constructor(panel, owner) {
    Object.assign(this, { panel, owner, context: panel.context });
    this.line = new KernelLine(panel.context, {
      changed: () => owner.lineChanged(this),
      told: (_, message) => owner.told(this, message),
    });
    this.aboutTask = this.definesTask = this.mentions = false;
    this.look = this.look.bind(this);
    this.lookSoon = settled(this.look, LOOK_MS);
    this.context.ready.then(() => {
      if (panel.isDisposed) return;
      this.context.model.contentChanged.connect(this.lookSoon);
      this.look();
    });
    panel.disposed.connect(() => this.dispose());
  }

  look() {
    if (this.panel.isDisposed) return;
    const sources = sourcesOf(this.context);
    this.aboutTask = sources.some((text) => text.includes(SDK));
    this.definesTask = this.aboutTask && sources.some((text) => TASK.test(text));
    this.mentions = this.aboutTask || sources.some((text) => text.includes("kbench"));
    if (this.mentions) this.puts ??= new Puts(this.owner.lab, this.panel);
    this.owner.looked(this);
  }

  dispose() {
    this.lookSoon.cancel();
    this.puts?.dispose();
    this.line.dispose();
    this.context.model?.contentChanged.disconnect(this.lookSoon);
    this.owner.forget(this);
  }
}

export class Notebooks {
  constructor(tracker, lab) {
    const { NotebookActions, Signal } = lab;
    Object.assign(this, { tracker, lab });
    this.known = new Map(); // by panel
    this.shown = () => false; // whether the sidebar is looked at
    this.settings = { marks: true, load: true, notify: true };
    this.changed = new Signal(this); // with the notebook of which something else is to be shown
    this.heard = new Signal(this); // with {notebook, message}
    tracker.widgetAdded.connect((_, panel) => this.add(panel));
    tracker.forEach((panel) => {
      this.add(panel);
    });
    tracker.currentChanged.connect(() => this.front());
    // A cell that was run may have loaded the extension, or installed it, or done away with what kept a panel from opening.
    NotebookActions.executed.connect((_, { notebook, cell }) => {
      const found = [...this.known.values()].find(({ panel }) => panel.content === notebook);
      if (found && /kbench|\bpip\b|\buv\b/.test(cell.model.sharedModel.getSource()))
        found.line.problem ? this.askPanelAgain(found) : this.connect(found, true);
    });
  }

  add(panel) {
    if (!this.known.has(panel)) this.known.set(panel, new OpenNotebook(panel, this));
  }

  forget(notebook) {
    this.known.delete(notebook.panel);
    this.changed.emit(notebook);
  }

  get current() {
    return this.known.get(this.tracker.currentWidget) ?? null;
  }

  // One document may be open in several views; what concerns it is said once.
  isFirstView(notebook) {
    return [...this.known.values()].find(({ context }) => context === notebook.context) === notebook;
  }

  // Another notebook is in front, or the sidebar was opened.
  front() {
    const { current } = this;
    if (current) this.connect(current);
    this.changed.emit(current);
  }

  looked(notebook) {
    this.connect(notebook);
    this.changed.emit(notebook);
  }

  // Asks a notebook's kernel, but only where somebody wants to know: a notebook that has nothing to do with this
  // is left alone.
  connect(notebook, always = false) {
    const { line } = notebook;
    const seen = this.shown() && notebook === this.current;
    if (line.isOpen) return this.want(notebook);
    if (!(seen || notebook.mentions)) return;
    // What was unloaded by hand stays so until somebody asks for it.
    const load = this.settings.load && seen && notebook.definesTask && !line.left;
    if (always || line.state === "idle" || (load && ["asking", "unloaded"].includes(line.state)))
      line.open({ load });
  }

  load(notebook) {
    return notebook.line.open({ load: true });
  }

  // Asks for what is to be shown of a notebook, once its kernel answers.
  want(notebook) {
    const { line } = notebook;
    const marks = this.settings.marks && notebook.aboutTask;
    if (line.wantedMarks !== marks || line.wantedOf !== line.comm) {
      Object.assign(line, { wantedMarks: marks, wantedOf: line.comm });
      line.send({ do: "marks", on: marks });
    }
    if (this.shown() && notebook === this.current && !line.panel && line.askedPanel !== line.comm) {
      line.askedPanel = line.comm;
      line.send({ do: "panel" });
    }
  }

  askPanelAgain(notebook) {
    Object.assign(notebook.line, { askedPanel: null, problem: null });
    this.want(notebook);
    this.changed.emit(notebook);
  }

  lineChanged(notebook) {
    if (notebook.line.state === "idle") this.connect(notebook);
    if (notebook.line.isOpen) this.want(notebook);
    this.changed.emit(notebook);
  }

  told(notebook, message) {
    this.heard.emit({ notebook, message });
    this.changed.emit(notebook);
  }

  configure(settings) {
    Object.assign(this.settings, settings);
    for (const notebook of this.known.values()) if (notebook.line.isOpen) this.want(notebook);
    this.front();
  }
}
