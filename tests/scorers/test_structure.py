"""Answers with a structure that are awkward, hostile, or nearly right."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from builders import a_case, a_response

from evalkit.scorers.json_text import find_json, leaves, same, shown
from evalkit.scorers.registry import build_scorer
from evalkit.suite.schema import ScorerSpec


def graded(spec, text="", target=None, inputs=None, **fields):
    scorer = build_scorer(ScorerSpec.model_validate(spec))
    return scorer.score(a_case(target=target, **(inputs or {})), a_response(text, **fields))


def with_schema(**schema):
    return {"type": "json", "schema": schema, "timeout_s": 0.5}


@pytest.fixture
def asked():
    """The paths that a server on loopback was asked for, and its address."""
    paths = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            paths.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"type": "integer"}')

        def log_message(self, *_):
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield paths, f"http://127.0.0.1:{server.server_port}/schema.json"
    server.shutdown()
    thread.join()
    server.server_close()


def test_what_a_schema_refers_to_is_never_fetched(asked, tmp_path):
    paths, address = asked
    beside = tmp_path / "beside.json"
    beside.write_text('{"type": "integer"}')
    for reference in (address, beside.as_uri(), "#/$defs/none"):
        with pytest.raises(ValueError, match="not in it; nothing is fetched"):
            graded(with_schema(**{"$ref": reference}), "1")
    named = with_schema(**{"$id": "http://here.test/", "$ref": address})
    with pytest.raises(Exception, match="Unresolvable"):
        graded(named, "1")
    assert paths == []


@pytest.mark.parametrize(
    ("schema", "text", "value"),
    [
        ({"$defs": {"n": {"type": "integer"}}, "$ref": "#/$defs/n"}, "3", 1.0),
        ({"$ref": "https://json-schema.org/draft/2020-12/schema"}, '{"type": 5}', 0.0),
        ({"format": "date"}, '"2024-02-30"', 0.0),
        ({"format": "date-time"}, '"2024-05-01T10:00:00Z"', 1.0),
        ({"format": "date-time"}, '"2024-05-01T10:00:00"', 0.0),
        ({"format": "email"}, '"nobody"', 0.0),
        ({"format": "uri"}, '"https://a.test/b"', 1.0),
        ({"format": "uri"}, '"a b"', 0.0),
        ({"format": "of-nobody"}, '"anything"', 1.0),
        ({"type": "string", "pattern": "^(a+)+$"}, '"aaa"', 1.0),
        ({"type": "string", "pattern": "^(a+)+$"}, json.dumps("a" * 60 + "b"), None),
    ],
)
def test_schemas(schema, text, value):
    assert graded(with_schema(**schema), text).value == value


def test_a_draft_that_nobody_knows_is_told():
    with pytest.raises(ValueError, match="no draft that is known: http://odd.test"):
        graded(with_schema(**{"$schema": "http://odd.test"}), "1")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('The result is {"a": 1}, see [1].', {"a": 1}),
        ("see [1] and [2]", [2]),
        ('```JSON\r\n{"a": 1}\r\n```', {"a": 1}),
        ('```json\n{"a": 1}\n{"b": 2}\n```', {"b": 2}),
        ("{x} [y] {}", {}),
    ],
)
def test_finds_json(text, found):
    assert find_json(text) == found


def test_paths_are_not_their_spelling():
    assert graded("json_equal", '{"a.b": 1}', '{"a": {"b": 1}}').value == 0.0
    assert graded("json_equal", '{"a": {"0": 1}}', '{"a": [1]}').value == 0.0
    assert sorted(shown(path) for path, _ in leaves({"a": [1, {"b": []}]})) == [
        "$.a[0]",
        "$.a[1].b",
    ]
    assert len(dict(leaves(json.loads("[" * 900 + "]" * 900)))) == 1


def test_true_is_not_one_however_deep():
    assert same({"a": [1]}, {"a": [1.0]})
    assert not same({"a": [1]}, {"a": [True]})
    call = {"name": "f", "input": {"a": [True]}}
    assert (
        graded("tool_call", "", '{"name": "f", "input": {"a": [1]}}', tool_calls=(call,)).value
        == 0.5
    )


@pytest.mark.parametrize(
    ("given", "value"), [({"a": 1}, 1.0), (None, 0.5), ("x", 0.5), ([1], 0.5), ({}, 0.5)]
)
def test_tool_calls_of_any_shape(given, value):
    target = '{"name": "f", "arguments": "{\\"a\\": 1}"}'
    score = graded("tool_call", "", target, tool_calls=({"name": "f", "input": given},))
    assert score.value == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("kind: a\n---\nkind: b\n", 1.0),
        ("```yaml\na: 1\n```\nThen run\n```bash\nls -la\n```", 1.0),
        ("a: &a {x: 1}\nb: {<<: *a}", 1.0),
        ("[" * 100_000, 0.0),
        ("", 0.0),
        ("!!python/object/apply:os.getcwd []", 0.0),
    ],
)
def test_yaml(text, value):
    assert graded("yaml", text).value == value


def test_a_few_lines_of_yaml_do_not_fill_the_memory():
    lines = ["a0: &a0 {x: 1}"] + [
        f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}" for n in range(1, 20)
    ]
    score = graded({"type": "yaml", "timeout_s": 1.0}, "\n".join(lines))
    assert score.value is None
    assert score.reason == "the scorer took longer than 1 s"


@pytest.mark.parametrize(
    "text",
    [
        "I put it in <answer> tags: <answer>5</answer>",
        "<answer><![CDATA[5]]></answer>",
        '<ANSWER kind="number">\n5 </ANSWER >',
    ],
)
def test_xml_tags(text):
    assert graded("xml_tag", text, "5").value == 1.0


def test_fields_are_compared_as_what_they_are():
    row = {"n": "1", "t": "Yes", "b": True}
    spec = {"type": "fields", "fields": {"n": "n", "t": "t", "b": "b"}}
    assert graded(spec, '{"n": 1.0, "t": "yes ", "b": true}', None, row).value == 1.0
    assert graded(spec, '{"n": 2, "t": "yes", "b": 1}', None, row).value == pytest.approx(1 / 3)
    stray = graded({"type": "fields", "fields": {"n": "none"}}, '{"n": 1}', None, row)
    assert (stray.value, stray.reason) == (None, "the row has no column 'none'")
    with pytest.raises(ValueError, match="the name of a column, not 3"):
        graded({"type": "fields", "fields": {"n": 3}}, "{}")


def test_the_similarity_of_long_texts_ends_in_time():
    one, other = "ab" * 10_000 + "x", "ba" * 10_000 + "y"
    slow = {"type": "similarity", "method": "partial", "timeout_s": 0.5}
    assert graded(slow, one, other).reason == "the scorer took longer than 0.5 s"
    assert graded({"type": "similarity"}, one, other).value > 0.99


def test_a_scorer_that_is_always_late_loses_its_time(monkeypatch):
    monkeypatch.setattr("evalkit.scorers.registry._PATIENCE_S", 0.1)
    spec = {"type": "json", "schema": {"pattern": "^(b+)+$"}, "timeout_s": 0.4}
    scorer = build_scorer(ScorerSpec.model_validate(spec))
    answer = a_response(json.dumps("b" * 60 + "c"))
    reasons = [scorer.score(a_case(), answer).reason for _ in range(2)]
    assert [reason.rpartition("than ")[2] for reason in reasons] == ["0.4 s", "0.04 s"]
