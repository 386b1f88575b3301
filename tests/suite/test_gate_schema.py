import pytest

from evalkit.errors import ConfigError
from evalkit.pipeline.preview import preview_suite
from evalkit.policies import GatePolicy, MetricRule, ScoreRule
from evalkit.suite.load import load_suite
from evalkit.suite.schema import Suite

SUITE = """\
dataset: {path: rows.jsonl, id: id, target: answer, tags: topic}
prompts: "{{ question }}"
models: claude-haiku-4-5
scorers: number
"""
ROWS = """\
{"id": "a", "question": "1 + 1?", "answer": "2", "topic": "sum"}
{"id": "b", "question": "2 * 2?", "answer": "4", "topic": "product"}
"""


def load(folder, gate):
    (folder / "rows.jsonl").write_text(ROWS)
    (folder / "suite.yaml").write_text(SUITE + gate)
    return load_suite(folder / "suite.yaml", env={})


def test_rules_become_values(tmp_path):
    suite = load(
        tmp_path,
        """\
gate:
  baseline: "@nightly"
  a_fail: 0.001
  rules:
    - {scorer: number, max_drop: 0.02, alpha: 0.1}
    - {scorer: number, max_drop: 0.05, min: 0.8, tag: sum}
    - {metric: cost_usd, max_increase: 0.2}
    - {metric: completeness, min: 0.98}
""",
    ).suite
    assert suite.gate.policy() == GatePolicy(
        rules=(
            ScoreRule("number", max_drop=0.02, alpha=0.1),
            ScoreRule("number", max_drop=0.05, min=0.8, tags=("sum",)),
            MetricRule("cost_usd", max_increase=0.2),
            MetricRule("completeness", min=0.98),
        ),
        baseline="nightly",
        a_fail=0.001,
    )


def test_a_stored_suite_keeps_its_gate_and_report(tmp_path):
    suite = load(
        tmp_path,
        "gate: {rules: {metric: failed, max: 0}, notify: HOOK, keep: 30}\n"
        "report: {formats: html, out: pages}\n",
    ).suite
    assert Suite.model_validate(suite.model_dump(mode="json")) == suite
    assert suite.report.out == str(tmp_path / "pages")
    assert suite.gate.notify[0].url_env == "HOOK"


def test_a_tag_that_no_case_carries_is_told(tmp_path):
    gate = "gate: {rules: {scorer: number, max_drop: 0.02, tags: [sum, prod*, prodcut]}}\n"
    with pytest.raises(ConfigError) as caught:
        preview_suite(load(tmp_path, gate), {})
    place = f"{tmp_path}/suite.yaml:5: gate.rules.0.tags"
    assert str(caught.value) == (
        f"{place}: no case carries the tag 'prodcut'; did you mean 'product'?"
    )


def test_a_dataset_cut_short_may_lack_a_tag(tmp_path):
    gate = "gate: {rules: {scorer: number, max_drop: 0.02, tags: product}}\n"
    load(tmp_path, gate)
    loaded = load_suite(tmp_path / "suite.yaml", ["dataset.limit=1"], env={})
    assert preview_suite(loaded, {}).n_cases == 1
