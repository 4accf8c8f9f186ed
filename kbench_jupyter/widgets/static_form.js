// What is saved of a widget: its static form, and never the widget itself.
//
// In the open document an output that shows one of our widgets holds both, and JupyterLab draws the widget.
// In a file the widget would outlive its kernel and reopen as "model not found", so it is left out whenever
// the document is written, and put back when a page finds the kernel still there. The kernel marks such an
// output with the widget's model id (static_form.py); the document itself is not touched by a save, so
// nothing is drawn again.
//
// The notebook mirror, the panels and the log view import it.

const WIDGET_MIME = "application/vnd.jupyter.widget-view+json";
const FORMS = Symbol.for("kbench_jupyter.forms");
const DOUBT_MS = 3000; // a kernel that is asked answers much sooner
// With these a kernel has forgotten all widgets; that it starts is all that is heard where another page restarts it.
export const KERNEL_GONE = ["restarting", "autorestarting", "starting", "dead"];

const shownIn = (output) => output.metadata?.kbench?.panel;

// The outputs of a document (JupyterLab's notebook model, or nbclassic's notebook) that can be changed.
function* outputsOf(doc) {
  for (const cell of doc?.cells ?? []) {
    for (let i = 0; i < (cell.outputs?.length ?? 0); i++) {
      const output = cell.outputs.get(i);
      if (output?.data && output.setData) yield output;
    }
  }
  for (const { output_area: area } of doc?.get_cells?.() ?? []) {
    for (const [i, { data, metadata }] of (area?.outputs ?? []).entries()) {
      if (data) yield { data, metadata, setData: (now) => redraw(area, i, now) };
    }
  }
}

// nbclassic draws an output when it is appended, and never again.
function redraw(area, i, now) {
  const all = area.toJSON();
  all[i] = { ...all[i], ...now };
  area.clear_output(false, true);
  area.fromJSON(all);
}

function setDirty(doc, dirty) {
  if (doc.set_dirty) doc.set_dirty(dirty);
  else doc.dirty = dirty;
}

function withoutWidget(data) {
  const { [WIDGET_MIME]: _, ...rest } = data;
  return rest;
}

// Has the document written without widgets from now on; returns the forms to write, by model id.
function formsOf(doc) {
  if (doc[FORMS]) return doc[FORMS];
  const own = Object.isExtensible(doc) ? doc : Object.getPrototypeOf(doc); // nbclassic seals its one notebook
  const forms = new Map();
  const whole = doc.toJSON;
  const still = (output) => {
    const ident = shownIn(output);
    if (!ident || !output.data) return output;
    let form = null;
    try {
      form = forms.get(ident)?.();
    } catch (error) {
      console.error(error); // a save must not fail for this: the form before is good enough
    }
    return { ...output, data: { ...withoutWidget(output.data), ...form } };
  };
  own.toJSON = function (...args) {
    const saved = whole.apply(this, args);
    const cells = saved.cells?.map((cell) =>
      cell.outputs ? { ...cell, outputs: cell.outputs.map(still) } : cell,
    );
    return { ...saved, cells };
  };
  own[FORMS] = forms;
  return forms;
}

// Other front ends, and documents edited together, do save widgets: those no kernel knows any more give way
// to their static forms.
export function healDocument(manager) {
  const heal = () => {
    for (const output of outputsOf(manager.context?.model)) {
      const ident = output.data[WIDGET_MIME]?.model_id;
      const ours = shownIn(output) || String(output.data["text/html"]).includes("kbench-view");
      if (ident === undefined || !ours || manager.has_model(ident)) continue;
      output.setData({ data: withoutWidget(output.data), metadata: output.metadata });
    }
  };
  if (manager.restoredStatus) heal();
  else manager.restored?.connect(heal);
  return () => manager.restored?.disconnect(heal);
}

