// The workflow (workflow.py): a task's way from init to publish.
import { button, fill, h, isNews, plural, say } from "../../widgets/elements.js";
import { activity, click, enable, ident, notesOf, slot } from "../base.js";
import { confirmation } from "./confirm.js";
import { authOf, headOf } from "./facts.js";
import { stepLine } from "./steps.js";
import { changesOf, outcomesOf } from "./told.js";

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
  chain: "Do all steps",
  publish: "Publish",
  "dry-run": "Dry run",
};

export function workflowPart(store, part, host) {
  const notes = notesOf(part);
  const busy = activity(store, part, (name) =>
    name === "auth" ? authOf(part.state) : (TRIED[(name === "chain" && part.state.broken) || name] ?? name),
  );
  const last = h("div", { class: "kbp-outcome", role: "status" });
  const top = headOf(store, part);
  const line = stepLine(part, (name) => select(name, true));
  const head = h("h4");
  const plan = h("p");
  const note = h("p", { class: "kbp-quiet" });
  const edits = changesOf();
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
    click(() => confirm.open("chain")),
  );
  const backing = h("input", { type: "checkbox", checked: true, id: ident("backing") });
  const also = h(
    "div",
    { class: "kbp-row" },
    backing,
    h("label", { for: backing.id }, "and the notebook behind it"),
  );
  const confirm = confirmation(store, part, backing, {
    agreed: () => keep(false),
    closed: (what) => (what === "chain" ? chain : act).focus(),
    chooseModels: () => select("run", true),
  });
  const picker = slot(store);
  const status = slot(store);
  const results = slot(store);
  const offer = button(
    "Publish…",
    click(() => {
      select("publish", true);
      confirm.open("publish");
    }),
  );
  const step = h(
    "div",
    { class: "kbp-step", role: "region", "aria-label": "Step" },
    head,
    plan,
    note,
    edits.el,
    picker.el,
    also,
    h("div", { class: "kbp-row" }, act, dry, offer, chain),
    confirm.el,
    results.el,
  );
  let shown = part.state.open ?? ""; // what a page showed that was left
  let mine = !!shown; // the step was chosen by a click, so it stays until something is done

  function select(name, byUser) {
    shown = name;
    keep(byUser);
    confirm.close();
    draw();
    if (byUser && name === "run") store.tell(part.name, "models");
  }

  // The kernel is told which step was chosen, for a page that is loaded again.
  function keep(byUser) {
    mine = byUser;
    const open = byUser ? shown : "";
    if (open !== (part.state.open ?? "")) store.tell(part.name, "open", { step: open });
    part.state.open = open;
  }

  // What is offered and cannot be taken back is never turned to by itself.
  function due() {
    const { broken, next } = part.state;
    if (broken) return broken; // what failed is what there is to see
    if (next && next !== "publish") return next;
    return ["results", "publish"].includes(shown) ? shown : "results";
  }

  function doStep() {
    if (shown !== "publish") return tell(shown);
    keep(false);
    confirm.open("publish");
  }

  function tell(step) {
    keep(false);
    store.tell(part.name, "step", { step });
  }

  const isPushed = () => part.state.version !== null && part.state.version !== undefined;

  function verbOf(name) {
    const { models = [] } = part.state;
    if (name === "publish") return "Publish…";
    if (name !== "run") return VERBS[name];
    if (!isPushed()) return "Push it first";
    return models.length ? `Run on ${plural(models.length, "model")}` : "Choose models first";
  }

  // Whether all is there that the step needs.
  function isReady(name) {
    const { task, models = [] } = part.state;
    if (["init", "validate"].includes(name)) return true;
    if (!task || (name !== "push" && !isPushed())) return false;
    return name !== "run" || models.length > 0;
  }

  function drawOutcome() {
    const said = Object.entries(part.state.outcome ?? {});
    last.hidden = !said.length;
    if (isNews(last, said)) fill(last, outcomesOf(said));
  }

  function draw() {
    const { busy: doing, task, steps = [] } = part.state;
    const one = steps.find(({ name }) => name === shown) ?? steps[0];
    if (!one) return;
    line.draw(steps, shown);
    say(head, `${steps.indexOf(one) + 1}. ${one.name}`);
    say(plan, one.plan);
    say(note, one.note ? `Now: ${one.note}.` : "");
    note.hidden = !one.note;
    edits.show(shown === "push" ? (part.state.changes ?? []) : []);
    picker.el.hidden = shown !== "run";
    also.hidden = shown !== "publish";
    dry.hidden = shown !== "validate";
    offer.hidden = shown !== "results" || one.state !== "done" || part.state.next !== "publish";
    enable(offer, !doing);
    results.el.hidden = shown !== "results";
    // What is offered, or is done already, is not urged.
    act.classList.toggle("kbp-primary", shown !== "publish" && (one.state !== "done" || shown === "run"));
    say(act, verbOf(one.name) + (one.state === "done" && shown !== "run" ? " again" : ""));
    enable(act, !doing && isReady(shown));
    act.hidden = shown === "results" && one.state === "done" && !!part.state.results; // they are fetched again there
    enable(chain, !doing && task);
    enable(dry, !doing);
    drawOutcome();
    top.draw();
    confirm.update();
  }

  function update() {
    const { running } = part.state;
    if (running && running !== shown) select(running, false);
    else if (!running && !mine && due() !== shown) {
      shown = due();
      if (shown === "run") store.tell(part.name, "models");
    }
    // The keyboard goes to the question from the button that led to it, and from nowhere else.
    if (part.state.unrehearsed && !confirm.asking())
      confirm.open("push", [act, chain].includes(document.activeElement));
    else if (!part.state.unrehearsed && confirm.asking() === "push") confirm.close();
    notes.update();
    draw();
    busy.update();
    picker.show(part.state.picker);
    status.show(part.state.status);
    results.show(part.state.results);
  }

  step.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !confirm.asking()) return;
    confirm.close(confirm.asking());
    event.preventDefault();
    event.stopPropagation();
  });

  fill(
    host,
    h(
      "section",
      { class: "kbp-workflow", "aria-label": "Kaggle Benchmarks workflow" },
      top.el,
      line.el,
      notes.el,
      busy.work,
      busy.problem,
      last,
      step,
      status.el,
    ),
  );
  part.listeners.add(update);
  if (shown === "run") store.tell(part.name, "models");
  update();
  return () => {
    part.listeners.delete(update);
    for (const one of [top, picker, status, results]) one.end();
  };
}
