"""The two arithmetic sets: right answers, a fair split, nothing in common with the template."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path
from typing import Any

import pytest

from evalkit.server.local import THINKING_TEMPLATE

ROOT = Path(__file__).parents[2]
DATASETS = ROOT / "datasets"
CHOICE = ROOT / "tests" / "benchmarks"
OPERATIONS = ("addition", "subtraction", "multiplication", "division")


def rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (DATASETS / f"{name}.jsonl").read_text().splitlines()]


REPORTED, DEVELOPMENT = rows("arithmetic"), rows("arithmetic_dev")
POOL = sorted(REPORTED + DEVELOPMENT, key=lambda row: row["id"])


def result_of(operation: str, a: int, b: int) -> int:
    if operation == "division":
        quotient, rest = divmod(a, b)
        assert rest == 0
        return quotient
    return {"addition": a + b, "subtraction": a - b, "multiplication": a * b}[operation]


@pytest.mark.parametrize("row", POOL, ids=[row["id"] for row in POOL])
def test_answer_follows_from_the_operands(row: dict[str, Any]) -> None:
    assert row["answer"] == str(result_of(row["operation"], row["a"], row["b"]))
    numbers = re.findall(r"\d+", row["question"])
    assert sorted(numbers) == sorted([str(row["a"]), str(row["b"])])


def test_no_problem_stands_twice() -> None:
    assert len({row["id"] for row in POOL}) == 104
    assert len({row["question"] for row in POOL}) == 104
    assert len({(row["operation"], *sorted((row["a"], row["b"]))) for row in POOL}) == 104


def test_split_is_the_documented_draw() -> None:
    draw = random.Random(2)
    development, reported = [], []
    for operation in OPERATIONS:
        part = [row for row in POOL if row["operation"] == operation]
        draw.shuffle(part)
        development.append(part[:13])
        reported.append(part[13:])
    assert [row for turn in zip(*development, strict=True) for row in turn] == DEVELOPMENT
    assert [row for turn in zip(*reported, strict=True) for row in turn] == REPORTED


CANDIDATES = json.loads((CHOICE / "thinking_candidates.json").read_text())


def test_shipped_examples_are_those_that_won() -> None:
    shipped = re.search(r"set examples = (\[.*?\n\])", THINKING_TEMPLATE.read_text(), re.DOTALL)
    assert shipped
    choice = json.loads((CHOICE / "thinking_choice.json").read_text())
    assert json.loads(shipped[1]) == CANDIDATES[choice["winner"]]
    totals = choice["right_in_all"]
    assert totals[choice["winner"]] == max(totals.values())


@pytest.mark.parametrize("examples", CANDIDATES.values(), ids=CANDIDATES)
def test_worked_examples_repeat_no_problem(examples: list[dict[str, str]]) -> None:
    operands = [sorted((str(row["a"]), str(row["b"]))) for row in POOL]
    for example in examples:
        assert example["question"] not in {row["question"] for row in POOL}
        assert sorted(re.findall(r"\d+", example["question"])) not in operands


@pytest.mark.parametrize("examples", CANDIDATES.values(), ids=CANDIDATES)
def test_worked_examples_are_right(examples: list[dict[str, str]]) -> None:
    for example in examples:
        calculation = re.search(r"(\d+) ([-+x/]) (\d+) = (\d+)", example["thought"])
        assert calculation
        a, sign, b, result = calculation.groups()
        operation = dict(zip("+-x/", OPERATIONS, strict=True))[sign]
        assert str(result_of(operation, int(a), int(b))) == result == example["answer"]
