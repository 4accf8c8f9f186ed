// The browser's end of a widget: its connection with the kernel, its views, its static form.
import { StaticForm } from "./static_form.js";

// One a widget, whichever views come and go. `form` is what a StaticForm asks for.
export class Store {
  constructor(model, form) {
    this.model = model;
    this.views = new Set();
    this.asked = new Map(); // questions that wait for an answer
    this.silent = false; // asked, and no answer
    this.receive = this.receive.bind(this);
    model.on("msg:custom", this.receive);
    this.document = new StaticForm(model, form);
  }

  dispose() {
    this.model.off("msg:custom", this.receive);
    this.document.dispose();
  }

  send(message) {
    try {
      this.model.send(message);
    } catch {
      // There is no connection: the answer will be missing, and that is what tells.
    }
  }

  setSilent(silent) {
    if (this.silent === silent) return;
    this.silent = silent;
    for (const view of this.views) view.setSilent(silent);
  }
}

// What anywidget wants of a module: `draw(store, el)` draws a view and returns what ends it.
export const widget = (OneStore, draw) => () => {
  let store = null;
  return {
    initialize({ model }) {
      store = new OneStore(model);
      return () => store.dispose();
    },
    render: ({ el }) => draw(store, el),
  };
};
