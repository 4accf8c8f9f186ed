// New tasks from the patterns, and commands as cells. What is there (known.json) is written by `make pages`.
const HERE = import.meta.url;
const LOAD = "%load_ext kbench_jupyter";

async function fetched(path) {
  const answer = await fetch(new URL(path, HERE));
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${answer.statusText}`);
  return answer;
}

// {commands: [{name, summary, line, complete}], patterns: [{name, title, summary}]}
export const known = async () => (await fetched("known.json")).json();

// A pattern's three cells: what it shows, a whole task, what to keep in mind.
async function cellsOf(pattern) {
  const text = await (await fetched(`../patterns/${pattern.replaceAll("-", "_")}.py`)).text();
  return text
    .split(/^# %%/m)
    .slice(1)
    .map((part) => {
      const [head, ...lines] = part.split("\n");
      const source = lines.join("\n").trim();
      return head.includes("[markdown]")
        ? { cell_type: "markdown", metadata: {}, source: source.replace(/^# ?/gm, "") }
        : { cell_type: "code", metadata: {}, execution_count: null, outputs: [], source };
    });
}

// The kernel a new notebook gets: the default one if it runs Python, else the first that does.
function pythonKernel(specs) {
  const all = specs?.kernelspecs ?? {};
  const named = [all[specs?.default], ...Object.values(all)];
  return named.find((spec) => spec?.language?.toLowerCase() === "python") ?? null;
}

async function renamed(contents, from, folder, name) {
  for (let n = 1; n < 100; n++) {
    const to = `${folder ? `${folder}/` : ""}${name}${n > 1 ? `-${n}` : ""}.ipynb`;
    try {
      return (await contents.rename(from, to)).path;
    } catch (error) {
      if (error.response?.status !== 409) return from; // it keeps the name that it was given
    }
  }
  return from;
}

// Opens a new notebook with a pattern's cells.
export async function newTask(app, pattern, folder = "") {
  const [intro, code, outro] = await cellsOf(pattern);
  const { contents, kernelspecs } = app.serviceManager;
  await kernelspecs.ready;
  const spec = pythonKernel(kernelspecs.specs);
  const made = await contents.newUntitled({ path: folder, type: "notebook" });
  const { display_name, language, name } = spec ?? {};
  const content = {
    cells: [intro, { ...code, source: LOAD }, code, outro].map((cell) => ({
      ...cell,
      id: crypto.randomUUID?.(),
    })),
    metadata: spec ? { kernelspec: { display_name, language, name } } : {},
    nbformat: 4,
    nbformat_minor: 5,
  };
  // Without ids (a page that was not served safely has no random ones) it is what 4.4 allows.
  if (!content.cells[0].id) {
    content.nbformat_minor = 4;
    for (const cell of content.cells) delete cell.id;
  }
  await contents.save(made.path, { type: "notebook", format: "json", content });
  const path = await renamed(contents, made.path, folder, pattern);
  return app.commands.execute("docmanager:open", { path, factory: "Notebook" });
}

// Puts a text into a new cell below the active one, and runs it or leaves the cursor behind it.
export function putCell({ NotebookActions }, panel, text, run) {
  const { content, sessionContext } = panel;
  NotebookActions.insertBelow(content);
  if (!run) return fillCell(content, text);
  content.activeCell.model.sharedModel.setSource(text);
  return NotebookActions.run(content, sessionContext);
}

// Writes a text into the active cell, and leaves the cursor behind it once the cell has its editor.
async function fillCell(content, text) {
  const cell = content.activeCell;
  cell.model.sharedModel.setSource(text);
  content.mode = "edit";
  await cell.ready;
  const lines = text.split("\n");
  cell.editor?.setCursorPosition({ line: lines.length - 1, column: lines.at(-1).length });
}

export async function putPattern(lab, panel, pattern) {
  const [, code] = await cellsOf(pattern);
  return putCell(lab, panel, code.source, false);
}

export const commandCell = (line, isOpen) => (isOpen ? line : `${LOAD}\n${line}`);

// Puts a text into the cell below the one that holds `node` (the active one, where none does): into an empty one that is
// there, else into a new one.
export function putNext(lab, panel, node, text) {
  const { content } = panel;
  const holds = content.widgets.findIndex((cell) => cell.node.contains(node));
  const index = holds < 0 ? content.activeCellIndex : holds;
  content.activeCellIndex = index;
  const below = content.widgets[index + 1];
  if (below?.model.type !== "code" || below.model.sharedModel.getSource().trim())
    return putCell(lab, panel, text, false);
  content.activeCellIndex = index + 1;
  return fillCell(content, text);
}
