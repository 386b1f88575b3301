"""Trials and the cache: what is the same question, what is kept, what comes back."""

from __future__ import annotations

from dataclasses import replace

import pytest
from builders import a_failure, a_response, a_result, a_trial

from evalkit.pipeline.caching import CachedAnswers, open_answers
from evalkit.store.cache import Cache, CachedAnswer
from evalkit.suite.schema import CacheSpec
from evalkit.types import Endpoint, Usage

MODEL = "claude-haiku-4-5"


def seen_by(cache: Cache, run_id: str = "r2", **fields) -> CachedAnswers:
    endpoint = Endpoint(MODEL, "http://127.0.0.1:9", **fields)
    return CachedAnswers(cache, {MODEL: endpoint}, run_id, is_reading=True)


@pytest.fixture
def cache(tmp_path):
    made = Cache(tmp_path)
    answer = a_response("kept", usage=Usage(5, 7), tool_calls=({"name": "add"},))
    seen_by(made, "r1").keep([a_result(1, answer, cost_usd=0.5)])
    yield made
    made.close()


def test_an_answer_comes_back_free_with_its_old_cost_and_nothing_sent(cache):
    found = seen_by(cache).find(a_trial(1))
    assert (found.source, found.cost_usd, found.original_cost_usd) == ("cache", 0.0, 0.5)
    assert found.outcome.text == "kept" and found.outcome.usage == Usage(5, 7)
    assert found.outcome.tool_calls == ({"name": "add"},) and found.outcome.attempts == ()


def test_sample_request_place_version_and_betas_make_another_question(cache):
    answers = seen_by(cache)
    assert answers.find(a_trial(1, key="b2:other", case_id="c9")) is not None
    assert answers.find(a_trial(1, sample=1)) is None
    assert answers.find(a_trial(2)) is None
    elsewhere = Endpoint(MODEL, "http://127.0.0.1:10")
    assert replace(answers, endpoints={MODEL: elsewhere}).find(a_trial(1)) is None
    assert seen_by(cache, version="2099-01-01").find(a_trial(1)) is None
    assert seen_by(cache, beta=("b-1",)).find(a_trial(1)) is None


def test_a_run_does_not_find_its_own_and_refresh_does_not_look(cache):
    assert seen_by(cache, "r1").find(a_trial(1)) is None
    assert replace(seen_by(cache), is_reading=False).find(a_trial(1)) is None


def test_failures_imports_and_cached_answers_are_not_kept(cache):
    seen_by(cache).keep(
        [
            a_result(2, a_failure()),
            a_result(3, source="cache", cost_usd=0.0),
            a_result(4, source="import"),
        ]
    )
    assert cache.info().entries == 1


def test_what_another_version_has_kept_is_asked_anew(cache):
    key = seen_by(cache)._key(a_trial(1))
    for odd in (b"{}", b"[1]", b'{"usage": {"tokens": 1}, "tool_calls": []}', b"\xff"):
        cache.keep([CachedAnswer(key, odd, None, MODEL, "r1")])
        assert seen_by(cache).find(a_trial(1)) is None


def test_off_opens_nothing(tmp_path):
    spec = CacheSpec(mode="off", dir=str(tmp_path / "none"))
    with open_answers(spec, {}, "r1", {}) as answers:
        assert answers is None
    assert not (tmp_path / "none").exists()
