// The head of the workflow: which task of which notebook, and where it goes.
import { fill, h, isNews, say } from "../../widgets/elements.js";
import { enable, span, teller } from "../base.js";

const AGAIN_MS = 10_000; // for a panel that stays open

// When the credentials end, by the reader's clock.
function wordsOf(expires) {
  const left = expires - Date.now();
  const clock = new Date(expires).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  return left > 0 ? `end in ${span(left)}, at ${clock}` : "have expired";
}

function endOf(expires) {
  const moment = new Date(expires);
  return h("time", { datetime: moment.toISOString(), title: moment.toUTCString() }, wordsOf(expires));
}

// What the button beside the credentials does with them, in its word.
export const authOf = ({ expires }) => (expires ? "Renew" : "Fetch");

export function headOf(store, part) {
  const facts = h("dl", { class: "kbp-facts" });
  const tasks = h("select", {
    "aria-label": "Task",
    onchange: () => store.tell(part.name, "task", { task: tasks.value }),
  });
  const small = (meant) => ({ class: "kbp-small", "aria-label": meant });
  const auth = teller(store, part, "", "auth", small(""));
  const look = teller(store, part, "Refresh", "look", small("Refresh the state"));

  function draw() {
    const {
      busy,
      place,
      notebook,
      task,
      tasks: known = [],
      versionWords,
      page,
      expiry,
      expires,
    } = part.state;
    enable(auth, !busy);
    say(auth, authOf(part.state));
    auth.setAttribute("aria-label", `${authOf(part.state)} credentials`);
    enable(look, !busy);
    tasks.disabled = !!busy;
    if (known.length > 1) {
      fill(
        tasks,
        known.map((name) => h("option", { value: name }, name)),
      );
      tasks.value = task;
    }
    if (!isNews(facts, place, notebook, task, known, versionWords, page, expiry)) return;
    const version = /^https:\/\//.test(page ?? "")
      ? h("a", { href: page, target: "_blank", rel: "noopener noreferrer" }, versionWords)
      : versionWords;
    const entry = (name, ...value) => h("div", {}, h("dt", {}, name), h("dd", {}, ...value));
    const focused = document.activeElement; // rebuilding would throw the keyboard out
    fill(
      facts,
      entry("Target", place),
      entry("Notebook", notebook),
      entry("Task", known.length > 1 ? tasks : task || "not settled"),
      entry("Version", version),
      entry("Credentials", expires ? endOf(expires) : expiry, auth),
    );
    if (facts.contains(focused)) focused.focus();
  }

  const timer = setInterval(() => {
    const time = facts.querySelector("time");
    if (time && !document.hidden) say(time, wordsOf(part.state.expires));
  }, AGAIN_MS);
  return { el: h("div", { class: "kbp-head" }, facts, look), draw, end: () => clearInterval(timer) };
}
