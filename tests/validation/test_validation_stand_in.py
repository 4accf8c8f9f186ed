"""The stand-in's answers fit what is asked for, and are the same each time; its endpoint leaves nothing behind."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kbench_jupyter.validation.rehearsal.endpoint import StandIn
from kbench_jupyter.validation.rehearsal.first_rows import keep_first
from kbench_jupyter.validation.rehearsal.fitting import fits, value_for
from kbench_jupyter.validation.rehearsal.stand_in import MODEL, Request, answer

SCHEMAS = [
    {"type": "integer", "minimum": -5, "exclusiveMaximum": -3},
    {"type": "integer", "multipleOf": 7, "minimum": 8, "maximum": 20},
    {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
    {"type": "number", "multipleOf": 0.5, "exclusiveMinimum": 1},
    {"type": "number", "exclusiveMaximum": -1000},
    {
        "type": "object",
        "properties": {"results": {"type": "array", "items": {"type": "number", "maximum": 1}}},
    },
    {"type": "string", "minLength": 40},
    {"type": "string", "maxLength": 2},
    {"type": "string", "pattern": "^[A-D]$"},
    {"type": "string", "pattern": r"^(?!0)\d{3}-(yes|no)+[^a]\s?$"},
    {"const": 3},
    {"enum": ["a", None, 2]},
    {"type": ["null", "boolean"]},
    {"type": "array", "items": {"type": "integer"}, "minItems": 4, "uniqueItems": True},
    {"type": "array", "items": {"type": "string"}, "maxItems": 1},
    {
        "type": "array",
        "prefixItems": [{"type": "integer"}, {"type": "string"}],
        "items": False,
        "minItems": 2,
    },
    {"type": "object", "additionalProperties": {"type": "boolean"}, "minProperties": 2},
    {
        "allOf": [{"properties": {"a": {"type": "integer"}}, "required": ["a"]}, {"required": ["b"]}],
        "type": "object",
    },
    {
        "$defs": {
            "Node": {
                "type": "object",
                "properties": {
                    "next": {"anyOf": [{"$ref": "#/$defs/Node"}, {"type": "null"}]},
                    "kids": {"type": "array", "items": {"$ref": "#/$defs/Node"}},
                },
                "required": ["next", "kids"],
            }
        },
        "$ref": "#/$defs/Node",
    },
    {
        "oneOf": [
            {"type": "object", "properties": {"kind": {"const": kind}}, "required": ["kind"]} for kind in "ab"
        ]
    },
]


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda schema: json.dumps(schema)[:50])
@given(seed=st.text(max_size=8))
def test_a_value_fits_its_schema(schema, seed):
    value = value_for(schema, seed)
    assert fits(value, schema), value
    assert answer(Request([seed], schema)).fits
    assert value == value_for(schema, seed)


@given(
    schema=st.recursive(
        st.sampled_from(SCHEMAS[:-2]),
        lambda inner: (
            st.fixed_dictionaries(
                {
                    "type": st.just("object"),
                    "properties": st.dictionaries(st.text(max_size=4), inner, max_size=3),
                }
            )
            | st.fixed_dictionaries({"type": st.just("array"), "items": inner})
            | st.fixed_dictionaries({"anyOf": st.lists(inner, min_size=1, max_size=3)})
        ),
        max_leaves=6,
    )
)
def test_a_value_fits_whatever_schemas_are_made_of(schema):
    assert fits(value_for(schema, "a"), schema)


@given(
    schema=st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["type", "$ref", "items", "x", "required"]), inner)
        ),
    )
)
def test_an_answer_that_does_not_fit_says_so(schema):
    made = answer(Request(["a"], {"type": "string", "pattern": r"(a)(?=b)\1{3}", "x": schema}))
    assert not made.fits


def test_a_dictionary_whose_keys_are_numbers_is_one():
    pydantic = pytest.importorskip("pydantic")
    form = pydantic.TypeAdapter(dict[int, str])
    assert form.validate_python(value_for(form.json_schema(), "a"))


def test_answers_vary_between_prompts_and_stay_the_same():
    said = [answer(Request([prompt])).text for prompt in ("One?", "Two?", "One?")]
    assert said[0] == said[2] != said[1]


def test_tools_are_called_in_turn_and_not_for_ever():
    tools = [(f"tool{n}", {"type": "object", "properties": {"a": {"type": "integer"}}}) for n in range(12)]
    called: list[str] = []
    while (tool := answer(Request(["Go"], tools=tools, called=called)).tool) is not None:
        assert isinstance(tool[1]["a"], int)
        called.append(tool[0])
    assert called == [name for name, _ in tools[:8]]


def test_a_schema_in_the_prompts_text_is_followed():
    schema = {"properties": {"n": {"type": "integer"}}, "required": ["n"], "type": "object"}
    said = answer(Request([f"How many?\nOutput JSON using this schema: {json.dumps(schema)}"])).text
    assert fits(json.loads(said), schema)


def ask(stand_in, path, body, key=None):
    request = urllib.request.Request(
        stand_in.url + path, json.dumps(body).encode(), {"Authorization": f"Bearer {key or stand_in.key}"}
    )
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request) as reply:
        return json.load(reply)


def test_both_ways_to_ask_are_answered_and_counted_and_nothing_is_left():
    before = set(threading.enumerate())
    with StandIn(["some/model"]) as stand_in:
        said = ask(
            stand_in,
            "/openapi/chat/completions",
            {"model": MODEL, "messages": [{"role": "user", "content": "a" * 400}], "reasoning_effort": "low"},
        )
        assert said["choices"][0]["message"]["reasoning_content"]
        body = {
            "contents": [{"role": "user", "parts": [{"text": "Why?"}]}],
            "generationConfig": {"thinkingConfig": {"include_thoughts": True}},
        }
        said = ask(stand_in, "/genai/v1/models/some/model:generateContent", body)
        assert said["candidates"][0]["content"]["parts"][0]["thought"]
        assert (stand_in.calls.calls, stand_in.calls.models) == (2, {MODEL, "some/model"})
        assert 100 <= stand_in.calls.input_tokens < 120
        with pytest.raises(urllib.error.HTTPError, match="401") as refused:
            ask(stand_in, "/openapi/chat/completions", {"messages": []}, key="another")
        refused.value.close()
        assert stand_in.calls.calls == 2
        assert stand_in.environment()["LLMS_AVAILABLE"] == f"{MODEL},some/model"
    assert set(threading.enumerate()) == before
    with pytest.raises(urllib.error.URLError):
        ask(stand_in, "/openapi/chat/completions", {})


def test_a_schema_that_is_none_is_refused_in_words():
    form = {"type": "json_schema", "json_schema": {"schema": {"enum": 5}}}
    with StandIn() as stand_in, pytest.raises(urllib.error.HTTPError, match="400") as refused:
        ask(stand_in, "/openapi/chat/completions", {"messages": [], "response_format": form})
    refused.value.close()


def test_what_a_tool_raised_is_told_although_only_the_model_hears_of_it():
    said = "Error invoking tool 'stock': name 'SHELF' is not defined"
    body = {
        "messages": [
            {"role": "user", "content": "How many?"},
            {"role": "system", "content": f"{said}\nand more"},
        ]
    }
    with StandIn() as stand_in:
        for _ in range(2):
            ask(stand_in, "/openapi/chat/completions", body)
        assert stand_in.calls.tool_errors == {said}


def test_an_sdk_whose_rows_cannot_be_chosen_is_told_of(monkeypatch):
    class Task:
        def evaluate(self, cases):
            return cases

    with StandIn() as stand_in:
        for name, value in stand_in.environment().items():
            monkeypatch.setenv(name, value)
        keep_first(Task, 2)
        assert stand_in.calls.rows < 0
    assert Task().evaluate([1, 2, 3]) == [1, 2, 3]
