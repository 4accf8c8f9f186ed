// The workers of the embedded server's cluster, below the runs that they carry out: one line, which unfolds.
import { fill, h, isNews, plural } from "../widgets/elements.js";
import { mark } from "./base.js";
import { card, cards, region } from "./cards.js";

const HEADS = [
  ["name", "Worker"],
  ["slots", "Slots"],
  ["jobs", "Runs"],
];

export function clusterLine(part) {
  const head = h("summary");
  const body = h("tbody");
  const link = h("a", { target: "_blank", rel: "noopener noreferrer" }, "Dask dashboard");
  const el = h("details", { class: "kbp-cluster" }, head, region("Workers", cards(HEADS, body)), link);

  function update() {
    const cluster = part.state.cluster ?? {};
    const workers = cluster.workers ?? [];
    el.hidden = !cluster.address;
    if (el.hidden || !isNews(el, cluster)) return;
    const slots = workers.reduce((sum, one) => sum + one.slots, 0);
    const going = workers.reduce((sum, one) => sum + one.jobs.length, 0);
    const counts = [plural(workers.length, "worker"), plural(slots, "slot"), `${going} going`].join(", ");
    fill(head, `Cluster ${cluster.address}: `, cluster.problem ? mark(cluster.problem, "warn") : counts);
    fill(
      body,
      workers.map((one) =>
        h(
          "tr",
          { role: "row" },
          card("name", one.address),
          card("slots", String(one.slots)),
          card("jobs", one.jobs.join(", ") || "nothing"),
        ),
      ),
    );
    link.hidden = !/^https?:\/\//.test(cluster.dashboard ?? "");
    if (!link.hidden) link.href = cluster.dashboard;
  }

  return { el, update };
}
