"""What is taken out of a report, and the charts in it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from html import escape
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples_written import check, put, run

from kbench_jupyter.display.view import View
from kbench_jupyter.results.report import Cleaner, Content, html_pages, markdown_pages
from kbench_jupyter.results.report.svg import Bar, Dot, bars, dots
from kbench_jupyter.results.samples import SampleIndex

SECRET = 's3cret"<&>\\value'


@pytest.mark.parametrize(
    "write", [str, escape, lambda text: json.dumps(text)[1:-1]], ids=["text", "html", "json"]
)
def test_a_secret_is_taken_out_in_whichever_form_it_stands(write) -> None:
    clean = Cleaner({"OPENAI_API_KEY": SECRET, "PATH": "kept-as-it-is", "MAX_TOKENIZER": "kept-too"})
    assert clean(f"a {write(SECRET)} b") == "a *** b"
    assert clean("kept-as-it-is kept-too") == "kept-as-it-is kept-too"


@pytest.mark.parametrize(
    "name",
    [
        "KAGGLE_KEY",
        "KAGGLE_API_TOKEN",
        "MODEL_PROXY_API_KEY",
        "hf_token",
        "DB_PASSWORD",
        "GITHUB_PAT",
        "MY_SECRET",
    ],
)
def test_the_name_of_a_variable_says_that_it_is_secret(name: str) -> None:
    assert Cleaner({name: "a-long-value"})("<a-long-value>") == "<***>"


def test_a_value_that_words_may_hold_by_chance_is_no_secret() -> None:
    assert Cleaner({"API_KEY": "none"})("there is none") == "there is none"


def test_paths_of_the_machine_are_named_by_what_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, work = tmp_path / "ada", tmp_path / "ada" / "work"
    work.mkdir(parents=True)
    monkeypatch.chdir(work)
    clean = Cleaner({"HOME": str(home)}, folders=[tmp_path / "elsewhere"])
    assert clean(f"{work}/task.py {home}/.kaggle {tmp_path}/elsewhere/quiz") == "./task.py ~/.kaggle …/quiz"


def test_what_a_run_file_calls_its_state_and_its_lines_is_text_in_a_report(tmp_path: Path) -> None:
    put(
        tmp_path,
        "1/m/1",
        run(state="<img src=x>", assertions=[check("held") | {"lineNumber": "<img src=y>"}]),
    )
    index = SampleIndex.open(tmp_path, "t")
    content = Content("t", datetime.now(UTC), View("t", []), (), index, True, str)
    page, text = "".join(html_pages(content)), "".join(markdown_pages(content))
    index.close()
    assert "<img" not in page
    assert "&lt;img src=x&gt;" in page
    assert "<img" not in text.replace("\\<img", "")


def test_a_folder_right_below_the_root_is_no_part_of_other_paths(monkeypatch: pytest.MonkeyPatch) -> None:
    root = Path(Path.cwd().anchor)
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(root / "scratch"))
    clean = Cleaner({})
    for kept in ("config/scratch.html", "https://x.org/scratch/a", "./scratch", f"{root}scratchpad"):
        assert clean(kept) == kept
    here = root / "scratch" / "a"
    for said in ("{}", "at {}:", "file://{}", '"{}"', "a\n{}", "\\n{}"):
        assert clean(said.format(here)) == said.format(f"…{here}".replace(str(root / "scratch"), ""))


@pytest.mark.parametrize(
    ("frame", "left"),
    [
        ('File "/opt/app/secret/task.py", line 3', 'File "task.py", line 3'),
        ("File &quot;/opt/app/task.py&quot;, line 3", "File &quot;task.py&quot;, line 3"),
        (r'File "C:\Users\ada\task.py", line 3', 'File "task.py", line 3'),
        ('File "<string>", line 3', 'File "<string>", line 3'),
        ('Profile "/a/b" is', 'Profile "/a/b" is'),
    ],
)
def test_of_a_tracebacks_files_only_the_names_stay(frame: str, left: str) -> None:
    assert Cleaner({})(frame) == left


@given(st.text(min_size=6).filter(lambda text: len(text.strip()) >= 6), st.text())
def test_no_secret_is_left_whatever_it_and_the_text_are(secret: str, text: str) -> None:
    cleaned = Cleaner({"A_KEY": secret})(f"{text}{secret}{text}")
    assert secret not in cleaned or secret in text + "***" + text


NUMBER = st.floats(-1e6, 1e6)


@given(
    st.lists(
        st.builds(Bar, st.text(), st.none() | NUMBER, st.none() | st.tuples(NUMBER, NUMBER), st.text()),
        max_size=5,
    )
)
def test_bars_stay_in_their_picture_whatever_they_show(rows: list[Bar]) -> None:
    drawn = bars("caption", rows)
    assert drawn.count("<rect") == sum(row.value is not None for row in rows)
    assert "nan" not in drawn


def test_the_line_joins_the_points_that_none_beats_in_both_measures() -> None:
    points = [
        Dot("cheap", 1, 0.5, ""),
        Dot("worse", 2, 0.4, ""),
        Dot("dear", 3, 0.9, ""),
        Dot("same", 3, 0.9, ""),
    ]
    drawn = dots("caption", "cost", "score", points)
    assert drawn.count('class="dot best"') == 2
    assert drawn.count('class="dot"') == 2
    assert drawn.count('class="front"') == 1


def test_a_name_is_text_in_a_picture() -> None:
    assert "<script>" not in bars("<script>", [Bar("<script>", 1.0, None, "<script>")])
