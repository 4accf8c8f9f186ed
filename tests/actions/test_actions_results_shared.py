"""What a comparison is handed on as: reports, samples for other programs, pictures; nothing private is in them."""

from __future__ import annotations

import builtins
import csv
import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import faults
import pytest
from evaluated import PNG, STATE, add_evaluated, said
from IPython.utils.capture import capture_output

from kbench_jupyter.errors import KBenchError, UsageError

KEY = "abcdefgh-not-a-word-1234"
HOSTILE = (
    "</pre><script>alert(1)</script><img src=https://evil.example/x.png onerror=alert(1)>"
    "\n````\n# [x](javascript:1)\x1b[31m"
)


class Page(HTMLParser):
    """The elements of a page, with their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[faults.FaultServer]:
    """Two candidates over four rows: one row fails with both, one with the second, which also errors in one."""
    error = f'Traceback (most recent call last):\n  File "{tmp_path}/secret_place/task.py", line 3\nValueError: {KEY}'
    picture = {"inlineData": {"mimeType": "image/png", "data": PNG}}
    tool = {"name": "lookup", "arguments": '{"city": "Lyon"}', "output": "no", "call_id": "c1"}
    odd = {
        0: {
            "contents": [
                said("SYSTEM", f"The key is {KEY}"),
                said("USER", "=2+3 " + "long " * 200 + HOSTILE, picture, sender="User"),
                said("ASSISTANT", "I look.", sender="plain-1"),
                said("CONTEXT", json.dumps(json.dumps(tool)), sender="lookup"),
                said("ASSISTANT", "It is Lyon.", sender="plain-1"),
            ]
        },
        3: {"state": f"{STATE}ERRORED", "errorMessage": error, "results": [], "assertions": []},
    }
    with faults.FaultServer() as running:
        running.api.add_task("quiz")
        add_evaluated(running.api, 11, "quick-1", [False, True, True, True])
        add_evaluated(running.api, 12, "plain-1", [False, False, True, False], odd=odd)
        yield running


@pytest.fixture
def typed(kbench: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Types a command; returns what it showed on the way."""
    monkeypatch.setenv("MY_API_KEY", KEY)

    def type_line(line: str) -> str:
        with capture_output() as shown:
            kbench(line)
        return str(shown.stdout)

    return type_line


def test_a_report_is_one_page_that_asks_for_nothing_and_runs_nothing(typed: Any, tmp_path: Path) -> None:
    assert "Wrote the report to report.html." in typed("results quiz --report report.html")
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    page = Page(text)
    assert not {tag for tag, _ in page.elements} & {
        "script",
        "link",
        "iframe",
        "object",
        "embed",
        "base",
        "form",
    }
    assert not [name for _, told in page.elements for name in told if name.startswith("on")]
    [policy] = [one for one in page.of("meta") if one.get("http-equiv") == "Content-Security-Policy"]
    assert "default-src 'none'" in str(policy["content"])
    sources = [told.get(name) for _, told in page.elements for name in ("src", "href") if name in told]
    assert sources
    assert all(str(source).startswith(("data:image/png;base64,", "#s")) for source in sources)
    assert "evil.example" in text, "what a model wrote is there, as text"
    assert "<script" not in text.lower()
    assert "\x1b" not in text


def test_a_report_holds_tables_charts_the_grid_and_the_transcripts_of_what_failed(
    typed: Any, tmp_path: Path
) -> None:
    typed("results quiz --report report.html")
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    page = Page(text)
    assert "quiz: 2 runs compared" in text
    assert len(page.of("svg")) >= 1
    rows = [told for told in page.of("tr") if "class" in told and told["class"] is not None]
    assert [told["class"] for told in rows] == ["failed", "failed differing", "", "failed differing"]
    assert len([one for one in page.of("details") if one.get("class") == "sample"]) == 4
    assert "country 2?" in text, "the grid has every row"
    assert "calls lookup" in text
    assert "Transcripts are those of failed ones." in text
    targets = {
        told["id"]
        for _, told in page.elements
        if str(told.get("id", "")).startswith("s") and "show" not in str(told["id"])
    }
    assert {str(told["href"]).removeprefix("#") for told in page.of("a")} == targets
    typed("results quiz --report report.html --all")
    every = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert len([one for one in every.of("details") if one.get("class") == "sample"]) == 8


@pytest.mark.parametrize(
    "line",
    [
        "results quiz --report out.html --all",
        "results quiz --report out.md --all",
        "results quiz --samples --to out.csv",
        "results quiz --samples --to out.json",
        "results quiz --samples --to out.parquet",
        "results quiz --failed -o out.json",
    ],
)
def test_no_key_of_the_environment_and_no_path_of_the_machine_is_in_what_is_handed_on(
    typed: Any, tmp_path: Path, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "secret_place"))
    typed(line)
    [path] = tmp_path.glob("out.*")
    data = path.read_bytes()
    if path.suffix == ".parquet":
        import pandas as pd

        data = pd.read_parquet(path).to_csv().encode()
    assert b"Lyon" in data
    for private in (KEY, str(tmp_path), "secret_place", str(Path.home())):
        assert private.encode() not in data


