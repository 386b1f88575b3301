"""The log: everything that happened, nothing that is secret."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from builders import a_failure, a_request, a_result, a_trial
from cli.test_liveview import NOW

from evalkit.cli.logfile import logging, without_quotes
from evalkit.errors import UsageError
from evalkit.events import RunStarted, Stopping, TrialFinished
from evalkit.types import Attempt, Usage

PROMPT = 'Translate "the quick brown fox" into Latin,\nand do it word by word.'


def failed(message: str) -> TrialFinished:
    attempt = Attempt(400, "invalid_request", 0.5, 0.1, "req_1", Usage(10, 3), message)
    outcome = replace(a_failure(), message=message, attempts=(attempt,))
    trial = a_trial(1, request=a_request(PROMPT, system="You are a patient teacher."))
    return TrialFinished(a_result(1, outcome, trial=trial))


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_it_tells_beginning_attempts_and_end(tmp_path):
    path = tmp_path / "run.log"
    with logging(str(path), with_prompts=False) as listen:
        listen(RunStarted("sums", "runs/sums/1", 10, 0))
        listen(failed("bad"))
        listen(NOW)
        assert len(lines(path)) == 2  # on disk while the run goes on
        listen(Stopping("Ctrl-C"))
    events = lines(path)
    assert [event["event"] for event in events] == ["started", "trial", "stopping", "ended"]
    assert events[1]["attempts"] == [
        {
            "status": 400,
            "error_kind": "invalid_request",
            "message": "bad",
            "waited_s": 0.5,
            "elapsed_s": 0.1,
            "request_id": "req_1",
            "input_tokens": 10,
            "output_tokens": 3,
        }
    ]
    assert events[1]["backoff_s"] == 0.5
    assert events[3]["done"] == NOW.done


QUOTES = [
    f"messages.0.content: {PROMPT}: too long",
    f"bad value {json.dumps(PROMPT)}",
    "near 'quick brown fox\" into Latin, and do it' is an error",
    "system: You are a patient teacher. is not allowed",
]


@pytest.mark.parametrize("words", QUOTES)
def test_a_prompt_that_the_server_quotes_is_left_out(tmp_path, words):
    path = tmp_path / "run.log"
    with logging(str(path), with_prompts=False) as listen:
        listen(failed(" ".join(words.split())))
    told = path.read_text()
    assert "brown fox" not in told
    assert "patient teacher" not in told
    assert "[prompt]" in told
    with logging(str(path), with_prompts=True) as listen:
        listen(failed(words))
    assert lines(path)[-1]["messages"][0]["content"] == PROMPT


def test_words_that_are_no_quote_stay():
    told = "max_tokens: 5000 exceeds what this model allows"
    assert without_quotes(told, [PROMPT, "a", "", "What is 7 + 5?"]) == told
    assert without_quotes("found '7 + 5?'", ["7 + 5?"]) == "found '[prompt]'"


def test_a_log_that_cannot_be_opened_is_a_clear_error(tmp_path):
    with (
        pytest.raises(UsageError, match="cannot be written: No such file"),
        logging(str(tmp_path / "no" / "run.log"), with_prompts=False),
    ):
        pass


def test_a_full_disk_ends_the_log_and_not_the_run(capsys):
    with logging("/dev/full", with_prompts=False) as listen:
        listen(failed("bad"))
        listen(NOW)
        listen(failed("bad"))
    assert capsys.readouterr().err.count("the log ends here: No space left on device") == 1
