"""The document on judges holds judges that are ones, and names every option there is."""

import re
from pathlib import Path

import yaml
from builders import a_suite

from evalkit.scorers.judge_prompts import VARIABLES
from evalkit.suite.judge_schema import JudgeSpec, judge_of
from evalkit.suite.schema import Suite
from evalkit.tables import VERDICTS

DOCS = Path(__file__).parents[2] / "docs"
TEXT = (DOCS / "judges.md").read_text(encoding="utf-8")


def test_the_judges_are_judges():
    (block,) = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    suite = Suite.model_validate(a_suite(**yaml.safe_load(block)))
    clarity, quality, better = (judge_of(spec) for spec in suite.scorers[1:])
    assert (clarity.scale.low, clarity.scale.high) == (1, 5)
    assert {name: one.weight for name, one in quality.criteria.items()} == {"facts": 2, "tone": 1}
    assert better.pairwise is not None
    assert better.pairwise.variant == "plain"


def first_cells(table: str) -> set[str]:
    return set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (.*?) \|", table, re.MULTILINE))))


def test_every_option_and_variable_is_told():
    table = TEXT.split("| option | |")[1].split("\n\n")[0]
    assert first_cells(table) == set(JudgeSpec.model_fields)
    assert {name for name in VARIABLES if f"`{name}`" in TEXT or f"`{name}." in TEXT} == VARIABLES


def test_every_column_is_told():
    section = (DOCS / "formats.md").read_text().split("verdicts.parquet`\n")[-1]
    assert set(VERDICTS.names) <= first_cells(section)
