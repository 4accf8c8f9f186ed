// The transcript of one sample, or of two side by side: verdict, facts, error, assertions, and who said what.
import { button, fill, h, plural } from "../../widgets/elements.js";
import { mark } from "../base.js";
import { CELL_STATES } from "./grid.js";
import { folded, partOf } from "./parts.js";

const TONES = { pass: "good", fail: "bad", mixed: "warn", error: "bad", none: "busy" };
const ROLES = { system: "System", user: "User", assistant: "Model", tool: "Tool" };

export const verdict = (state) => mark(CELL_STATES[state][1], TONES[state]);

// What two sides say of one thing, in a row of their own; or what one says.
const across = (kind, ...sides) => h("div", { class: `kbs-sides ${kind}` }, sides);

// `on` is what there is to do: ask(id, at, from), open(id, side), jump(place).
export function transcriptOf({ shapes, pairs }, on) {
  const [one, two] = shapes;
  const asker = (shape) => (at, from) => on.ask(shape.id, at, from);
  const section = (title, build) => {
    const sides = shapes.map((shape) => build(shape));
    if (!sides.some((side) => side && side.length !== 0)) return null;
    return [
      title ? h("h4", {}, title) : null,
      across("", ...sides.map((side, at) => h("div", { "data-who": side ? shapes[at].name : null }, side))),
    ];
  };
  return [
    section("", facts),
    section("Error", (shape) =>
      shape.error[1]
        ? h(
            "div",
            { class: "kbs-error" },
            folded(shape.error, { ask: asker(shape), at: ["error"], code: true }),
          )
        : null,
    ),
    section("Assertions", (shape) => assertions(shape, asker(shape), on)),
    section("Sub tasks", (shape) => (shape.children.length ? tree(shape.children, shape, on) : null)),
    two
      ? [
          conversation(pairs, one, two, asker),
          section("", (shape) => shape.chats.map(moreOf).filter(Boolean)),
        ]
      : one.chats.map((chat, at) => whole(chat, at, one, asker(one))),
    shapes.some((shape) => shape.chats.length)
      ? null
      : h(
          "p",
          { class: "kbp-quiet" },
          one.others.length ? "No model was asked." : "What was said in this run, its samples say.",
        ),
  ];
}

function facts(shape) {
  const fact = ([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value));
  return h("dl", { class: "kbp-facts kbs-facts" }, shape.facts.map(fact));
}

function assertions(shape, ask, on) {
  if (!shape.assertions.length) return null;
  const line = ({ passed, text, place }, index) => {
    const where =
      place?.words &&
      (place.cell === undefined
        ? h("span", { class: "kbp-quiet" }, place.words)
        : button(place.words, () => on.jump(place), {
            class: "kbs-link",
            title: "Show this line in the notebook",
          }));
    return h(
      "li",
      { class: passed ? "kbs-held" : "kbs-broken" },
      h(
        "span",
        { class: `kbp-mark kbp-${passed ? "good" : "bad"}` },
        h("span", { class: "kbp-sign", "aria-hidden": "true" }, passed ? "✓" : "✗"),
        h("span", { class: "kbp-heard" }, passed ? "passed" : "failed"),
      ),
      h("div", { class: "kbs-expectation" }, folded(text, { ask, at: ["assertion", index] })),
      where || null,
    );
  };
  return h("ul", { class: "kbp-plain kbs-assertions" }, shape.assertions.map(line));
}

function tree(nodes, shape, on) {
  return h(
    "ul",
    { class: "kbp-plain kbs-tree" },
    nodes.map((node) =>
      h(
        "li",
        {},
        button([verdict(node.state), h("span", {}, node.task)], () => on.open(node.id, shape), {
          class: "kbp-small",
        }),
        node.children.length ? tree(node.children, shape, on) : null,
      ),
    ),
  );
}

const chatTitle = (chat, index, many) =>
  chat.title || (many > 1 ? `Conversation ${index + 1}` : "Conversation");

function whole(chat, index, shape, ask) {
  return [
    h("h4", {}, chatTitle(chat, index, shape.chats.length)),
    chat.messages.map((message, place) => messageOf(message, [index, place], ask)),
    moreOf(chat),
  ];
}

