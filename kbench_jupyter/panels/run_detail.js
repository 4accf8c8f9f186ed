// A run in full: its facts, its error, its assertions and its conversations.
import { h } from "../widgets/elements.js";
import { mark } from "./base.js";
import { wholeError } from "./cards.js";

export function inFull({ facts, assertions, chats, error }) {
  const told = Object.entries(facts).filter(([, value]) => value);
  const fact = ([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value));
  const message = ({ role, sender, text }) =>
    h(
      "div",
      { class: `kbp-message kbp-from-${role === "user" ? "user" : "model"}` },
      h("div", { class: "kbp-quiet" }, sender || role),
      h("div", { class: "kbp-text" }, text),
    );
  return [
    h("dl", { class: "kbp-facts" }, told.map(fact)),
    error ? [h("h4", {}, "Error"), wholeError(error)] : null,
    assertions.length ? h("h4", {}, "Assertions") : null,
    h(
      "ul",
      { class: "kbp-plain" },
      assertions.map((a) =>
        h("li", {}, mark(a.passed ? "passed" : "failed", a.passed ? "good" : "bad"), ` ${a.text}`),
      ),
    ),
    chats.flatMap((chat, i) => [
      h("h4", {}, chats.length > 1 ? `Conversation ${i + 1}` : "Conversation"),
      chat.map(message),
    ]),
  ];
}
