// The measure that was chosen: a bar a candidate and version, with its interval where there is one.
import { clamp, fill, h, number } from "../../widgets/elements.js";
import { mark } from "../base.js";
import { whose } from "../cards.js";

export const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1);

export function barsOf(part) {
  const bars = h("div", { class: "kbp-chart", role: "list" });

  function barOf(group, low, high) {
    const at = (value) => (100 * (clamp(value, low, high) - low)) / (high - low || 1);
    const reach = (node, from, to) =>
      Object.assign(node.style, { left: `${at(from)}%`, width: `${at(to) - at(from)}%` });
    const known = group.low !== null; // one score alone has no interval
    const spread = known ? `95 % interval ${group.spreadText}` : "";
    const bar = h("span", { class: "kbp-bar" });
    reach(bar, Math.min(0, group.value), Math.max(0, group.value)); // from zero, whichever way
    const whisker = known ? h("span", { class: "kbp-whisker" }) : null;
    if (known) reach(whisker, group.low, group.high);
    const version = group.version ? h("span", { class: "kbp-quiet" }, ` v${group.version}`) : null;
    const heard = known ? h("span", { class: "kbp-heard" }, `, ${spread}`) : null;
    const errored = group.leftOut ? mark(`${number(group.leftOut)} errored`, "bad") : null;
    return h(
      "div",
      { class: "kbp-chart-row", role: "listitem", title: spread },
      h("span", { class: "kbp-chart-name" }, group.model, version),
      h("span", { class: "kbp-track", "aria-hidden": "true" }, bar, whisker),
      h("span", { class: "kbp-chart-value" }, group.valueText, heard, errored),
    );
  }

  function draw(groups, byVersion) {
    const { share } = part.state;
    const low = share ? 0 : Math.min(0, ...groups.map((g) => g.low ?? g.value));
    const high = share ? 1 : Math.max(0, ...groups.map((g) => g.high ?? g.value));
    fill(
      bars,
      groups.map((group) => barOf(group, low, high)),
    );
    const spread = groups.some((g) => g.low !== null) ? " with 95 % interval" : "";
    return `${sentence(part.state.measure)}${spread}, by ${whose(part).toLowerCase()}${byVersion ? " and version" : ""}`;
  }

  return { el: bars, draw };
}
