// A line's text: colours and styles as ANSI codes (SGR) set them, and what must only appear spelled out.
import { ACTED_ON, clamp, spelled, visible } from "../../widgets/elements.js";

const SGR = /\x1b\[([0-9;:]*)m/g;
const BEGINS = { 1: "bold", 2: "dim", 3: "italic", 4: "underline", 7: "inverse", 9: "strike" };
const ENDS = {
  22: ["bold", "dim"],
  23: ["italic"],
  24: ["underline"],
  27: ["inverse"],
  29: ["strike"],
  39: ["fg"],
  49: ["bg"],
};
// The first code of eight, what they colour, and the first of the theme's colours.
const PALETTES = [
  [30, "fg", 0],
  [40, "bg", 0],
  [90, "fg", 8],
  [100, "bg", 8],
];

// What is left of a line when nothing of it is to be coloured.
export const plain = (text) => text.replace(SGR, "");
export const appear = (text) => visible(plain(text));

function colour256(n) {
  if (n < 16) return null;
  const grey = 8 + (n - 232) * 10;
  if (n >= 232) return `rgb(${grey},${grey},${grey})`;
  const step = (i) => (i ? 55 + i * 40 : 0);
  const m = n - 16;
  return `rgb(${step(Math.floor(m / 36))},${step(Math.floor(m / 6) % 6)},${step(m % 6)})`;
}

// Changes a style as the parameters of one code say.
function obey(style, params) {
  // Between colons, red, green and blue come after the number of a colour space, which may be left out.
  const codes = (params || "0")
    .replace(/([34]8:2:)\d*:(?=\d+:\d+:\d)/g, "$1")
    .split(/[;:]/)
    .map((p) => Number(p) || 0);
  for (let i = 0; i < codes.length; i++) {
    const code = codes[i];
    const ends = code === 0 ? Object.keys(style) : (ENDS[code] ?? []);
    for (const key of ends) delete style[key];
    if (BEGINS[code]) style[BEGINS[code]] = true;
    for (const [first, key, colour] of PALETTES) {
      if (code >= first && code < first + 8) style[key] = colour + code - first;
    }
    if (code !== 38 && code !== 48) continue;
    const key = code === 38 ? "fg" : "bg";
    if (codes[i + 1] === 5) {
      const n = clamp(codes[i + 2] ?? 0, 0, 255);
      style[key] = colour256(n) ?? n;
      i += 2;
    } else if (codes[i + 1] === 2) {
      style[key] = `rgb(${[2, 3, 4].map((k) => clamp(codes[i + k] ?? 0, 0, 255)).join(",")})`;
      i += 4;
    }
  }
}

// Cuts a line into pieces of one style; `control` ones are what was spelled out.
export function piecesOf(text) {
  const pieces = [];
  const style = {};
  const add = (raw) => {
    let place = 0;
    for (const match of raw.matchAll(ACTED_ON)) {
      if (match.index > place) pieces.push({ text: raw.slice(place, match.index), style: { ...style } });
      pieces.push({ text: spelled(match[0]), style: { ...style, control: true } });
      place = match.index + 1;
    }
    if (place < raw.length) pieces.push({ text: raw.slice(place), style: { ...style } });
  };
  if (!text.includes("\x1b")) add(text);
  else {
    let place = 0;
    for (const match of text.matchAll(SGR)) {
      add(text.slice(place, match.index));
      obey(style, match[1]);
      place = match.index + match[0].length;
    }
    add(text.slice(place));
  }
  return pieces;
}
