"""What a regression job leaves: what was not told is told by the next call of its slot."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from stored_runs import a_run

from evalkit.cli import regress_outcome
from evalkit.pipeline.regression.notify import Message, NotTold, Webhook
from evalkit.pipeline.regression.regress import Done
from evalkit.store.files import write_text
from evalkit.store.jobs import write_job


def a_job(folder: Path) -> Done:
    run = a_run(folder, "aaaaaa", {"off": [1.0, 0.0]})
    report = {"verdict": "regression", "exit_code": 1, "previous": None, "headline": "REGRESSION"}
    write_text(run.path / "gate" / "gate.json", json.dumps(report))
    write_text(run.path / "gate" / "gate.txt", "REGRESSION\n")
    write_job(run.path, {"kind": "regress", "slot": "a", "verdict": "regression"})
    return Done(run, 1, slot="a", is_repeat=True)


def test_who_was_not_told_is_told_by_the_next_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    done = a_job(tmp_path)
    sent: list[str] = []
    is_down = True

    def tell(webhook: Webhook, message: Message, **_: Any) -> None:
        if is_down:
            raise NotTold("it answered 500, 4 times")
        sent.append(message.text)

    monkeypatch.setattr(regress_outcome, "tell_webhook", tell)
    webhooks = [Webhook("http://host/secret")]
    regress_outcome.notify(done, webhooks)
    assert capsys.readouterr().err == "warning: webhook 1 was not told: it answered 500, 4 times\n"
    is_down = False
    for _ in range(2):
        regress_outcome.notify(done, webhooks)
    assert sent == ["REGRESSION\n"]
