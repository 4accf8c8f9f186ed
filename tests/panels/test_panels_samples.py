"""The samples of a results panel, in a real kernel: pages of the grid, transcripts, and what differs in two."""

from __future__ import annotations

import json
import re

import evaluation_files
import faults
import pytest
from hypothesis import given
from hypothesis import strategies as st
from loopback_session import add_run
from panel_kernel import Kernel, opened

from kbench_jupyter.panels.samples.differences import pairs
from kbench_jupyter.panels.samples.shapes import indented

HOSTILE = "<img src=x onerror=alert(1)>\u202e"
LONG = "All of it. " * 40_000
OTHER = evaluation_files.PIXEL[:-8] + "QmCD" + evaluation_files.PIXEL[-4:]  # as many bytes, of another image
GOOD, BAD = "1/m1/1", "1/m2/2"


def rows(model):
    """Return five rows: the second differs between models, the third errored for m2, the fourth says a lot."""
    first = model == "m1"
    calm = [evaluation_files.row(n, model, f"Question {n}\nmore of it", f"Answer {n}") for n in (0, 4)]
    wrong = evaluation_files.row(
        1, model, "Question 1", f"It is {'seven' if first else 'nine'}, as ever.", good=first
    )
    error = "" if first else f"Traceback (most recent call last):\n  line 1\nValueError: {HOSTILE}"
    errored = evaluation_files.row(2, model, "Question 2", "Answer 2" if first else "", error=error)
    loud = evaluation_files.row(3, model, HOSTILE, LONG if first else LONG[:-2] + "! ", thought="Hm. ")
    loud["conversations"][0]["requests"][0]["contents"][0]["parts"] += [
        {"inlineData": {"mimeType": "image/png", "data": evaluation_files.PIXEL if first else OTHER}},
        {"fileData": {"mimeType": "image/png", "fileUri": "https://example.com/a.png"}},
    ]
    return [calm[0], wrong, errored, loud, calm[1]]


@pytest.fixture(scope="module")
def downloads(tmp_path_factory):
    folder = tmp_path_factory.mktemp("downloads")
    for run_id, model in ((1, "m1"), (2, "m2")):
        evaluation_files.store(
            folder, f"quiz/1/{model}/{run_id}", evaluation_files.evaluation(model, rows(model))
        )
    return folder


class Panel:
    """A results panel in a kernel, and what a browser asks of it."""

    def __init__(self, kernel, line):
        self.kernel, self.asked = kernel, 0
        self.comm, self.bundle = opened(kernel.cell(line))
        self.state = {}
        kernel.tell(self.comm, hello="v1")
        for message in kernel.heard(self.comm, lambda m: "samples" in (m.get("set") or {})):
            self.part = message.get("part", getattr(self, "part", None))
            self.state |= message.get("set") or {}

    def ask(self, what, **more):
        self.asked += 1
        self.kernel.tell(self.comm, part=self.part, do="samples", what=what, ask=self.asked, **more)
        return self.kernel.heard(self.comm, lambda m: m.get("reply") == self.asked)[-1]

    def keys(self, **more):
        return [row[0] for row in self.ask("page", first=0, limit=50, **more)["rows"]]


@pytest.fixture(scope="module")
def kernel(downloads):
    with faults.FaultServer() as server:
        add_run(server.api, 1, "m1")
        add_run(server.api, 2, "m2")
        running = Kernel(downloads, server)
        yield running
        running.close()


@pytest.fixture
def panel(kernel):
    return Panel(kernel, "%kbench results quiz")


pytestmark = pytest.mark.slow


def test_the_grid_is_sent_by_pages_with_a_cell_a_candidate(panel):
    assert panel.state["samples"]["columns"] == [[1, "m1"], [1, "m2"]]
    assert panel.state["samples"]["total"] == 5
    assert panel.state["samples"]["sizes"] == [[5, 0], [5, 1]]
    page = panel.ask("page", first=1, limit=2)
    assert (page["first"], page["total"]) == (1, 5)
    [one, two] = page["rows"]
    assert one[:5] == ["solve#1", "solve", 1, "Question 1", True]
    assert [cell[0] for cell in one[5]] == ["pass", "fail"]
    assert [cell[0] for cell in two[5]] == ["pass", "error"]
    assert one[5][1][3] == ["Answer is right"]


