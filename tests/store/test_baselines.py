"""Baselines on disk: the same bytes for the same bank, small, and clear when they are not there."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evalkit.errors import StoreError, UsageError
from evalkit.store.baselines import (
    BankedColumn,
    BankedRun,
    BankedVariant,
    Baseline,
    UnknownBaseline,
    encode,
    list_baselines,
    read_baseline,
    remove_baseline,
    write_baseline,
)


def a_baseline(cases: int = 3, name: str = "nightly") -> Baseline:
    scores = BankedColumn(tuple(float(i % 9) for i in range(cases)), (8,) * cases)
    cost = BankedColumn(tuple(0.00123456789 * i for i in range(cases)), (8,) * cases)
    never = BankedColumn((0.0,) * cases, (8,) * cases)
    one = BankedVariant(
        models=("m-1",),
        digests={"prompt": "b2:1", "settings": "b2:2"},
        columns={"score:number": scores, "cost_usd": cost, "truncated": never},
        error={"score:number": 0.005},
        within={"score:number": 0.12, "truncated": 0.0},
        quantiles={"latency_p95": 1.5},
        false_alarms={"score:number": {"margin": 0.05, "gates": 8, "passes": 7, "fails": 0}},
    )
    return Baseline(
        name=name,
        suite="sums",
        created_at="2026-11-25T12:00:00+00:00",
        by="ann@host",
        why="release 3: ä",
        runs=(BankedRun("aaaaaa", "2026-11-25T11:00:00+00:00", 3, 0, 0.01),),
        digests={"dataset": "b2:3"},
        cases=tuple((f"c{i}", f"{i:010x}") for i in range(cases)),
        variants={"plain/m/off": one},
    )


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    baseline = a_baseline()
    path = write_baseline(tmp_path / "baselines", baseline)
    found = read_baseline(tmp_path / "baselines", "@nightly")
    columns = found.variants["plain/m/off"].columns
    assert columns["score:number"] == baseline.variants["plain/m/off"].columns["score:number"]
    assert columns["truncated"].counts == (8, 8, 8)
    assert columns["cost_usd"].sums == pytest.approx((0.0, 0.00123457, 0.00246914))
    assert replace(found, variants={}) == replace(baseline, variants={})
    assert encode(found) == path.read_text(encoding="utf-8")


def test_the_file_is_small_and_plain_json(tmp_path: Path) -> None:
    path = write_baseline(tmp_path, a_baseline(cases=1000))
    assert path.stat().st_size < 60_000
    data = json.loads(path.read_text(encoding="utf-8"))
    assert data["variants"]["plain/m/off"]["columns"]["truncated"] == {"sums": 0, "counts": 8}
    assert len(path.read_text().splitlines()) > 1000  # a line a case, for git


def test_names(tmp_path: Path) -> None:
    write_baseline(tmp_path, a_baseline(name="b"))
    write_baseline(tmp_path, a_baseline(name="a"))
    (tmp_path / "a.nights.json").write_text("{}")
    assert list_baselines(tmp_path) == ["a", "b"]
    assert list_baselines(tmp_path / "nowhere") == []
    for bad in ("../x", "", "a b", "x.nights"):
        with pytest.raises(UsageError, match="no name"):
            read_baseline(tmp_path, bad)
    with pytest.raises(UnknownBaseline, match="there are: a, b") as caught:
        read_baseline(tmp_path, "c")
    assert "collect c SUITE" in str(caught.value.hint)
    remove_baseline(tmp_path, "a")
    assert [path.name for path in tmp_path.iterdir()] == ["b.json"]


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda text: text[: len(text) // 2], "damaged"),
        (lambda text: "[]", "damaged"),
        (lambda text: text.replace('"format": 1', '"format": 9'), "format 9 is newer"),
        (lambda text: text.replace('"cases": [', '"cases": [["x", "0"],'), "column of 3 for 4"),
    ],
    ids=["cut", "other", "newer", "uneven"],
)
def test_damage_is_said(tmp_path: Path, damage, told: str) -> None:
    path = write_baseline(tmp_path, a_baseline())
    path.write_text(damage(path.read_text()))
    with pytest.raises(StoreError, match=told):
        read_baseline(tmp_path, "nightly")


def _hurt(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    data = json.loads(path.read_text(encoding="utf-8"))
    change(data)
    path.write_text(json.dumps(data), encoding="utf-8")


_SCORE = "score:number"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda data: data.update(format="x"), "format"),
        (lambda data: data.update(created_at=None), "created_at"),
        (lambda data: data.update(digests=None), "digests"),
        (lambda data: data.update(runs=[]), "no run"),
        (lambda data: data["cases"].append(data["cases"][0]), "a column of 3 for 4 cases"),
        (lambda data: data["cases"].__setitem__(1, data["cases"][0]), "c0 twice"),
        (lambda data: _column(data).update(sums=24), "24 cannot be the sum of 8"),
        (lambda data: _column(data).update(counts=-3), "of -3"),
        (lambda data: _column(data).update(sums=float("nan")), "NaN is no number"),
        (lambda data: _variant(data).update(within={_SCORE: "x"}), "within"),
        (lambda data: _variant(data).update(models="m"), "models"),
    ],
)
def test_an_edit_by_hand_that_cannot_be_is_told(
    tmp_path: Path, change: Callable[[dict[str, Any]], object], told: str
) -> None:
    path = write_baseline(tmp_path, a_baseline())
    _hurt(path, change)
    with pytest.raises(StoreError, match="damaged") as caught:
        read_baseline(tmp_path, "nightly")
    assert told in caught.value.message


def _variant(data: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = data["variants"]["plain/m/off"]
    return found


def _column(data: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = _variant(data)["columns"][_SCORE]
    return found


def test_a_merge_that_git_could_not_do_is_told(tmp_path: Path) -> None:
    path = write_baseline(tmp_path, a_baseline())
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("{\n", "{\n<<<<<<< HEAD\n", 1), encoding="utf-8")
    with pytest.raises(StoreError, match="marks of a merge"):
        read_baseline(tmp_path, "nightly")


def test_a_copy_goes_by_the_name_of_its_file(tmp_path: Path) -> None:
    path = write_baseline(tmp_path, a_baseline())
    path.rename(tmp_path / "weekly.json")
    assert read_baseline(tmp_path, "weekly").name == "weekly"
