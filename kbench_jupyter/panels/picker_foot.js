// What stands below the picker's list: how the chosen models are run, how often, and what that will take.
import { button, clamp, fill, h, isNews, plural, say } from "../widgets/elements.js";
import { click, enable, teller } from "./base.js";

const MOST_REPEATS = 100; // runs of each model by one click

export function pickerFoot(store, part) {
  const counts = h("span", { class: "kbp-quiet", role: "status" });
  const quota = h("span", { class: "kbp-quiet" });
  const forecast = h("div", { class: "kbp-quiet kbp-forecast", role: "status", "aria-label": "Forecast" });
  const run = teller(store, part, "", "run", { class: "kbp-primary" });
  const effort = h("select", {
    "aria-label": "Reasoning effort",
    onchange: () => store.tell(part.name, "effort", { effort: effort.value }),
  });
  const repeat = h("input", {
    type: "number",
    min: "1",
    max: String(MOST_REPEATS),
    step: "1",
    value: "1",
    oninput: () => tellRepeat(Number(repeat.value)),
    onchange: () => {
      repeat.value = String(clamp(Math.round(Number(repeat.value)) || 1, 1, MOST_REPEATS));
      tellRepeat(Number(repeat.value));
    },
  });
  const repeats = h("label", { class: "kbp-repeat" }, repeat, h("span", {}, "run each"));
  const last = button(
    "Same as last time",
    click(() => store.tell(part.name, "last")),
  );

  // While it is typed, what is no such number is not told.
  function tellRepeat(times) {
    if (Number.isInteger(times) && times >= 1 && times <= MOST_REPEATS && times !== part.state.repeat)
      store.tell(part.name, "repeat", { repeat: times });
  }

  // Where every chosen model has some; else a model runs as it is.
  function drawEfforts() {
    const { efforts = [], effort: at = "" } = part.state;
    if (isNews(effort, efforts))
      fill(
        effort,
        h("option", { value: "" }, "No effort named"),
        efforts.map((one) => h("option", { value: one }, `Effort ${one}`)),
      );
    effort.value = at;
    effort.hidden = !efforts.length;
  }

  function drawLast() {
    const { names = [], left = [] } = part.state.last ?? {};
    last.hidden = !names.length;
    const others = left.length ? `; not to be chosen with them: ${left.join(", ")}` : "";
    last.title = `${names.filter((name) => !left.includes(name)).join(", ")}${others}`;
  }

  function draw(counted, chosen) {
    const { effort: at, task, repeat: times = 1, forecast: told = [], busy } = part.state;
    say(counts, counted);
    say(quota, part.state.quota);
    say(forecast, chosen.length ? told.join(" ") : "");
    forecast.hidden = !forecast.textContent;
    if (document.activeElement !== repeat) repeat.value = String(times);
    say(repeats.lastChild, times === 1 ? "run each" : "runs each");
    repeats.hidden = !chosen.length;
    run.hidden = !task;
    const often = times > 1 ? `, ${times} times each` : "";
    say(
      run,
      chosen.length
        ? `Run ${task} on ${plural(chosen.length, "model")}${at ? ` at effort ${at}` : ""}${often}`
        : "Choose models to run on",
    );
    enable(run, chosen.length > 0 && !busy);
    drawEfforts();
    drawLast();
  }

  const row = h(
    "div",
    { class: "kbp-row kbp-foot" },
    counts,
    quota,
    h("span", { class: "kbp-gap" }),
    effort,
    repeats,
    run,
  );
  return { els: [row, forecast], last, draw };
}
