// The model picker (model_picker.py).
import { button, clamp, fill, h, isNews, plural, say } from "../widgets/elements.js";
import { activity, click, enable, ident, mark, notesOf, slot } from "./base.js";
import { pickerFoot } from "./picker_foot.js";

export function pickerPart(store, part, host) {
  const list = h("div", {
    class: "kbp-list",
    role: "listbox",
    tabindex: "0",
    "aria-multiselectable": "true",
    "aria-label": "Models",
  });
  const nothing = h("div", { class: "kbp-nothing kbp-quiet" });
  const search = h("input", { type: "search", placeholder: "Search models", "aria-label": "Search models" });
  const modality = h("select", { "aria-label": "Only models that take" });
  const provider = h("select", { "aria-label": "Only models by" });
  const all = button(
    "",
    click(() => choose([...chosen, ...selectable().map((row) => row.id)])),
  );
  const none = button(
    "Clear",
    click(() => choose([])),
  );
  const chips = h("ul", { class: "kbp-chips", "aria-label": "Chosen models" });
  const notes = notesOf(part);
  const foot = pickerFoot(store, part);
  const outcome = h("div", { class: "kbp-outcome", role: "status" });
  const busy = activity(store, part, (name) => ({ run: "Run", load: "Asking for the models" })[name] ?? name);
  const status = slot(store);
  const options = new Map(); // slug -> element
  const prefix = ident("model");
  let chosen = [];
  let changedAt = 0;
  let active = -1;
  let timer = null;

  const rows = () => [...part.rows.values()];
  const shown = () => rows().filter((row) => !options.get(row.id)?.hidden);
  const selectable = () => shown().filter((row) => row.usable);

  function choose(slugs) {
    chosen = [...new Set(slugs)];
    changedAt = performance.now();
    store.tell(part.name, "select", { slugs: chosen });
    drawChosen();
  }

  function toggle(row) {
    if (!row?.usable) return;
    choose(chosen.includes(row.id) ? chosen.filter((slug) => slug !== row.id) : [...chosen, row.id]);
  }

  function option(row, index) {
    const kinds = [...row.takes, ...row.gives.filter((kind) => kind !== "text").map((kind) => `→ ${kind}`)];
    return h(
      "div",
      {
        class: "kbp-option",
        role: "option",
        id: `${prefix}-${index}`,
        "data-slug": row.id,
        "aria-selected": "false",
        "aria-disabled": row.usable ? undefined : "true",
      },
      h("span", { class: "kbp-box", "aria-hidden": "true" }),
      h("span", { class: "kbp-slug" }, row.id),
      h("span", { class: "kbp-quiet kbp-by" }, [row.name, row.by].filter(Boolean).join(" · ")),
      h(
        "span",
        { class: "kbp-kinds" },
        kinds.map((kind) => h("span", { class: "kbp-kind" }, kind)),
      ),
      row.word === "yes" ? null : mark(row.word, row.tone),
    );
  }

  function drawRows() {
    const sorted = rows().sort((a, b) => b.usable - a.usable);
    part.rows = new Map(sorted.map((row) => [row.id, row]));
    if (!isNews(list, sorted)) return;
    options.clear();
    for (const [index, row] of sorted.entries()) options.set(row.id, option(row, index));
    fill(list, [...options.values()]);
    const choices = (select, word, values) => {
      const before = select.value;
      fill(
        select,
        h("option", { value: "" }, word),
        [...new Set(values)]
          .filter(Boolean)
          .sort()
          .map((v) => h("option", { value: v }, v)),
      );
      select.value = before;
    };
    choices(
      modality,
      "Takes anything",
      sorted.flatMap((row) => row.takes),
    );
    choices(
      provider,
      "By anyone",
      sorted.map((row) => row.by),
    );
    filter();
    drawChosen();
  }

  function filter() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const row of rows()) {
      const text = `${row.id} ${row.name} ${row.by}`.toLowerCase();
      const fits =
        words.every((word) => text.includes(word)) &&
        (!modality.value || row.takes.includes(modality.value)) &&
        (!provider.value || row.by === provider.value);
      options.get(row.id).hidden = !fits;
    }
    activate(-1);
    drawCounts();
  }

  function drawCounts() {
    const seen = shown();
    list.hidden = !seen.length;
    nothing.hidden = seen.length > 0 || !!part.state.busy;
    say(nothing, part.rows.size ? "No model matches." : "No models yet.");
    say(all, `Select all ${selectable().length} shown`);
    enable(all, selectable().length > 0);
    enable(none, chosen.length > 0);
    const recalled = part.state.recalled && chosen.length ? ", as last time" : "";
    const counted = `${seen.length} of ${plural(part.rows.size, "model")} shown, ${chosen.length} chosen${recalled}`;
    foot.draw(counted, chosen);
  }

  function drawChosen() {
    for (const [slug, node] of options) {
      const on = chosen.includes(slug) ? "true" : "false";
      if (node.getAttribute("aria-selected") !== on) node.setAttribute("aria-selected", on);
    }
    const kept = new Map([...chips.children].map((node) => [node.dataset.slug, node]));
    fill(
      chips,
      chosen.map(
        (slug) =>
          kept.get(slug) ??
          h(
            "li",
            { "data-slug": slug },
            button([slug, h("span", { "aria-hidden": "true" }, " ×")], () => remove(slug), {
              class: "kbp-chip",
              "aria-label": `Remove ${slug}`,
            }),
          ),
      ),
    );
    chips.hidden = !chosen.length;
    drawCounts();
  }

  function remove(slug) {
    const at = chosen.indexOf(slug);
    choose(chosen.filter((other) => other !== slug));
    (chips.children[Math.min(at, chips.children.length - 1)]?.querySelector("button") ?? search).focus();
  }

  function activate(index) {
    const seen = shown();
    list.querySelector(".kbp-active")?.classList.remove("kbp-active");
    active = Math.min(index, seen.length - 1);
    const node = active >= 0 ? options.get(seen[active].id) : null;
    if (!node) return list.removeAttribute("aria-activedescendant");
    node.classList.add("kbp-active");
    list.setAttribute("aria-activedescendant", node.id);
    node.scrollIntoView({ block: "nearest" });
  }

  list.addEventListener("keydown", (event) => {
    const moves = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8, Home: -Infinity, End: Infinity };
    if (event.key in moves) activate(clamp(active + moves[event.key], 0, part.rows.size));
    else if (event.key === " " || event.key === "Enter") toggle(shown()[active]);
    else if (event.key === "a" && (event.ctrlKey || event.metaKey)) all.click();
    else return;
    event.preventDefault();
  });
  list.addEventListener("focus", () => {
    // By the keyboard: a press of the mouse would scroll the list away from under it, and its click be lost.
    if (active < 0 && list.matches(":focus-visible")) activate(0);
  });
  list.addEventListener("click", (event) => {
    const node = event.target.closest(".kbp-option");
    if (!node) return;
    activate(shown().findIndex((row) => row.id === node.dataset.slug));
    toggle(part.rows.get(node.dataset.slug));
  });
  search.addEventListener("input", filter);
  search.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown") list.focus();
    else if (event.key === "Escape" && search.value) {
      search.value = "";
      filter();
    } else if (event.key === "Enter" && shown().length === 1) toggle(shown()[0]);
    else return;
    event.preventDefault();
  });
  modality.addEventListener("change", filter);
  provider.addEventListener("change", filter);

  function update(news) {
    if (news.rows.length || news.replace) drawRows();
    const told = part.state.selected ?? [];
    // What the kernel echoes of an earlier click must not undo a later one.
    const wait = 700 - (performance.now() - changedAt);
    clearTimeout(timer);
    if (told.join("\n") !== chosen.join("\n")) {
      if (wait > 0) timer = setTimeout(() => update({ rows: [] }), wait);
      else {
        chosen = [...told];
        drawChosen();
      }
    }
    notes.update();
    fill(
      outcome,
      (part.state.outcome ?? []).map((line) => h("div", {}, line)),
    );
    busy.update();
    drawCounts();
    status.show(part.state.status);
  }

  fill(
    host,
    h(
      "div",
      { class: "kbp-picker" },
      h("div", { class: "kbp-row kbp-filters" }, search, modality, provider, all, none, foot.last),
      chips,
      list,
      nothing,
      notes.el,
      foot.els,
      busy.work,
      busy.problem,
      outcome,
      status.el,
    ),
  );
  part.listeners.add(update);
  update({ rows: [], replace: true });
  return () => {
    clearTimeout(timer);
    part.listeners.delete(update);
    status.end();
  };
}
