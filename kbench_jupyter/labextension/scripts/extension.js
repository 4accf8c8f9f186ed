// The extension as JupyterLab sees it: a plugin that gives each part what it needs of JupyterLab.
import { h } from "./dom.js";
import { Marks } from "./marks.js";
import { Notebooks } from "./notebooks.js";
import { showRuns, sidebarOf } from "./sidebar.js";
import { notices, statusItem, toolbarButtons } from "./status.js";
import { commandCell, known, newTask, putCell, putPattern } from "./tasks.js";

const ID = "kbench-jupyter:plugin";
const CATEGORY = "Kaggle Benchmarks";
const FIRST_PATTERN = "minimal";
const ICON = `<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 24 24"><g class="jp-icon3" fill="#616161">
<path d="M3 20h18v1.6H3z"/><path d="M4.5 12h3.6v6.6H4.5zM10.2 8.4h3.6v10.2h-3.6zM15.9 14.4h3.6v4.2h-3.6z"/>
<path d="m14.6 4.9 1.1-1.1 1.9 1.9 3.6-3.6 1.1 1.1-4.7 4.7z"/></g></svg>`;

// What a command does; what keeps it from that is shown, whatever it was called by.
function told(lab, what, act) {
  return async (args) => {
    try {
      return await act(args);
    } catch (error) {
      await lab.showErrorMessage(what, error);
    }
  };
}

function addCommands(lab, app, notebooks, parts) {
  const { commands } = app;
  const { sidebar, marks, patterns, lines } = parts;
  const hasNotebook = () => notebooks.current !== null;
  const show = () => {
    if (!sidebar.isAttached) app.shell.add(sidebar, "right", { rank: 650 });
    app.shell.activateById(sidebar.id);
  };
  const hide = () => {
    if (sidebar.isVisible) app.shell.collapseRight?.();
  };
  commands.addCommand("kbench:show", {
    label: "Show Kaggle Benchmarks",
    caption: "The way of this notebook's task, from init to publish, in the sidebar",
    icon: parts.icon,
    isToggled: () => sidebar.isVisible,
    execute: () => (sidebar.isVisible ? hide() : show()),
  });
  commands.addCommand("kbench:runs", {
    label: "Show Runs",
    caption: "The runs of this notebook's task, in the sidebar",
    execute: () => {
      show();
      showRuns(sidebar);
    },
  });
  commands.addCommand("kbench:load", {
    label: "Load kbench_jupyter in This Kernel",
    isEnabled: () => hasNotebook() && !notebooks.current.line.isOpen,
    execute: () => notebooks.load(notebooks.current),
  });
  commands.addCommand("kbench:new-task", {
    label: ({ pattern, isLauncher }) =>
      pattern
        ? `${pattern}: ${patterns.get(pattern)?.title ?? ""}`
        : `New Benchmark Task${isLauncher ? "" : "…"}`,
    caption: ({ pattern }) => patterns.get(pattern)?.summary ?? "A notebook with a worked task to begin from",
    icon: ({ isPalette, pattern }) => (isPalette || pattern ? undefined : parts.icon),
    execute: told(lab, "The new task could not be made", async ({ pattern, cwd }) => {
      const chosen = pattern ?? (await choosePattern(lab, patterns));
      if (!chosen) return;
      const opened = await newTask(app, chosen, cwd ?? "");
      show();
      return opened;
    }),
  });
  commands.addCommand("kbench:pattern", {
    label: ({ name }) => `${name}: ${patterns.get(name)?.title ?? ""}`,
    caption: ({ name }) => patterns.get(name)?.summary ?? "",
    isEnabled: hasNotebook,
    execute: told(lab, "The pattern could not be put here", ({ name }) =>
      putPattern(lab, notebooks.current.panel, name),
    ),
  });
  commands.addCommand("kbench:command", {
    label: ({ name }) => `${name}: ${lines.get(name)?.summary ?? ""}`,
    caption: ({ name }) => lines.get(name)?.line ?? "",
    isEnabled: hasNotebook,
    execute: ({ name }) => {
      const { line, complete } = lines.get(name);
      const { panel, line: kernel } = notebooks.current;
      return putCell(lab, panel, commandCell(line, kernel.isOpen), complete);
    },
  });
  commands.addCommand("kbench:next-finding", {
    label: "Go to the Next Finding",
    isEnabled: () => hasNotebook() && marks !== null,
    execute: () => marks.next(),
  });
  commands.addCommand("kbench:fix", {
    label: "Fix the Finding in This Line",
    isEnabled: () => hasNotebook() && marks !== null,
    execute: () => marks.fixHere(),
  });
  return show;
}

// JupyterLab does not tie the label of its dialog to what it is the label of.
function nameChoice(label, tries = 60) {
  const select = document.querySelector(".jp-Dialog select");
  if (select) select.setAttribute("aria-label", label);
  else if (tries) requestAnimationFrame(() => nameChoice(label, tries - 1));
}

