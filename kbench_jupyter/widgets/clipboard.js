// Text into the clipboard, by whichever way the browser and the page's address leave.
import { h } from "./elements.js";

// The clipboard wants to be written while the click is fresh; the text may come a little later.
export async function toClipboard(text) {
  if (navigator.clipboard?.write && window.ClipboardItem) {
    const blob = text.then((whole) => new Blob([whole], { type: "text/plain" }));
    try {
      return await navigator.clipboard.write([new ClipboardItem({ "text/plain": blob })]);
    } catch {
      // Perhaps only the promise was too much for it.
    }
  }
  const whole = await text;
  if (navigator.clipboard?.writeText) return navigator.clipboard.writeText(whole);
  const focused = document.activeElement;
  const area = h("textarea", { style: "position: fixed; opacity: 0" });
  area.value = whole;
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  focused?.focus({ preventScroll: true });
  if (!done) throw new Error("no clipboard");
}
