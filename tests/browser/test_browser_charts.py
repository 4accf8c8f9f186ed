"""The charts of results, drawn of values that comparisons seldom have."""

import itertools

import pytest
from lone_widget import LonePanel

pytestmark = pytest.mark.slow

LONG = "some-provider/an-extraordinarily-long-name-of-a-quantised-variant-of-a-model-q4_k_m"


def group(model, value, low=None, high=None, *, cost=None, **more):
    return {
        "version": 1, "model": model, "runs": 1, "samples": 3, "errored": 0, "passed": 1, "passedText": "3 of 3",
        "value": value, "low": low, "high": high, "valueText": str(value), "spreadText": "", "leftOut": 0,
        "score": value, "scoreText": str(value), "held": 3, "checks": 3, "tokens": 1234, "cost": cost,
        "costText": "", "latency": 1, "latencyText": "1 s", "aSample": {"cost": [cost, 0], "latency": [1, 0]},
    } | more  # fmt: skip


def results(page, *groups, **state):
    names = [[one["version"], one["model"]] for one in groups]
    samples = {
        "columns": names, "total": 0, "several": False, "versions": False, "expectations": [], "failures": [],
        "sizes": [[3, 0]] * len(groups), "fetched": 1,
    }  # fmt: skip
    page.add_init_script("window.answer = () => ({ total: 0, rows: [] })")
    told = {"task": "quiz", "measure": "score", "share": False, "lessIsBetter": False, "who": "model"}
    rest = {"notes": [], "label": "", "look": {}, "samples": samples, "groups": list(groups)}
    return LonePanel(page, "results", **told, **rest | state)


def boxes(page, selector):
    return page.locator(selector).evaluate_all(
        "all => all.map(e => e.getBoundingClientRect()).map(r => [r.left, r.right, r.top, r.bottom])"
    )


def chart(page, name):
    page.locator(".kbp-segment", has_text=name).click()


def test_bars_reach_from_zero_to_their_values_below_and_above(page):
    results(page, group("a", -5), group("b", -1), group("c", 3), group("d", None))
    (track, *_) = boxes(page, ".kbp-track")
    scale = (track[1] - track[0]) / 8
    ends = [[(end - track[0]) / scale - 5 for end in bar[:2]] for bar in boxes(page, ".kbp-bar")]
    assert [[round(end, 1) for end in bar] for bar in ends] == [[-5, 0], [-1, 0], [0, 3], [0, 0]]


@pytest.mark.parametrize("low", [0.1, 1e17])
def test_scores_that_differ_by_rounding_alone_are_drawn_as_one(page, low):
    other = low * (1 + 2e-16)
    assert other != low
    results(page, group("a", low, low, other, cost=1), group("b", other, cost=1))
    chart(page, "Cost")
    circles = page.locator(".kbp-scatter circle")
    circles.nth(1).wait_for()  # a scale without an end would keep the page from drawing
    one, two = (float(circles.nth(n).get_attribute("cy")) for n in (0, 1))
    assert one == pytest.approx(two)


@pytest.mark.parametrize("width", [230, 400, 900])
@pytest.mark.parametrize(
    "values",
    [
        [(-123_456_789, 1), (3e11, 2)],
        [(1e-7, 1e-7), (3e-7, 4e-5), (2e-7, 12)],
        [(n, 10.0 ** (n - 6)) for n in range(7)],
    ],
)
def test_labels_of_a_plot_are_whole_and_apart_however_large_or_small_numbers_are(page, values, width):
    page.set_viewport_size({"width": width, "height": 900})
    results(page, *(group(LONG if n == 1 else f"m{n}", y, cost=x) for n, (y, x) in enumerate(values)))
    chart(page, "Cost")
    page.locator(".kbp-scatter circle").first.wait_for()
    ((left, right, *_),) = boxes(page, ".kbp-scatter svg")
    labels = boxes(page, ".kbp-scatter text")
    assert all(left - 1 <= label[0] and label[1] <= right + 1 for label in labels)
    ticks = sorted(boxes(page, ".kbp-axes text[text-anchor=middle]:not(.kbp-axis-name)"))
    assert len(ticks) > 1
    assert all(one[1] < two[0] for one, two in itertools.pairwise(ticks))
    assert page.locator(".kbp-scatter title", has_text=LONG).count() == 1


def test_what_would_reorder_text_is_spelled_out_in_plots(page):
    results(page, group("\u202eevil", 1, cost=1))
    chart(page, "Cost")
    assert page.locator(".kbp-dot-label").text_content() == "\\u202eevil"


def test_assertions_that_failed_most_come_first_of_what_is_shown_and_those_without_words_are_none_of_the_errors(
    page,
):
    panel = results(page, group("a", 1, version=2), group("a", 1, version=1))
    failures = [["old", [0, 90]], ["new", [5, 1]], ["", [7, 0]]] + [
        [f"one of {n}", [1, 0]] for n in range(197)
    ]
    panel.put(samples={
        "columns": [[2, "a"], [1, "a"]], "total": 100, "several": False, "versions": True, "fetched": 2,
        "expectations": [[text, sum(counts)] for text, counts in failures], "failures": failures,
        "sizes": [[100, 2], [100, 0]],
    })  # fmt: skip
    chart(page, "Assertions")
    rows = page.locator(".kbp-heat tbody tr")
    assert rows.nth(1).inner_text().split() == ["old", "✓", "none", "✗", "90", "of", "100"]
    page.get_by_label("Task version").select_option("Version 2")
    first = [" ".join(text.split()) for text in rows.all_inner_texts()[:3]]
    assert first == [
        "The task errored ✗ 2 of 100", "an assertion without words ✗ 7 of 100", "new ✗ 5 of 100"
    ]  # fmt: skip
    assert rows.count() == 60
    assert page.locator("figcaption").inner_text().endswith("Those that failed least are left out.")
    assert "" not in page.get_by_label("Only samples where this assertion failed").locator(
        "option"
    ).evaluate_all("all => all.slice(1).map((one) => one.value)")
