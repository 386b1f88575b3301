import pytest
from builders import a_case, a_suite

from evalkit.messages.request import encode_request
from evalkit.plan.matrix import plan_variants, price_of
from evalkit.plan.problems import plan_problems
from evalkit.plan.trials import build_request
from evalkit.suite.load import LoadedSuite
from evalkit.suite.schema import ModelSpec, Suite
from evalkit.suite.source import SourceMap
from evalkit.types import Endpoint

SWEEP = {
    "prompts": {"plain": "{{ question }}", "brief": "{{ question }}!"},
    "models": ["claude-haiku-4-5", "claude-opus-4-5"],
    "thinking": ["off", 1024],
}


def planned(**fields):
    suite = Suite.model_validate(a_suite(**{**SWEEP, **fields}))
    return plan_variants(suite, {m.name: Endpoint(m.name, "http://x") for m in suite.models})


def keys(**matrix):
    return [item.variant.key for item in planned(matrix=matrix)]


@pytest.mark.parametrize(
    ("exclude", "left"),
    [
        ("brief/*", 4),
        ({"prompt": "brief", "model": "*opus*"}, 6),
        ({"thinking": 1024}, 4),
        ({"thinking": ["off", "1k"], "prompt": "plain"}, 4),
        (["brief/*", {"model": "claude-opus-4-5"}], 2),
        ("*/claude-opus-4-5/off", 6),
    ],
)
def test_excluded_cells_are_not_asked(exclude, left):
    assert len(keys(exclude=exclude)) == left


def test_included_cells_come_on_top():
    include = {"prompt": "plain", "model": "claude-opus-4-5", "thinking": "32k"}
    assert keys(exclude="brief/*", include=include)[-1] == "plain/claude-opus-4-5/think-32768"
    assert len(keys(exclude="brief/*", include=[include])) == 5


def test_what_is_excluded_need_not_be_possible():
    fields = {**SWEEP, "thinking": ["off", 512]}

    def told(**more):
        suite = Suite.model_validate(a_suite(**fields, **more))
        loaded = LoadedSuite(suite, SourceMap("s", {}), "")
        return plan_problems(loaded, frozenset({"question", "answer"}))

    assert told()
    assert told(matrix={"exclude": {"thinking": 512}}) == []


def test_overrides_change_the_variants_they_match_the_last_one_winning():
    overrides = [
        {"variants": "brief/*", "answer_tokens": 16, "temperature": 0.5},
        {"variants": ["*/off", "nothing"], "temperature": 0, "stop_sequences": ["END"]},
        {"variants": "plain/claude-opus-4-5/off", "extra_body": {"speed": "fast"}},
    ]
    bodies = {
        item.variant.key: encode_request(
            build_request(item, item.prompt.render(a_case())), item.endpoint
        )
        for item in planned(answer_tokens=100, overrides=overrides)
    }
    body = bodies["brief/claude-haiku-4-5/off"]
    assert (body["max_tokens"], body["temperature"], body["stop_sequences"]) == (16, 0, ["END"])
    body = bodies["brief/claude-haiku-4-5/think-1024"]
    assert (body["max_tokens"], body["temperature"]) == (16 + 1024, 0.5)
    assert "stop_sequences" not in body
    body = bodies["plain/claude-haiku-4-5/think-1024"]
    assert body["max_tokens"] == 100 + 1024
    assert "temperature" not in body
    assert bodies["plain/claude-opus-4-5/off"]["speed"] == "fast"
    assert "speed" not in bodies["plain/claude-haiku-4-5/off"]


def price(model, **spec):
    return price_of(ModelSpec.model_validate({"model": model, "price": spec}))


def test_a_suites_prices_lie_over_the_list():
    listed = price_of(ModelSpec.model_validate("claude-haiku-4-5"))
    dearer = price("claude-haiku-4-5", input=2 * listed.input)
    assert (dearer.input, dearer.output) == (2 * listed.input, listed.output)
    assert dearer.cache_read == pytest.approx(2 * listed.cache_read)
    assert dearer.cache_write_1h == pytest.approx(2 * listed.cache_write_1h)
    assert dearer.source == "suite"
    assert price("claude-haiku-4-5", batch=0.4).batch == 0.4
    assert price("claude-haiku-4-5", batch=0.4).input == listed.input


def test_an_unknown_models_price_is_the_suites_alone_or_none():
    own = price("mystery", input=3, output=15, cache_read="0.1x", cache_write=3.75)
    assert (own.input, own.output, own.cache_read) == (3, 15, pytest.approx(0.3))
    assert (own.cache_write_5m, own.cache_write_1h) == (3.75, 3.75)
    assert price("mystery", input=3) is None
    assert price("mystery", input=3, output=15).cache_read is None
