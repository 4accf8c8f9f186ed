// Puts a line's text into a row: styled as the run meant it, with what is searched for marked.
import { fill, h } from "../../widgets/elements.js";
import { piecesOf } from "./ansi.js";

// A kind in capitals: missed when it was written.
export const isStderr = (kind) => "et".includes(kind.toLowerCase());
export const isTraceback = (kind) => kind.toLowerCase() === "t";

// Where a text is found in another, in either case: of some letters (İ) the small one is longer.
function cutsOf(text, needle) {
  let whole = text.toLowerCase();
  let places = null; // of each character of `whole`, where it comes from
  if (whole.length !== text.length) {
    places = [];
    whole = "";
    let at = 0;
    for (const letter of text) {
      const low = letter.toLowerCase();
      for (let i = 0; i < low.length; i++) places.push(at);
      whole += low;
      at += letter.length;
    }
    places.push(at);
  }
  const cuts = [];
  for (
    let at = whole.indexOf(needle);
    at >= 0 && cuts.length < 100;
    at = whole.indexOf(needle, at + needle.length)
  ) {
    const end = at + needle.length;
    cuts.push(places ? [places[at], places[end]] : [at, end]);
  }
  return cuts;
}

export function drawText(target, text, needle) {
  let pieces = piecesOf(text);
  if (needle) {
    const cuts = cutsOf(pieces.map((piece) => piece.text).join(""), needle);
    if (cuts.length) pieces = marked(pieces, cuts);
  }
  fill(
    target,
    pieces.map((piece) => (piece.hit ? h("mark", {}, styled(piece)) : styled(piece))),
  );
}

function styled({ text, style }) {
  const names = ["bold", "dim", "italic", "underline", "strike", "inverse", "control"];
  const classes = names.filter((name) => style[name]).map((name) => `kbl-${name}`);
  for (const key of ["fg", "bg"]) if (typeof style[key] === "number") classes.push(`kbl-${key}${style[key]}`);
  if (!classes.length && !style.fg && !style.bg) return text;
  const span = h("span", { class: classes.join(" ") }, text);
  if (typeof style.fg === "string") span.style[style.inverse ? "backgroundColor" : "color"] = style.fg;
  if (typeof style.bg === "string") span.style[style.inverse ? "color" : "backgroundColor"] = style.bg;
  return span;
}

function marked(pieces, cuts) {
  const out = [];
  let place = 0;
  for (const piece of pieces) {
    let from = 0;
    const end = place + piece.text.length;
    for (const [first, last] of cuts) {
      if (last <= place || first >= end) continue;
      const a = Math.max(first - place, 0);
      const b = Math.min(last - place, piece.text.length);
      if (a > from) out.push({ ...piece, text: piece.text.slice(from, a) });
      out.push({ ...piece, text: piece.text.slice(a, b), hit: true });
      from = b;
    }
    if (from < piece.text.length) out.push({ ...piece, text: piece.text.slice(from) });
    place = end;
  }
  return out;
}
