import pytest
from builders import a_failure, a_request, a_response, a_result, a_trial

from evalkit.errors import ApiError
from evalkit.messages.pricing import find_price
from evalkit.pipeline.ledger import Ledger
from evalkit.types import Attempt, Usage

MODEL = "claude-haiku-4-5"
PRICE = find_price(MODEL)


def ledger(cap: float | None = 0.01) -> Ledger:
    return Ledger({MODEL: PRICE}, cap)


def test_without_a_cap_everything_is_admitted():
    assert all(ledger(None).reserve(a_trial(number)) for number in range(100))


def cut(usage: Usage | None = None) -> ApiError:
    return ApiError("stream_cut", "the stream ended", status=200, usage=usage)


def test_an_attempt_that_may_be_charged_counts_as_its_worst_case():
    book, trial = ledger(0.018), a_trial(1, request=a_request(max_tokens=950))
    assert book.reserve(trial)
    held = book.reserved_usd
    assert book.doubt(MODEL, trial.request, cut())
    assert book.doubtful_usd == held
    # A server that named an error, or was never reached, charges nothing.
    assert book.doubt(MODEL, trial.request, ApiError("overloaded", "busy", status=529))
    unreached = ApiError("connection", "cannot connect")
    unreached.is_sent = False
    assert book.doubt(MODEL, trial.request, unreached)
    assert book.doubtful_usd == held
    # Two in doubt and one held: a fourth would pass the cap.
    assert book.doubt(MODEL, trial.request, ApiError("timeout", "silence"))
    assert not book.doubt(MODEL, trial.request, ApiError("connection", "reset"))
    assert book.spent_usd == 0.0


def test_what_a_cut_answer_has_told_is_no_longer_in_doubt_once_it_is_settled():
    book, trial = ledger(0.02), a_trial(1, request=a_request(max_tokens=950))
    book.reserve(trial)
    told = Usage(10, 100)
    book.doubt(MODEL, trial.request, cut(told))
    assert book.doubtful_usd == pytest.approx(510e-6)
    attempts = (
        Attempt(200, "stream_cut", 0.0, 0.1, usage=told),
        Attempt(200, None, 0.1, 0.1, usage=Usage(10, 200)),
    )
    cost, _ = book.settle(a_result(1, a_response(attempts=attempts), trial=trial))
    assert cost == pytest.approx(20e-6 + 300 * 5e-6)
    assert (book.spent_usd, book.doubtful_usd) == (pytest.approx(cost), pytest.approx(0.0))


def test_a_part_that_is_unknown_hides_nothing_that_is_known():
    attempts = (
        Attempt(200, "stream_cut", 0.0, 0.1, usage=Usage(10, None)),
        Attempt(200, None, 0.1, 0.1, usage=Usage(10, 200)),
    )
    cost, _ = ledger().settle(a_result(1, a_response(attempts=attempts)))
    assert cost == pytest.approx(10e-6 + 200 * 5e-6)


def test_the_worst_case_knows_what_may_make_a_request_dearer():
    def held(**fields) -> float:
        book = ledger(1.0)
        book.reserve(a_trial(1, request=a_request("x" * 10_000, **fields)))
        return book.reserved_usd

    plain = held()
    assert plain >= 10_000 * 1e-6
    assert held(prefix_key="p") > 1.9 * plain  # written to the cache for an hour
    assert held(extra_body={"max_tokens": 10_064}) == pytest.approx(plain + 0.05, abs=0.001)


def test_a_request_is_admitted_only_if_its_worst_case_fits():
    book = ledger(0.01)
    # 1,000 output tokens at $5 a million: half a cent each, and a little for the prompt.
    trials = [a_trial(number, request=a_request(max_tokens=950)) for number in range(3)]
    assert [book.reserve(trial) for trial in trials] == [True, True, False]
    assert 0.0095 < book.reserved_usd <= 0.01
    assert not book.is_idle


def test_settling_frees_what_was_not_used():
    book = ledger(0.01)
    trials = [a_trial(number, request=a_request(max_tokens=950)) for number in range(3)]
    assert book.reserve(trials[0]) and book.reserve(trials[1])
    cost, source = book.settle(a_result(1, trial=trials[0]))
    assert cost == pytest.approx(10 * 1e-6 + 2 * 5e-6)
    assert source == PRICE.source
    assert book.reserve(trials[2])
    assert book.spent_usd == cost


def test_failed_attempts_cost_what_they_used():
    attempts = (
        Attempt(200, "stream_cut", 0.0, 0.1, usage=Usage(10, 100)),
        Attempt(None, "connection", 0.1, 0.1),
        Attempt(200, None, 0.1, 0.1, usage=Usage(10, 200)),
    )
    cost, _ = ledger().settle(a_result(1, a_response(attempts=attempts)))
    assert cost == pytest.approx(20e-6 + 300 * 5e-6)


def test_unknown_is_not_zero():
    book = ledger()
    assert book.settle(a_result(1, a_failure()))[0] is None
    silent = a_response(usage=Usage(), attempts=(Attempt(200, None, 0.0, 0.1, usage=Usage()),))
    assert book.settle(a_result(2, silent))[0] is None
    assert Ledger({MODEL: None}).settle(a_result(1)) == (None, None)


def test_an_answer_of_unknown_cost_counts_as_its_worst_case():
    book = ledger()
    trial = a_trial(1)
    book.reserve(trial)
    held = book.reserved_usd
    silent = a_response(usage=Usage(), attempts=(Attempt(200, None, 0.0, 0.1, usage=Usage()),))
    book.settle(a_result(1, silent, trial=trial))
    assert (book.spent_usd, book.reserved_usd) == (held, 0.0)
