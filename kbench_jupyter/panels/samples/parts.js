// The parts of a message: text, reasoning, tool calls, structured answers, images, audio and video.
//
// All of it is data: text goes into text nodes, and nothing is loaded from an address by itself.
import { button, fill, h, number, say, visible } from "../../widgets/elements.js";

const FOLD_LINES = 16;
const FOLD_CHARACTERS = 1600;
const BY_ITSELF = 1_400_000; // characters of base64 up to which an image is fetched without a click
const ELEMENTS = { image: "img", audio: "audio", video: "video" };

// Asks for a text from `from` on, piece by piece, as long as `host` is on the page; null where no answer comes.
async function restOf(ask, at, from, host) {
  const pieces = [];
  for (let next = from; next !== null; ) {
    const answer = await ask(at, next);
    if (typeof answer?.text !== "string" || !host.isConnected) return null;
    pieces.push(answer.text);
    next = answer.next;
  }
  return pieces.join("");
}

// The kernel counts characters, where a script counts what UTF-16 makes of them.
const charactersOf = (text) => Array.from(text);

// Text with the spans that differ marked; `spans` are pairs of offsets, in order.
function pieces(text, spans) {
  if (!spans.length) return text;
  const characters = charactersOf(text);
  const cut = (from, to) => characters.slice(from, to).join("");
  const out = [];
  let done = 0;
  for (const [from, to] of spans) {
    if (from >= characters.length) break;
    out.push(cut(done, from), h("mark", { class: "kbs-differs-here" }, cut(from, to)));
    done = to;
  }
  return [...out, cut(done)];
}

// A text of which a long one is folded. `source` is how to ask for what was not sent.
export function folded([text, whole], { ask, at, spans = [], code = false }) {
  const body = h(code ? "pre" : "div", { class: code ? "kbs-code" : "kbs-text" }, pieces(text, spans));
  const long = whole > FOLD_CHARACTERS || text.split("\n", FOLD_LINES + 1).length > FOLD_LINES;
  if (!long) return body;
  body.classList.add("kbs-folded");
  const here = charactersOf(text).length;
  const all = button(
    "",
    async () => {
      body.classList.toggle("kbs-folded");
      tell();
      if (isFolded() || body.dataset.whole || here === whole) return;
      body.dataset.whole = "asked";
      say(all, "Reading…");
      const more = await restOf(ask, at, here, body);
      if (more === null) delete body.dataset.whole;
      else body.append(visible(more)); // as a text node
      tell();
    },
    { class: "kbp-small kbs-more" },
  );
  const isFolded = () => body.classList.contains("kbs-folded");
  const tell = () => {
    say(all, isFolded() ? `Show all ${number(whole)} characters` : "Show less");
    all.setAttribute("aria-expanded", String(!isFolded()));
  };
  tell();
  return [body, all];
}

function addressOf(uri) {
  if (!/^https?:\/\//i.test(uri)) return h("code", { class: "kbs-uri" }, uri);
  return h("a", { href: uri, target: "_blank", rel: "noopener noreferrer", class: "kbs-uri" }, uri);
}

// An image, audio or video of which the bytes are in the run file. What lies elsewhere is a link: nothing is loaded
// from an address that a run wrote.
function mediaOf(part, { ask, at }) {
  const { what, mime, uri, size } = part;
  const kind = mime || what;
  const tag = ELEMENTS[what];
  const fits = tag && mime.startsWith(`${what}/`) && /^[\w.+/-]+$/.test(mime);
  const told = `${kind}${size ? `, ${number(Math.max(1, Math.round((size * 3) / 4096)))} KB` : ""}`;
  if (!size)
    return h("div", { class: "kbs-media" }, h("span", { class: "kbp-quiet" }, `${told} at `), addressOf(uri));
  if (!fits) return h("div", { class: "kbs-media kbp-quiet" }, `${told}, not shown here`);
  const host = h("div", { class: "kbs-media" });
  const load = async () => {
    fill(host, h("span", { class: "kbp-quiet" }, `Reading ${told}…`));
    const data = await restOf(ask, at, 0, host);
    if (data === null || !/^[A-Za-z0-9+/=\s_-]*$/.test(data)) return offer();
    const shown = h(tag, {
      controls: what !== "image",
      alt: what === "image" ? `${kind} in the message` : null,
    });
    shown.addEventListener("error", () =>
      fill(host, h("span", { class: "kbp-quiet" }, `${told}, which this browser cannot show`)),
    );
    shown.src = `data:${mime};base64,${data.replaceAll("-", "+").replaceAll("_", "/")}`;
    fill(host, shown);
  };
  const offer = () => fill(host, button(`Show ${told}`, load, { class: "kbp-small" }));
  if (what === "image" && size <= BY_ITSELF) load();
  else offer();
  return host;
}

const words = (text) => text.split(/\s+/).filter(Boolean).length;

function unfolding(kind, summary, ...content) {
  return h("details", { class: `kbs-part kbs-${kind}` }, h("summary", {}, ...summary), ...content);
}

// One part. `how` is {ask, at, spans}.
export function partOf(part, how) {
  const code = { ...how, code: true };
  switch (part.kind) {
    case "text":
      return folded(part.text, how);
    case "reasoning":
      return unfolding(
        "reasoning",
        ["Reasoning", h("span", { class: "kbp-quiet" }, ` ${number(words(part.text[0]))} words`)],
        folded(part.text, how),
      );
    case "call":
      return h(
        "div",
        { class: "kbs-part kbs-call" },
        h("div", { class: "kbs-label" }, "calls ", h("code", {}, part.name)),
        folded(part.text, code),
      );
    case "result":
      return h(
        "div",
        { class: "kbs-part kbs-result" },
        h("div", { class: "kbs-label" }, h("code", {}, part.name || "tool"), " answered"),
        folded(part.text, code),
      );
    case "json":
      return h(
        "div",
        { class: "kbs-part kbs-json" },
        h("div", { class: "kbs-label" }, "structured answer"),
        folded(part.text, code),
      );
    default:
      return mediaOf(part, how);
  }
}