@pytest.mark.parametrize(
    ("where", "left"),
    [
        ({"failed": True}, ["solve#1", "solve#2"]),
        ({"errored": True}, ["solve#2"]),
        ({"differing": True}, ["solve#1", "solve#2"]),
        ({"worse": True}, []),
        ({"text": "NINE"}, ["solve#1"]),
        ({"assertion": "Answer is right"}, ["solve#1"]),
        ({"failed": True, "text": "ValueError"}, ["solve#2"]),
        ({"version": "7"}, []),
    ],
)
def test_the_grid_is_limited_by_what_a_user_looks_for(panel, where, left):
    assert panel.keys(where=where) == left
    assert panel.ask("page", where=where, limit=1)["total"] == len(left)


def test_the_grid_is_sorted_by_a_column_and_says_where_a_row_stands_then(panel):
    assert panel.keys(order="-key") == [f"solve#{n}" for n in (4, 3, 2, 1, 0)]
    worst = panel.keys(order="column:1")
    assert set(worst[:2]) == {"solve#1", "solve#2"}
    assert panel.ask("locate", key=worst[1], order="column:1")["index"] == 1
    assert panel.ask("locate", key="solve#0", where={"failed": True})["index"] is None


def test_two_transcripts_come_in_pairs_with_what_differs_marked(panel):
    at = [{"key": "solve#1", "column": 0}, {"key": "solve#1", "column": 1}]
    answer = panel.ask("sample", at=at)
    one, two = answer["shapes"]
    assert (one["id"], two["id"]) == (f"{GOOD}/1", f"{BAD}/1")
    assert [pair["same"] for pair in answer["pairs"]] == [True, False]
    marked = [
        [shape["chats"][0]["messages"][1]["parts"][part]["text"][0][a:b] for part, a, b in side]
        for shape, side in zip((one, two), answer["pairs"][1]["marks"], strict=True)
    ]
    assert marked == [["seven"], ["nine"]]
    assert [other[0] for other in one["others"]] == [one["id"], two["id"]]


def test_texts_that_differ_at_their_ends_and_other_images_of_a_size_are_not_the_same(panel):
    answer = panel.ask("sample", at=[{"id": f"{GOOD}/3"}, {"id": f"{BAD}/3"}])
    assert [pair["same"] for pair in answer["pairs"]] == [False, False]


def test_what_a_model_wrote_comes_as_it_is_and_long_texts_come_in_pieces(panel):
    shape = panel.ask("sample", at=[{"id": f"{GOOD}/3"}])["shapes"][0]
    asked, answered = shape["chats"][0]["messages"]
    assert asked["parts"][0]["text"] == [HOSTILE, len(HOSTILE)]
    image, elsewhere = asked["parts"][1:]
    assert (image["mime"], image["size"], elsewhere["uri"]) == (
        "image/png",
        len(evaluation_files.PIXEL),
        "https://example.com/a.png",
    )
    assert panel.ask("rest", id=shape["id"], at=[0, 0, 1])["text"] == evaluation_files.PIXEL
    assert [part["kind"] for part in answered["parts"]] == ["reasoning", "text"]
    [text, whole] = answered["parts"][1]["text"]
    assert whole == len(LONG)
    pieces, following = [text], len(text)
    while following is not None:
        more = panel.ask("rest", **{"id": shape["id"], "at": [0, 1, 1], "from": following})
        assert len(json.dumps(more)) < 300_000
        pieces.append(more["text"])
        following = more["next"]
    assert "".join(pieces) == LONG


