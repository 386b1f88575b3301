from dataclasses import replace

import numpy as np
import pytest
from builders import a_case, a_failure, a_result, a_suite
from store.test_runs import entries, manifest

from evalkit.errors import StoreError
from evalkit.pipeline.endpoints import resolve_endpoints
from evalkit.pipeline.remaining import finished_trials, remaining_trials
from evalkit.pipeline.totals import count_totals
from evalkit.plan.matrix import plan_variants
from evalkit.plan.trials import plan_trials
from evalkit.store.making import create_run
from evalkit.store.writer import RunWriter
from evalkit.suite.schema import Suite


@pytest.fixture
def folder(tmp_path):
    cases = [a_case(f"c{number}", question=f"{number}?") for number in range(5)]
    return create_run(tmp_path / "s" / "r-1", manifest(), "", cases)


def test_what_is_not_done_remains_in_the_order_of_the_plan(folder):
    suite = Suite.model_validate(a_suite(thinking=["off", 1024], samples=3))
    variants = plan_variants(suite, resolve_endpoints(suite, {}))
    everything = list(plan_trials(variants, folder.cases(), 3))
    done = np.zeros((5, 2, 3), dtype=bool)
    assert list(remaining_trials(folder, variants, 3, done)) == everything
    done[:] = True
    assert list(remaining_trials(folder, variants, 3, done)) == []
    done[1, 0, 2] = done[4, 1, 0] = False
    left = list(remaining_trials(folder, variants, 3, done))
    assert [(item.case_id, item.variant.thinking.key, item.sample) for item in left] == [
        ("c1", "off", 2),
        ("c4", "think-1024", 0),
    ]
    assert set(left_keys := [item.key for item in left]) < {item.key for item in everything}
    assert len(left_keys) == 2


def test_totals_are_counted_over_parts_and_journal(folder):
    assert count_totals(folder, 9) == {
        "planned": 9,
        "ok": 0,
        "failed": 0,
        "cached": 0,
        "cost_usd": None,
    }
    writer = RunWriter(folder)
    writer.commit(entries(a_result(1, cost_usd=0.25), a_result(2, a_failure())))
    writer.finish()
    writer.commit(entries(a_result(3, cost_usd=0.5), a_result(4, cost_usd=0.0, source="cache")))
    told = count_totals(folder, 9)
    writer.abandon()
    assert (told["ok"], told["failed"], told["cached"], told["cost_usd"]) == (3, 1, 1, 0.75)


def test_cases_of_an_older_copy_are_told(folder):
    suite = Suite.model_validate(a_suite(thinking=["off"]))
    variants = plan_variants(suite, resolve_endpoints(suite, {}))
    told = folder.manifest()
    assert finished_trials(folder, told, variants, 1, with_failed=True).shape == (5, 1, 1)
    grown, shrunk = replace(told, n_cases=6), replace(told, n_cases=4)
    with pytest.raises(StoreError, match=r"cases\.parquet: has 5 cases, and the run 6"):
        finished_trials(folder, grown, variants, 1, with_failed=True)
    # Cases of an extension that was cut short are none of the run's yet.
    assert len(finished_trials(folder, shrunk, variants, 1, with_failed=True)) == 4
