// What JupyterLab loads of this extension: a plain script, no bundle. It hands over JupyterLab's own packages
// (`scope`) and is asked for the extension; all the rest are modules beside it.
// Their folder is not called static: JupyterLab has browsers keep what is in such a one for a year, unasked, as names
// of bundles change with what they hold. These do not, and an upgrade is to be there with the next reload.
{
  const here = document.currentScript.src;
  let shared = {};
  window._JUPYTERLAB ??= {};
  window._JUPYTERLAB["kbench-jupyter"] = {
    init: (scope) => {
      shared = scope;
    },
    get: async () => {
      const [{ packages }, { plugin }] = await Promise.all([
        import(new URL("packages.js", here)),
        import(new URL("extension.js", here)),
      ]);
      const made = plugin(await packages(shared));
      return () => ({ __esModule: true, default: made });
    },
  };
}
