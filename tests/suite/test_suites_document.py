"""The document on suites holds suites that are ones."""

import re
from pathlib import Path

import pytest

from evalkit.pipeline.preview import preview_suite
from evalkit.plan.matrix import price_of
from evalkit.suite.load import load_suite
from evalkit.suite.schema import ModelSpec
from evalkit.suite.source import parse_value

TEXT = (Path(__file__).parents[2] / "docs" / "suites.md").read_text(encoding="utf-8")
DATASET, PROMPTS, VARIANTS, PRICES, GATE, EXTENDS = re.findall(
    r"```yaml\n(.*?)```", TEXT, re.DOTALL
)


def test_the_parts_make_a_whole(tmp_path):
    rows = [
        f"{n},What is {n} + 1?,{n + 1},{n // 3},{'ab'[n % 2]},{'hard' if n % 5 else 'easy'}"
        for n in range(400)
    ]
    header = "id,question,answer,page,topic,level"
    (tmp_path / "questions.csv").write_text("\n".join([header, *rows]))
    (tmp_path / "base.yaml").write_text(DATASET + PROMPTS + VARIANTS + GATE + "scorers: number\n")
    preview = preview_suite(load_suite(tmp_path / "base.yaml", env={}), {})
    assert preview.n_cases == 100
    assert all(case.tags[1] == "hard" for case in preview.probe.cases)
    assert len(preview.variants) == 4 * 2 * 4 - 2 - 4 + 1
    assert {item.answer_tokens for item in preview.variants} == {64, 1024}
    (tmp_path / "suite.yaml").write_text(EXTENDS)
    preview = preview_suite(load_suite(tmp_path / "suite.yaml", env={}), {})
    assert preview.n_cases == 50
    assert {item.answer_tokens for item in preview.variants} == {1024}


@pytest.mark.parametrize("index", [0, 1])
def test_the_prices_are_prices(index):
    assert price_of(ModelSpec.model_validate(parse_value(PRICES)["models"][index])) is not None