// Keeps one widget's static form in its document, and has it take the widget's place for as long as no
// kernel knows the widget. Where there is no such document it only tells that the kernel is gone.
//
// `form()` gives the form as it stands, or null to keep the one before; `ask()` asks the kernel for a sign of
// life, and `heard()` is to be called at each; `gone()` is called when there is none.
export class StaticForm {
  constructor(model, { form, ask, gone }) {
    Object.assign(this, { model, form, ask, onGone: gone, left: false, ident: model.get("ident") });
    const { context, notebook } = model.widget_manager ?? {};
    this.context = context?.model?.cells && context.model.toJSON && context.sessionContext ? context : null;
    this.doc = this.context?.model ?? (notebook?.get_cells ? notebook : null); // nbclassic's has no context
    this.doubt = this.doubt.bind(this);
    this.kernelChanged = this.kernelChanged.bind(this);
    this.statusChanged = this.statusChanged.bind(this);
    this.connectionChanged = this.connectionChanged.bind(this);
    model.on("comm_live_update", this.doubt);
    if (!this.doc) return;
    formsOf(this.doc).set(this.ident, form);
    if (!this.context) {
      this.putBack();
      return;
    }
    this.kernel = this.kernelId;
    context.sessionContext.kernelChanged.connect(this.kernelChanged);
    context.sessionContext.statusChanged.connect(this.statusChanged);
    context.sessionContext.connectionStatusChanged.connect(this.connectionChanged);
    Promise.resolve(context.ready).then(() => this.putBack());
  }

  dispose() {
    clearTimeout(this.doubting);
    this.disposed = true;
    this.model.off("comm_live_update", this.doubt);
    if (this.doc?.[FORMS]?.get(this.ident) === this.form) this.doc[FORMS].delete(this.ident);
    if (!this.context) return;
    const { sessionContext } = this.context;
    sessionContext.kernelChanged.disconnect(this.kernelChanged);
    sessionContext.statusChanged.disconnect(this.statusChanged);
    sessionContext.connectionStatusChanged.disconnect(this.connectionChanged);
  }

  get kernelId() {
    return this.context?.sessionContext.session?.kernel?.id;
  }

  outputs() {
    return this.context?.isDisposed
      ? []
      : [...outputsOf(this.doc)].filter((output) => shownIn(output) === this.ident);
  }

  // -- Whether the kernel that knows the widget is there

  kernelChanged() {
    if (this.kernelId === this.kernel) return;
    if (this.kernel === undefined)
      this.kernel = this.kernelId; // the page has only now found its kernel
    else this.leave();
  }

  statusChanged(_, status) {
    if (KERNEL_GONE.includes(status)) this.leave();
  }

  // While a page was cut off its kernel may have been restarted.
  connectionChanged(_, status) {
    if (status === "connected") this.doubt();
  }

  doubt() {
    if (this.left) return;
    this.ask();
    clearTimeout(this.doubting);
    this.doubting = setTimeout(() => {
      if (this.context && this.context.sessionContext.session?.kernel?.connectionStatus !== "connected")
        return;
      this.leave();
    }, DOUBT_MS);
  }

  heard() {
    clearTimeout(this.doubting);
    if (this.left) this.putBack(); // it was only slow
  }

  // -- The document

  // Leaves nothing but the static form, with which nothing can be clicked in vain.
  leave() {
    clearTimeout(this.doubting);
    if (this.left) return;
    this.left = true;
    const form = this.form();
    for (const output of this.outputs()) {
      output.setData({ data: { ...withoutWidget(output.data), ...form }, metadata: output.metadata });
    }
    this.onGone?.();
  }

  // Shows the widget again where a save left it out. The file lacks nothing by that.
  putBack() {
    this.left = false;
    if (this.disposed || !this.doc) return;
    const { dirty } = this.doc;
    for (const output of this.outputs()) {
      if (output.data[WIDGET_MIME]) continue;
      const widget = { version_major: 2, version_minor: 0, model_id: this.ident };
      output.setData({ data: { ...output.data, [WIDGET_MIME]: widget }, metadata: output.metadata });
    }
    if (!dirty) setDirty(this.doc, false);
  }

  // The form is another one: that is worth a save, once.
  changed() {
    const html = this.form()?.["text/html"];
    if (html === undefined || html === this.told) return;
    this.told = html;
    const whole = (text) => (Array.isArray(text) ? text.join("") : text);
    if (this.outputs().some((output) => whole(output.data["text/html"]) !== html)) setDirty(this.doc, true);
  }
}
