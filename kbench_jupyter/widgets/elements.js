// What all widgets share: text that only appears, and elements.
//
// Whatever a run, a model, a server or a user wrote goes into text nodes and attributes set by name: it is
// never parsed as HTML.

// What a terminal or a browser would act on, tabs and line ends aside, is spelled out: control characters,
// marks that reorder text, line separators.
export const ACTED_ON =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

export function spelled(c) {
  const code = c.charCodeAt(0).toString(16);
  return code.length < 3 ? `\\x${code.padStart(2, "0")}` : `\\u${code.padStart(4, "0")}`;
}

export const visible = (text) => String(text).replace(ACTED_ON, spelled);

export function h(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (key === "class") node.className = value;
    else if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else node.setAttribute(key, value === true ? "" : visible(value));
  }
  fill(node, ...children);
  return node;
}

export function fill(node, ...children) {
  node.replaceChildren(
    ...children
      .flat(Infinity)
      .filter((child) => child !== null && child !== undefined && child !== false)
      .map((child) => (child instanceof Node ? child : document.createTextNode(visible(child)))),
  );
  return node;
}

// Sets text only where it differs: what a screen reader or a selection holds is left alone.
export function say(node, text) {
  const shown = visible(text ?? "");
  if (node.textContent !== shown) node.textContent = shown;
}

const told = new WeakMap();

// Whether a node has to show something else than the last time this was asked. What shows the same is not drawn anew:
// a button in it may have the keyboard, and a screen reader would read it again.
export function isNews(node, ...shown) {
  const key = JSON.stringify(shown);
  const news = told.get(node) !== key;
  told.set(node, key);
  return news;
}

export const button = (label, onclick, props = {}) =>
  h("button", { type: "button", onclick, ...props }, label);

export const number = (n) => n.toLocaleString("en-US");
export const plural = (n, thing) => `${number(n)} ${n === 1 ? thing : `${thing}s`}`;
export const clamp = (value, low, high) => Math.max(low, Math.min(high, value));