async function choosePattern({ InputDialog }, patterns) {
  const items = [...patterns.values()].map(({ name, title }) => `${name}: ${title}`);
  const label = "Begin from";
  const asked = InputDialog.getItem({
    title: "New benchmark task",
    label,
    items,
    current: Math.max(0, [...patterns.keys()].indexOf(FIRST_PATTERN)),
    okLabel: "Create",
  });
  nameChoice(label);
  const { value } = await asked;
  return value?.split(":")[0] ?? null;
}

const MENU = ["kbench:show", "kbench:runs", "kbench:load", null, "kbench:next-finding", "kbench:fix"];

function addMenu({ Menu }, { commands }, mainMenu, patterns) {
  const menu = new Menu({ commands });
  menu.id = "jp-mainmenu-kbench";
  menu.title.label = "Benchmarks";
  for (const command of MENU) menu.addItem(command ? { command } : { type: "separator" });
  menu.addItem({ type: "separator" });
  const submenu = (label, item) => {
    const made = new Menu({ commands });
    made.title.label = label;
    for (const name of patterns.keys()) made.addItem(item(name));
    menu.addItem({ type: "submenu", submenu: made });
  };
  submenu("New Task", (pattern) => ({ command: "kbench:new-task", args: { pattern } }));
  submenu("Put a Pattern Below", (name) => ({ command: "kbench:pattern", args: { name } }));
  mainMenu.addMenu(menu, true, { rank: 95 });
}

function addPalette(palette, patterns, lines) {
  const add = (command, args = {}) => palette.addItem({ command, category: CATEGORY, args });
  for (const command of MENU) if (command) add(command);
  add("kbench:new-task", { isPalette: true });
  for (const name of lines.keys()) add("kbench:command", { name });
  for (const name of patterns.keys()) add("kbench:pattern", { name });
}

async function followSettings(settings, notebooks) {
  const loaded = await settings.load(ID);
  const take = () => notebooks.configure(loaded.composite);
  loaded.changed.connect(take);
  take();
}

const byName = (things) => new Map(things.map((thing) => [thing.name, thing]));

async function activate(lab, app, tracker, services) {
  const { palette, launcher, mainMenu, statusBar, settings, editors, restorer } = services;
  document.head.append(h("link", { rel: "stylesheet", href: new URL("style.css", import.meta.url).href }));
  const icon = new lab.LabIcon({ name: "kbench:task", svgstr: ICON });
  const notebooks = new Notebooks(tracker, lab);
  const marks = editors ? new Marks(lab, editors, notebooks) : null;
  const sidebar = sidebarOf(lab, app, notebooks, icon);
  const patterns = new Map();
  const lines = new Map();
  const show = addCommands(lab, app, notebooks, { sidebar, marks, patterns, lines, icon });
  const showRunsOf = (notebook) => {
    if (notebook) app.shell.activateById(notebook.panel.id);
    app.commands.execute("kbench:runs");
  };
  app.shell.add(sidebar, "right", { rank: 650 });
  restorer?.add(sidebar, sidebar.id);
  toolbarButtons(lab, notebooks, icon, show);
  notices(lab, notebooks, showRunsOf);
  statusBar?.registerStatusItem(
    "kbench-jupyter:runs",
    statusItem(lab, notebooks, () => showRunsOf(null)),
  );
  launcher?.add({
    command: "kbench:new-task",
    args: { isLauncher: true },
    category: "Notebook",
    rank: 10,
    kernelIconUrl: `data:image/svg+xml,${encodeURIComponent(ICON)}`, // cards of this category show no other icon
  });
  if (settings) followSettings(settings, notebooks).catch((error) => console.error("kbench:", error));
  const found = await known();
  for (const [name, one] of byName(found.patterns)) patterns.set(name, one);
  for (const [name, one] of byName(found.commands)) lines.set(name, one);
  if (palette) addPalette(palette, patterns, lines);
  if (mainMenu) addMenu(lab, app, mainMenu, patterns);
}

// `lab` holds JupyterLab's own packages by their names (packages.js).
export function plugin(lab) {
  const wanted = {
    tracker: lab.INotebookTracker,
    palette: lab.ICommandPalette,
    launcher: lab.ILauncher,
    mainMenu: lab.IMainMenu,
    statusBar: lab.IStatusBar,
    settings: lab.ISettingRegistry,
    editors: lab.IEditorExtensionRegistry,
    restorer: lab.ILayoutRestorer,
  };
  const names = Object.keys(wanted).filter((name) => wanted[name]);
  return {
    id: ID,
    description: "Kaggle Benchmarks: the panel of the notebook in front, its runs, findings while one types.",
    autoStart: true,
    optional: names.map((name) => wanted[name]),
    activate: (app, ...got) => {
      const { tracker, ...services } = Object.fromEntries(names.map((name, i) => [name, got[i]]));
      if (!tracker) return; // Voila loads what JupyterLab does, and has no notebooks
      // JupyterLab waits for what `activate` returns: nothing of this is needed to start.
      activate(lab, app, tracker, services).catch((error) => console.error("kbench:", error));
    },
  };
}
