// The workflow (workflow.py): a task's way from init to publish.
import { button, fill, h, plural, say } from "../../widgets/elements.js";
import { activity, click, enable, ident, mark, notesOf, slot } from "../base.js";

const VERBS = {
  init: "Init",
  validate: "Validate",
  push: "Push",
  run: "Run",
  watch: "Follow to the end",
  results: "Fetch and compare",
};
const TRIED = {
  ...VERBS,
  look: "Refresh",
  auth: "Renew",
  chain: "Do all steps",
  publish: "Publish",
  "dry-run": "Dry run",
};
const STATES = {
  done: ["done", "good"],
  going: ["going on", "busy"],
  failed: ["failed", "bad"],
  next: ["next", "next"],
  later: ["later", "quiet"],
  raised: ["raised", "warn"],
};

// The parts of a view (told.py), as data.
function toldPart(part) {
  const value = ({ text, tone }) => (tone ? mark(text, tone) : text);
  if (part.kind === "facts")
    return h(
      "dl",
      { class: "kbp-facts" },
      part.items.map((one) => h("div", {}, h("dt", {}, one.name), h("dd", {}, value(one)))),
    );
  if (part.kind === "text") return h(part.code ? "pre" : "p", {}, value(part));
  const side = (i) => (part.columns[i].right ? "kbp-n" : "");
  const head = h(
    "tr",
    {},
    part.columns.map((one, i) => h("th", { scope: "col", class: side(i) }, one.text)),
  );
  const rows = part.rows.map((row) =>
    h(
      "tr",
      {},
      row.map((one, i) => h("td", { class: side(i) }, value(one))),
    ),
  );
  const table = h("table", { class: "kbp-table" }, h("thead", {}, head), h("tbody", {}, rows));
  return [
    h(
      "div",
      { class: "kbp-scroll", tabindex: "0", role: "region", "aria-label": `Each ${part.columns[0].text}` },
      table,
    ),
    part.left ? h("div", { class: "kbp-quiet" }, `and ${part.left.toLocaleString("en-US")} more`) : null,
  ];
}

// What a step came to; of a step before the last one, what there is beyond a line unfolds.
function outcomeOf([name, { tone, lines, parts }], last) {
  const [title, ...more] = lines;
  const head = [mark(name, tone || "good"), h("span", {}, title)];
  const rest = [more.map((text) => h("div", {}, text)), parts.map(toldPart)];
  if (last || !rest.flat().length) return h("div", {}, h("div", { class: "kbp-row" }, head), rest);
  return h("details", {}, h("summary", {}, head), rest);
}

