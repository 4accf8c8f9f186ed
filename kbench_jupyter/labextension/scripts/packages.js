// JupyterLab's own packages, as it shares them with extensions. Each may be there in several versions, brought by
// other extensions: the application's own is taken.
const NAMES = [
  "@codemirror/state",
  "@codemirror/view",
  "@jupyterlab/application",
  "@jupyterlab/apputils",
  "@jupyterlab/codemirror",
  "@jupyterlab/launcher",
  "@jupyterlab/mainmenu",
  "@jupyterlab/notebook",
  "@jupyterlab/rendermime",
  "@jupyterlab/settingregistry",
  "@jupyterlab/statusbar",
  "@jupyterlab/ui-components",
  "@lumino/signaling",
  "@lumino/widgets",
];

async function load(versions = {}) {
  const offered = Object.values(versions);
  const own = offered.find(({ from }) => from?.startsWith("@jupyterlab/application-top")) ?? offered[0];
  return own ? (await own.get())() : {};
}

// All their names in one object; what is not there (Notebook 7 has no launcher) is undefined.
export async function packages(scope) {
  const found = await Promise.all(NAMES.map((name) => load(scope[name])));
  return Object.fromEntries(found.flatMap((one) => Object.entries(one)));
}
