// Elements. Whatever a kernel, a rule or a user wrote goes into text nodes: it is never parsed as HTML.
export function h(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

export const plural = (n, thing) => `${n} ${n === 1 ? thing : `${thing}s`}`;

// Says something to those who hear the page.
export function announce(text) {
  let live = document.getElementById("kbx-said");
  if (!live) {
    live = h("div", { id: "kbx-said", class: "kbx-heard", role: "status" });
    document.body.append(live);
  }
  live.textContent = text;
}

// Calls `act` once nothing has asked for it for so long.
export function settled(act, ms) {
  let timer = null;
  const later = () => {
    clearTimeout(timer);
    timer = setTimeout(act, ms);
  };
  later.cancel = () => clearTimeout(timer);
  return later;
}