const moreOf = ({ more }) =>
  more ? h("p", { class: "kbp-quiet" }, `${plural(more, "more message")} in the run file`) : null;

function messageOf(message, at, ask, marks = []) {
  const named = ROLES[message.role] ?? message.role;
  const sender = message.sender && message.sender.toLowerCase() !== named.toLowerCase() ? message.sender : "";
  return h(
    "article",
    { class: `kbs-message kbs-by-${message.role}`, "aria-label": `${named} ${sender}` },
    h(
      "header",
      {},
      h("span", { class: "kbs-role" }, named),
      sender ? h("span", { class: "kbs-sender" }, sender) : null,
    ),
    message.parts.map((part, index) => {
      const spans = marks.filter(([place]) => place === index).map(([, from, to]) => [from, to]);
      return partOf(part, { ask, at: [...at, index], spans });
    }),
  );
}

// The messages of two transcripts in pairs: what both say stands once, across both.
function conversation(rows, one, two, asker) {
  const said = (shape, at, marks) =>
    at
      ? messageOf(shape.chats[at[0]].messages[at[1]], at, asker(shape), marks ?? [])
      : h("div", { class: "kbs-absent" }, "—");
  let chat = -1;
  return rows.map(({ left, right, same, marks }) => {
    const at = left ?? right;
    const shape = left ? one : two;
    const heading =
      at[0] > chat ? h("h4", {}, chatTitle(shape.chats[at[0]], at[0], shape.chats.length)) : null;
    chat = Math.max(chat, at[0]);
    const row = same
      ? across("kbs-same", said(one, left))
      : across("kbs-unlike", said(one, left, marks?.[0]), said(two, right, marks?.[1]));
    return [heading, row];
  });
}

// The head of a pane: which sample it is, and what can be done with it.
export function headOfPane(shapes, on) {
  const [one] = shapes;
  const place = one.row === null ? one.task || "whole run" : `${one.task} #${one.row}`;
  const others = one.others.filter(([id]) => id !== one.id);
  const compare = h(
    "select",
    { "aria-label": "Compare with", onchange: () => on.compare(compare.value) },
    h("option", { value: "" }, "Compare with…"),
    others.map(([id, , name, run]) => h("option", { value: id }, `${name}, run ${run}`)),
  );
  compare.value = shapes[1]?.id ?? "";
  if (!compare.value) compare.value = "";
  return [
    h(
      "div",
      { class: "kbp-row kbs-pane-head" },
      h("h4", { class: "kbs-place" }, place),
      h("span", { class: "kbp-gap" }),
      others.length ? compare : null,
      h(
        "span",
        { class: "kbs-nav" },
        button("‹", () => on.step(-1), {
          class: "kbp-small",
          "aria-label": "Previous sample (k)",
          title: "Previous sample (k)",
        }),
        button("›", () => on.step(1), {
          class: "kbp-small",
          "aria-label": "Next sample (j)",
          title: "Next sample (j)",
        }),
        button("✕", () => on.close(), {
          class: "kbp-small",
          "aria-label": "Close (Escape)",
          title: "Close (Escape)",
        }),
      ),
    ),
    h(
      "div",
      { class: "kbs-sides kbs-who" },
      shapes.map((shape) => who(shape, on)),
    ),
  ];
}

function who(shape, on) {
  const repeats = shape.others.filter(([, column]) => column === shape.column);
  const runs = h(
    "select",
    { "aria-label": `Run of ${shape.name}`, onchange: () => on.open(runs.value, shape) },
    repeats.map(([id, , , run]) => h("option", { value: id }, `run ${run}`)),
  );
  runs.value = shape.id;
  return h(
    "div",
    { class: "kbs-whose" },
    verdict(shape.state),
    h("span", { class: "kbs-name" }, shape.name),
    repeats.length > 1 ? runs : null,
    button("Copy link", () => on.copy(shape), {
      class: "kbs-link",
      title: "Copies the command that opens this sample again",
    }),
  );
}

export const emptyPane = (host, text) => fill(host, h("p", { class: "kbp-quiet" }, text));
