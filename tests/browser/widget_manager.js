// A page with nothing but one of ipywidgets' widget managers, as its npm package has it, on a kernel of its own.
//
// The connection is JupyterLab's (@jupyterlab/services): a page of it opened this one.
const MIME = "application/vnd.jupyter.widget-view+json";

const amd = (...names) =>
  new Promise((resolve, reject) => window.requirejs(names, (...modules) => resolve(modules), reject));

function script(src, attributes = {}) {
  return new Promise((resolve, reject) => {
    const element = Object.assign(document.createElement("script"), {
      src,
      onload: resolve,
      onerror: reject,
    });
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    document.head.append(element);
  });
}

// What web pages have: it knows no kernel, so a page that has one brings the comms, as Thebe does.
async function htmlManager(kernel) {
  await script("html/dist/libembed-amd.js", { "data-jupyter-widgets-cdn": "npm/" });
  const [base, { HTMLManager }, { requireLoader }] = await amd(
    "@jupyter-widgets/base",
    "@jupyter-widgets/html-manager",
    "@jupyter-widgets/html-manager/dist/libembed-amd",
  );
  const { Comm } = base.shims.services;
  class Manager extends HTMLManager {
    async _create_comm(target, id, data, metadata, buffers) {
      const comm = kernel.createComm(target, id);
      if (data || metadata) comm.open(data, metadata, buffers);
      return new Comm(comm);
    }
    async _get_comm_info() {
      return (await kernel.requestCommInfo({ target_name: this.comm_target_name })).content.comms;
    }
  }
  const manager = new Manager({ loader: requireLoader });
  kernel.registerCommTarget(manager.comm_target_name, (comm, opened) =>
    manager.handle_comm_open(new Comm(comm), opened),
  );
  return { manager, show: (view, node) => manager.display_view(view, node) };
}

// What VS Code's Jupyter extension loads into a notebook's outputs.
async function vscodeManager(kernel) {
  window.requirejs.config({ paths: { anywidget: "npm/anywidget/dist/index" } });
  const loaded = await import(new URL("vscode/dist/ipywidgets.js", import.meta.url));
  loaded.activate();
  window.vscIPyWidgets8.load();
  const scripts = {
    widgetsRegisteredInRequireJs: new Set(["anywidget"]),
    loadWidgetScript: async () => {},
    successHandler: () => {},
    errorHandler: (...what) => console.error(...what),
  };
  const manager = new window.vscIPyWidgets.WidgetManager(kernel, document.body, scripts, () => {});
  return { manager, show: (view, node) => manager.display_view({}, view, { node }) };
}

async function start(name) {
  await script("require.js");
  const kernel = await window.opener.jupyterapp.serviceManager.kernels.startNew({ name: "python3" });
  const { manager, show } = await { html: htmlManager, vscode: vscodeManager }[name](kernel);

  // Runs a cell, draws the widgets it shows, and returns how it ended and what it said.
  return async (code) => {
    const said = [];
    const bundles = [];
    const cell = kernel.requestExecute({ code }, true, { cellId: `page-cell:${name}` });
    cell.onIOPub = ({ header, content }) => {
      if (header.msg_type === "stream") said.push(content.text);
      if (content.data) bundles.push(content.data);
    };
    const { content } = await cell.done;
    for (const { model_id: id } of bundles.map((data) => data[MIME]).filter(Boolean)) {
      const output = document.body.appendChild(document.createElement("div"));
      await show(await manager.create_view(await manager.get_model(id)), output);
    }
    return content.status === "ok" ? said.join("") : `${content.ename}: ${content.evalue}`;
  };
}

window.started = start(new URLSearchParams(location.search).get("manager"));