def test_a_whole_run_is_opened_by_its_id_and_an_id_of_no_sample_is_said_to_be_none(panel):
    shape = panel.ask("sample", at=[{"id": f"{BAD}/"}])["shapes"][0]
    assert (shape["run"], shape["state"], shape["others"]) == (2, "fail", [])
    assert panel.ask("sample", at=[{"id": f"{BAD}/99"}])["missing"]
    assert panel.ask("sample", at=[])["missing"]
    assert panel.ask("rest", id=f"{GOOD}/3", at=[0, 9, 9])["next"] is None


def test_how_a_view_stands_comes_back_with_the_page(panel):
    look = {"where": {"failed": True}, "order": "-key", "at": [{"id": f"{GOOD}/1"}], "chart": "cost"}
    panel.kernel.tell(panel.comm, part=panel.part, do="look", look=look)
    panel.kernel.tell(panel.comm, hello="v2")
    told = panel.kernel.heard(panel.comm, lambda m: "look" in (m.get("set") or {}))[-1]
    assert told["set"]["look"] == look


def test_a_link_opens_its_sample_in_the_panel_and_as_text_elsewhere(kernel):
    line = f"%kbench results quiz --sample {BAD}/2"
    panel = Panel(kernel, line)
    assert panel.state["look"] == {"at": [{"id": f"{BAD}/2"}]}
    text = panel.bundle["text/plain"]
    assert "solve#2" in text
    assert "ValueError: <img src=x" in text
    assert "\u202e" not in text
    assert "<img" not in panel.bundle["text/html"]
    [bundle] = kernel.cell(line, {"from": "nbclient"})
    assert bundle["text/plain"] == text
    kernel.cell(f"%kbench results quiz --sample {BAD}/99", fails=True)
    assert "has no sample" in "\n".join(kernel.error["traceback"])


def test_a_damaged_or_vanished_run_file_is_said_in_the_grid_and_nothing_else_breaks(panel, downloads):
    [path] = (downloads / "quiz" / "1" / "m1" / "1").glob("*.run.json")
    text = path.read_text()
    path.unlink()
    try:
        failed = panel.ask("sample", at=[{"id": f"{GOOD}/0"}])["failed"]
        assert "cannot be read" in failed
    finally:
        path.write_text(text)
    assert panel.ask("sample", at=[{"id": f"{BAD}/0"}])["shapes"]


words = st.text(alphabet=st.characters(codec="utf-8"), max_size=60)
said = st.lists(st.tuples(st.sampled_from(["user", "assistant"]), words), max_size=6)


def shape_of(messages):
    told = [
        {"role": role, "sender": "", "parts": [{"kind": "text", "text": [text, len(text)]}]}
        for role, text in messages
    ]
    return {"chats": [{"title": "", "messages": told}]}


@given(said, said)
def test_every_message_of_two_transcripts_stands_in_one_pair_in_order(one, two):
    found = pairs(shape_of(one), shape_of(two))
    for side, messages in (("left", one), ("right", two)):
        places = [pair[side][1] for pair in found if pair[side] is not None]
        assert places == list(range(len(messages)))
    for pair in found:
        if pair["same"]:
            assert one[pair["left"][1]] == two[pair["right"][1]]


@given(words, words)
def test_what_is_not_marked_in_two_answers_is_the_same_but_for_white_space(one, two):
    [pair] = pairs(shape_of([("assistant", one)]), shape_of([("assistant", two)]))
    if pair["same"]:
        assert one == two
        return
    left = []
    for text, marks in zip((one, two), pair["marks"], strict=True):
        for _, a, b in reversed(marks):
            text = text[:a] + " " + text[b:]
        left.append(re.findall(r"\w+|[^\w\s]", text))
    assert left[0] == left[1]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | words,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4),
)


@given(json_values.filter(lambda value: isinstance(value, list | dict)))
def test_json_is_laid_out_without_a_change_of_any_value(value):
    text = json.dumps(value, ensure_ascii=False)
    assert json.loads(indented(text)) == value
    assert re.sub(r"\n *", "", indented(text)).replace(" ", "") == text.replace(" ", "")


def test_text_that_is_no_json_is_laid_out_as_it_is():
    for text in ('{"a": ', "plain", "[1, 2", '{"a": 1} and more', ""):
        assert indented(text) == text