export function workflowPart(store, part, host) {
  const facts = h("dl", { class: "kbp-facts" });
  const tasks = h("select", {
    "aria-label": "Task",
    onchange: () => store.tell(part.name, "task", { task: tasks.value }),
  });
  const renew = button(
    "Renew",
    click(() => store.tell(part.name, "auth")),
    { class: "kbp-small", "aria-label": "Renew credentials" },
  );
  const look = button(
    "Refresh",
    click(() => store.tell(part.name, "look")),
    { class: "kbp-small", "aria-label": "Read the state again" },
  );
  const line = h("ol", { class: "kbp-steps", "aria-label": "Steps" });
  const notes = notesOf(part);
  const busy = activity(
    store,
    part,
    (name) => TRIED[(name === "chain" && part.state.broken) || name] ?? name,
  );
  const last = h("div", { class: "kbp-outcome", role: "status" });
  const head = h("h4");
  const plan = h("p");
  const note = h("p", { class: "kbp-quiet" });
  const act = button(
    "",
    click(() => doStep()),
    { class: "kbp-primary" },
  );
  const dry = button(
    "Dry run",
    click(() => tell("dry-run")),
    { title: "Run it on a stand-in model: no server, no credentials, no cost" },
  );
  const chain = button(
    "Do all steps…",
    click(() => ask(true)),
  );
  const backing = h("input", { type: "checkbox", id: ident("backing") });
  const also = h(
    "div",
    { class: "kbp-row" },
    backing,
    h("label", { for: backing.id }, "and the notebook behind it"),
  );
  const confirm = h("div", { class: "kbp-confirm", role: "group", "aria-label": "Confirm", hidden: true });
  const picker = slot(store);
  const status = slot(store);
  const results = slot(store);
  const step = h(
    "div",
    { class: "kbp-step", role: "region", "aria-label": "Step" },
    head,
    plan,
    note,
    picker.el,
    also,
    h("div", { class: "kbp-row" }, act, dry, chain),
    confirm,
  );
  const buttons = new Map();
  let shown = "";
  let mine = false; // the step was chosen by a click, so it stays until something is done
  let asking = ""; // "chain" or "publish" while waiting for a yes

  const steps = () => part.state.steps ?? [];
  const stateOf = (one) =>
    part.state.running === one.name ? "going" : part.state.broken === one.name ? "failed" : one.state;

  function select(name, byUser) {
    shown = name;
    mine = byUser;
    if (asking) ask(false);
    draw();
  }

  function drawSteps() {
    if (buttons.size !== steps().length) {
      buttons.clear();
      fill(
        line,
        steps().map((one, index) => {
          const state = h("span", { class: "kbp-step-state" });
          const node = button(
            [h("span", { class: "kbp-step-name" }, `${index + 1}. ${one.name}`), state],
            () => select(one.name, true),
            { "data-step": one.name },
          );
          buttons.set(one.name, { node, state, was: "" });
          return h("li", {}, node);
        }),
      );
    }
    for (const one of steps()) {
      const made = buttons.get(one.name);
      const now = one.raised && stateOf(one) === "done" ? "raised" : stateOf(one);
      made.node.setAttribute("aria-pressed", String(one.name === shown));
      if (one.name === part.state.next) made.node.setAttribute("aria-current", "step");
      else made.node.removeAttribute("aria-current");
      if (made.was !== now) {
        made.was = now;
        made.node.dataset.state = now;
        fill(made.state, mark(...STATES[now]));
      }
    }
  }

  function drawFacts() {
    const { place, notebook, task, tasks: known = [], version, page, expiry } = part.state;
    if (known.length > 1) {
      fill(
        tasks,
        known.map((name) => h("option", { value: name }, name)),
      );
      tasks.value = task;
    }
    const link = /^https:\/\//.test(page ?? "")
      ? h("a", { href: page, target: "_blank", rel: "noopener noreferrer" }, `${version}`)
      : version;
    const entry = (name, ...value) => h("div", {}, h("dt", {}, name), h("dd", {}, ...value));
    const key = JSON.stringify([place, notebook, task, known, version, page, expiry]);
    if (facts.dataset.key === key) return;
    const focused = document.activeElement; // rebuilding would throw the keyboard out
    fill(
      facts,
      entry("Target", place),
      entry("Notebook", notebook),
      entry("Task", known.length > 1 ? tasks : task || "not settled"),
      entry("Version", link ?? "none yet"),
      entry("Credentials", expiry?.startsWith("in ") ? `end ${expiry}` : expiry, renew),
    );
    facts.dataset.key = key;
    if (facts.contains(focused)) focused.focus();
  }

  function doStep() {
    if (shown !== "publish") return tell(shown);
    mine = false;
    ask(true, "publish");
  }

  function tell(step) {
    mine = false;
    store.tell(part.name, "step", { step });
  }

  function ask(open, what = "chain") {
    asking = open ? what : "";
    drawConfirm();
    if (open) confirm.querySelector("button")?.focus();
    else if (confirm.dataset.had) (what === "chain" ? chain : act).focus();
    confirm.dataset.had = open ? "1" : "";
  }

  function drawConfirm() {
    confirm.hidden = !asking;
    if (!asking) return fill(confirm);
    const models = part.state.models ?? [];
    // Running on models that were chosen makes runs to follow and to compare, whatever was done before.
    const again = models.length ? ["run", "watch", "results"] : [];
    const todo = steps().filter(
      (one) => part.state.chain.includes(one.name) && (one.state !== "done" || again.includes(one.name)),
    );
    const missing = asking === "chain" && todo.some((one) => one.name === "run") && !models.length;
    const yes = () => {
      if (asking === "publish")
        store.tell(part.name, "step", { step: "publish", confirmed: true, notebook: backing.checked });
      else store.tell(part.name, "chain", { confirmed: true });
      mine = false;
      ask(false);
    };
    const cancel = button("Cancel", () => ask(false, asking));
    const chooseModels = () => {
      select("run", true);
      store.tell(part.name, "models");
    };
    if (missing)
      fill(
        confirm,
        h("p", {}, "Choose the models to run on first."),
        h(
          "div",
          { class: "kbp-row" },
          button("Choose models", chooseModels, { class: "kbp-primary" }),
          cancel,
        ),
      );
    else if (asking === "publish")
      fill(
        confirm,
        h(
          "p",
          {},
          `${steps().at(-1).plan} The notebook behind it ${backing.checked ? "becomes public, too" : "stays private"}.`,
        ),
        h("div", { class: "kbp-row" }, button("Yes, publish", yes, { class: "kbp-primary" }), cancel),
      );
    else
      fill(
        confirm,
        h(
          "p",
          {},
          todo.length
            ? "This will be done, one after the other, until something fails:"
            : "All of these steps are done.",
        ),
        h(
          "ol",
          {},
          todo.map((one) =>
            h(
              "li",
              {},
              h("b", {}, one.name),
              ": ",
              one.chained.replace("the models you choose", models.join(", ")),
            ),
          ),
        ),
        h(
          "div",
          { class: "kbp-row" },
          todo.length ? button("Yes, do all of this", yes, { class: "kbp-primary" }) : null,
          cancel,
        ),
      );
  }

  function draw() {
    const { busy: doing, outcome = {}, task } = part.state;
    const one = steps().find((candidate) => candidate.name === shown) ?? steps()[0];
    if (!one) return;
    drawSteps();
    say(head, `${steps().indexOf(one) + 1}. ${one.name}`);
    say(plan, one.plan);
    say(note, one.note ? `Now: ${one.note}.` : "");
    note.hidden = !one.note;
    picker.el.hidden = shown !== "run";
    also.hidden = shown !== "publish";
    dry.hidden = shown !== "validate";
    const models = part.state.models ?? [];
    const pushed = part.state.version !== null && part.state.version !== undefined;
    const verb =
      shown === "publish"
        ? "Publish…"
        : one.name === "run"
          ? !pushed
            ? "Push it first"
            : models.length
              ? `Run on ${plural(models.length, "model")}`
              : "Choose models first"
          : VERBS[one.name];
    say(act, one.state === "done" && shown !== "run" ? `${verb} again` : verb);
    const needsTask = ["push", "run", "watch", "results", "publish"].includes(shown);
    enable(
      act,
      !doing &&
        (!needsTask || task) &&
        (shown !== "run" || (models.length && pushed)) &&
        (!["watch", "results", "publish"].includes(shown) || pushed),
    );
    enable(chain, !doing && task);
    enable(dry, !doing);
    enable(renew, !doing);
    enable(look, !doing);
    tasks.disabled = !!doing;
    const said = Object.entries(outcome);
    const key = JSON.stringify(said);
    if (last.dataset.key !== key) {
      last.dataset.key = key;
      fill(
        last,
        said.map((one, i) => outcomeOf(one, i === said.length - 1)),
      );
    }
    last.hidden = !said.length;
    drawFacts();
    if (asking) {
      const focused = [...confirm.querySelectorAll("button")].indexOf(document.activeElement);
      drawConfirm();
      if (focused >= 0) confirm.querySelectorAll("button")[focused]?.focus();
    }
  }

  function update() {
    const { running, broken, next } = part.state;
    const due = broken || next; // what failed is what there is to see
    if (running && running !== shown) select(running, false);
    else if (!running && !mine && due !== shown) {
      shown = due || shown || "init";
      if (shown === "run") store.tell(part.name, "models");
    }
    if (!shown) shown = next || "init";
    notes.update();
    draw();
    busy.update();
    picker.show(part.state.picker);
    status.show(part.state.status);
    results.show(part.state.results);
  }

  line.addEventListener("click", (event) => {
    if (event.target.closest("[data-step=run]")) store.tell(part.name, "models");
  });
  line.addEventListener("keydown", (event) => {
    const move = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!move) return;
    const all = [...line.querySelectorAll("button")];
    all[(all.indexOf(document.activeElement) + move + all.length) % all.length]?.focus();
    event.preventDefault();
  });
  step.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !asking) return;
    ask(false, asking);
    event.preventDefault();
    event.stopPropagation();
  });
  backing.addEventListener("change", () => asking && drawConfirm());

  fill(
    host,
    h(
      "section",
      { class: "kbp-workflow", "aria-label": "Kaggle Benchmarks workflow" },
      h("div", { class: "kbp-head" }, facts, look),
      line,
      notes.el,
      busy.work,
      busy.problem,
      last,
      step,
      status.el,
      results.el,
    ),
  );
  part.listeners.add(update);
  update();
  return () => {
    part.listeners.delete(update);
    for (const one of [picker, status, results]) one.end();
  };
}