def test_a_report_in_markdown_takes_no_text_for_a_mark(typed: Any, tmp_path: Path) -> None:
    typed("results quiz --report report.md")
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert text.startswith("# quiz: results")
    assert "| candidate |" in text or "| model |" in text
    fences = re.findall(r"^(`{3,})(\w*)$", text, re.MULTILINE)
    assert any(len(fence) > 4 for fence, _ in fences), "a longer fence than the model's own"
    outside = re.sub(r"^(`{3,})text\n.*?^\1$", "", text, flags=re.MULTILINE | re.DOTALL)
    assert "<script" not in outside
    assert "### failed: plain\\-1" in outside


def test_samples_are_written_whole_for_other_programs(typed: Any, tmp_path: Path) -> None:
    assert "Wrote 8 rows to samples.csv." in typed("results quiz --samples -o samples.csv")
    with (tmp_path / "samples.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["candidate"] for row in rows].count("plain-1") == 4
    long = max((row["input"] for row in rows), key=len)
    assert long.startswith("'=2+3 long long")
    assert "<script>" in long, "not clipped, and safe in a spreadsheet"
    typed("results quiz --samples --to samples.json")
    told = json.loads((tmp_path / "samples.json").read_text(encoding="utf-8"))
    assert len(told) == 8
    assert {type(one["cost"]) for one in told} == {float}


def test_samples_in_parquet_keep_their_types(typed: Any, tmp_path: Path) -> None:
    import pandas as pd

    assert "Wrote 8 rows to samples.parquet." in typed("results quiz --samples --to samples.parquet")
    frame = pd.read_parquet(tmp_path / "samples.parquet")
    assert frame.passed.sum() == 4
    assert frame.row.tolist() == [0, 1, 2, 3] * 2
    assert frame.cost.dtype == "float64"
    typed("results quiz --to runs.parquet")
    assert len(pd.read_parquet(tmp_path / "runs.parquet")) == 2, "any listing can be written so"


def test_the_failed_samples_inputs_can_be_evaluated_alone(typed: Any, tmp_path: Path, kbench: Any) -> None:
    assert "Wrote 4 rows to cases.csv." in typed("results quiz --failed -o cases.csv")
    with (tmp_path / "cases.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["candidate"], row["row"]) for row in rows] == [
        ("plain-1", "0"), ("plain-1", "1"), ("plain-1", "3"), ("quick-1", "0"),
    ]  # fmt: skip
    assert rows[1] | {"sample": ""} == {
        "task": "Capital of one country",
        "row": "1",
        "candidate": "plain-1",
        "version": "1",
        "run": "12",
        "input": "What is the capital of country 1?",
        "failed": "The capital is named",
        "error": "",
        "answer": "It is Lyon.",
        "result": "false",
        "sample": "",
    }
    assert rows[2]["error"] == "ValueError: ***"
    with capture_output():
        shown = kbench("results quiz --failed")
    assert "quiz: 4 samples failed" in str(shown)
    assert "%kbench results quiz --failed --to cases.csv" in str(shown)


def test_downloads_stay_where_o_says_while_the_samples_go_where_to_says(typed: Any, tmp_path: Path) -> None:
    typed("results quiz --failed --to cases.json -o elsewhere")
    assert (tmp_path / "elsewhere/quiz").is_dir()
    assert len(json.loads((tmp_path / "cases.json").read_text())) == 4


@pytest.mark.parametrize(("name", "begins"), [("chart.svg", b"<svg"), ("chart.png", b"\x89PNG")])
def test_a_chart_is_saved_as_a_picture(typed: Any, tmp_path: Path, name: str, begins: bytes) -> None:
    assert f"Wrote the chart to {name}." in typed(f"results quiz --chart {name}")
    assert (tmp_path / name).read_bytes().startswith(begins)


@pytest.mark.parametrize(
    ("line", "missing", "extra"),
    [
        ("results quiz --chart chart.svg", "vl_convert", "vl-convert-python"),
        ("results quiz --samples --to s.parquet", "pyarrow", "pyarrow"),
    ],
)
def test_what_is_not_installed_is_said_with_what_to_install(
    typed: Any, monkeypatch: pytest.MonkeyPatch, line: str, missing: str, extra: str
) -> None:
    before = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name.split(".")[0] == missing:
            raise ModuleNotFoundError(name)
        return before(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(KBenchError, match=extra) as refused:
        typed(line)
    assert "kbench-jupyter[export]" in (refused.value.hint or "")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("results quiz --report report.pdf", r"ends in \.html or \.md"),
        ("results quiz --report .", r"ends in \.html or \.md"),
        ("results quiz --chart chart.gif", r"ends in \.svg or \.png"),
        ("results quiz --all", "--all goes with --report"),
        ("results quiz --samples --to samples.xlsx", "ending"),
    ],
)
def test_a_slip_in_a_files_name_costs_nothing(
    typed: Any, server: faults.FaultServer, line: str, said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        typed(line)
    assert not server.calls("DownloadBenchmarkTaskRunOutput")


def test_a_report_can_be_had_from_a_script(
    server: faults.FaultServer, typed: Any, kbench: Any, tmp_path: Path
) -> None:
    with capture_output():
        found = kbench("results quiz")
    found.report(tmp_path / "by-hand.html")
    found.chart.save(tmp_path / "by-hand.svg")
    assert KEY not in (tmp_path / "by-hand.html").read_text(encoding="utf-8")


def test_a_report_that_cannot_be_written_leaves_what_was_there(typed: Any, tmp_path: Path) -> None:
    (tmp_path / "report.html").write_text("before")
    with pytest.raises(UsageError, match="Cannot write"):
        typed("results quiz --report no-such-folder/report.html")
    typed("results quiz --report report.html")
    assert (tmp_path / "report.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
