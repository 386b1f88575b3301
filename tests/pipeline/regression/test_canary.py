"""The canary: the suite as it was banked, asked again on the same few cases."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from stored_runs import a_run

from evalkit.errors import StoreError
from evalkit.pipeline.regression.banking import Provenance, make_baseline
from evalkit.pipeline.regression.canary import canary_suite, has_moved
from evalkit.store.baselines import Baseline, read_baseline, write_baseline
from evalkit.suite.load import load_suite

N = 60


def grades(seed: int, chance: float) -> list[float | None]:
    return (np.random.default_rng(seed).random(N) < chance).astype(float).tolist()


@pytest.fixture
def bank(tmp_path: Path) -> Baseline:
    runs = [a_run(tmp_path, f"{s:06x}", {"off": grades(s, 0.8)}) for s in range(6)]
    baseline, _ = make_baseline("b", runs, Provenance("me"))
    write_baseline(tmp_path / "banks", baseline)
    return read_baseline(tmp_path / "banks", "b")


def test_the_banks_own_prompt_over_todays_data(tmp_path: Path, bank: Baseline) -> None:
    assert "dataset" not in bank.spec
    (tmp_path / "rows.jsonl").write_text('{"question": "1+1?", "answer": "2"}\n')
    (tmp_path / "new.yaml").write_text(
        "name: small\ndataset: {path: rows.jsonl, target: answer, limit: 50}\n"
        'prompts: {plain: "Anew: {{ question }}"}\nmodels: [claude-haiku-4-5]\n'
        "scorers: [number]\nbudget: {max_cost_usd: 3}\n"
    )
    loaded = canary_suite(load_suite(tmp_path / "new.yaml"), bank, 20)
    suite = loaded.suite
    assert suite.prompts["plain"].user == "{{ question }}"
    assert suite.dataset.sample is not None
    assert (suite.dataset.sample.size, suite.dataset.limit) == (20, None)
    assert suite.dataset.path == str(tmp_path / "rows.jsonl")
    assert suite.budget.max_cost_usd == 3
    with pytest.raises(StoreError, match="cannot be asked again"):
        canary_suite(
            load_suite(tmp_path / "new.yaml"),
            Baseline(**{**{f: getattr(bank, f) for f in bank.__slots__}, "spec": {"models": []}}),
            20,
        )


def test_it_has_moved_or_not(tmp_path: Path, bank: Baseline) -> None:
    same = has_moved(a_run(tmp_path, "aaaaaa", {"off": grades(100, 0.8)}), bank, [])
    assert same is not None
    assert not same.is_drift
    assert same.words.startswith("no sign of provider drift")
    gone = has_moved(a_run(tmp_path, "bbbbbb", {"off": grades(100, 0.4)}), bank, [])
    assert gone is not None
    assert gone.is_drift
    assert "provider drift, not your change alone: the bank's own prompt and settings now" in (
        gone.words
    )
    wobble = [{"mean": 0.2 * sign, "error": 0.05} for sign in (1, -1, 1, -1)]
    shaky = has_moved(a_run(tmp_path, "cccccc", {"off": grades(100, 0.8)}), bank, wobble)
    assert shaky is not None
    assert shaky.is_drift
    assert has_moved(a_run(tmp_path, "dddddd", {"off": [None] * N}), bank, []) is None
