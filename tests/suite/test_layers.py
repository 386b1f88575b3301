import pytest

from evalkit.errors import ConfigError, UsageError
from evalkit.suite.load import load_suite

BASE = """\
dataset: {path: data/rows.csv, target: answer, limit: 5}
prompts:
  plain: "{{ question }}"
  brief: {system: Be brief., user: "{{ question }}"}
models: [claude-haiku-4-5]
budget: {max_cost_usd: 5}
"""


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def problems(path, env=None):
    with pytest.raises(ConfigError) as caught:
        load_suite(path, env=env or {})
    return [str(problem) for problem in caught.value.problems]


def test_a_suite_lies_over_the_one_it_extends(tmp_path):
    write(tmp_path / "shared" / "base.yaml", BASE)
    text = """\
extends: shared/base.yaml
dataset: {limit: 9}
prompts:
  brief: {system: Answer in one word.}
  plain: null
models: [claude-opus-4-5]
budget: null
"""
    suite = load_suite(write(tmp_path / "mine.yaml", text)).suite
    assert suite.name == "mine"
    assert suite.dataset.path == str(tmp_path / "shared" / "data" / "rows.csv")
    assert (suite.dataset.limit, suite.dataset.target) == (9, "answer")
    assert list(suite.prompts) == ["brief"]
    assert suite.prompts["brief"].system == "Answer in one word."
    assert suite.prompts["brief"].user == "{{ question }}"
    assert [model.model for model in suite.models] == ["claude-opus-4-5"]
    assert suite.budget.max_cost_usd is None


def test_several_files_are_extended_the_later_below_the_earlier(tmp_path):
    write(tmp_path / "a.yaml", "samples: 2\nanswer_tokens: 64\n")
    write(tmp_path / "b.yaml", BASE + "samples: 3\n")
    suite = load_suite(write(tmp_path / "s.yaml", "extends: [a.yaml, b.yaml]\n")).suite
    assert (suite.samples, suite.answer_tokens) == (2, 64)


def test_a_fault_names_the_file_and_line_it_stands_in(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "base.yaml", BASE + "samples: 0\n")
    from pathlib import Path

    write(tmp_path / "s.yaml", "extends: base.yaml\nanswer_tokens: none\n")
    told = problems(Path("s.yaml"))
    assert "base.yaml:7: samples: must be at least 1, found 0" in told
    assert "s.yaml:2: answer_tokens: expected a whole number, found 'none'" in told


def test_files_that_extend_each_other_are_told(tmp_path):
    write(tmp_path / "a.yaml", "extends: b.yaml\n")
    write(tmp_path / "b.yaml", "extends: a.yaml\n")
    (told,) = problems(tmp_path / "a.yaml")
    assert "b.yaml:1: extends: a.yaml extends this file in turn" in told


def test_variables_fill_in_values_with_defaults(tmp_path):
    text = """\
dataset: {path: "${DATA}/rows.csv", limit: "${N:-7}"}
prompts: {plain: "{{ question }}"}
models: [{model: "${MODEL}", base_url: "https://${HOST:-gateway.example}/x", headers: {x: "$${y}"}}]
"""
    path = write(tmp_path / "s.yaml", text)
    suite = load_suite(path, env={"DATA": "/data", "MODEL": "claude-haiku-4-5"}).suite
    assert suite.dataset.path == "/data/rows.csv"
    assert suite.dataset.limit == 7
    assert suite.models[0].model == "claude-haiku-4-5"
    assert suite.models[0].base_url == "https://gateway.example/x"
    assert suite.models[0].headers == {"x": "${y}"}


def test_prompts_keep_their_dollars(tmp_path):
    text = BASE.replace('"{{ question }}"', '"echo ${HOME} {{ question }}"').replace(
        "Be brief.", '"${HOME}"'
    )
    suite = load_suite(write(tmp_path / "s.yaml", text), env={"HOME": "/root"}).suite
    assert suite.prompts["plain"].user == "echo ${HOME} {{ question }}"
    assert suite.prompts["brief"].system == "${HOME}"


@pytest.mark.parametrize("name", ["ANTHROPIC_API_KEY", "GATEWAY_TOKEN", "DB_PASSWORD", "KEY"])
def test_keys_never_enter_a_suite_by_variable(tmp_path, name):
    text = BASE.replace("[claude-haiku-4-5]", f'[{{model: m, base_url: "https://${{{name}}}@x"}}]')
    (told,) = problems(write(tmp_path / "s.yaml", text), {name: "hunter2"})
    assert "is called like a key, and keys stay out of suites" in told
    assert "hunter2" not in told


def test_a_key_that_comes_by_an_innocent_name_is_refused_too(tmp_path):
    text = BASE.replace("[claude-haiku-4-5]", '[{model: m, base_url: "https://x/${PLACE}"}]')
    told = problems(write(tmp_path / "s.yaml", text), {"PLACE": "sk-ant-api03-xyz"})
    assert any("this looks like an API key" in line for line in told)
    assert not any("xyz" in line for line in told)


@pytest.mark.parametrize("override", ["samples", "=3", "models.7.name=x", "a={[", "samples.x=1"])
def test_a_bad_override_is_a_usage_error(tmp_path, override):
    with pytest.raises(UsageError):
        load_suite(write(tmp_path / "s.yaml", BASE + "samples: 1\n"), [override])


def test_a_dash_on_the_command_line_is_standard_input(tmp_path):
    path = write(tmp_path / "s.yaml", BASE)
    assert load_suite(path, ["dataset.path=-"]).suite.dataset.path == "-"


def test_null_on_the_command_line_takes_a_value_away(tmp_path):
    path = write(tmp_path / "s.yaml", BASE + "scorers: [number]\n")
    overrides = ["scorers=null", "dataset.limit=", "models.0.extra_body={a: null}"]
    suite = load_suite(path, overrides, env={}).suite
    assert (suite.scorers, suite.dataset.limit) == ((), None)
    assert suite.models[0].extra_body == {"a": None}


def test_a_prompt_on_the_command_line_needs_no_quotes(tmp_path):
    path = write(tmp_path / "s.yaml", BASE)
    suite = load_suite(path, ["prompts.plain=Question: {{ question }} # 1"], env={}).suite
    assert suite.prompts["plain"].user == "Question: {{ question }} # 1"
    with pytest.raises(UsageError) as caught:
        load_suite(path, ["description=a: b: c"], env={})
    assert "Quote a text" in str(caught.value.hint)


def test_what_begins_with_x_holds_anchors(tmp_path):
    (tmp_path / "suite.yaml").write_text(
        "x-turn: &turn '{{ q }}'\ndataset: d.csv\nprompts: {a: *turn}\nmodels: m\n"
    )
    assert load_suite(tmp_path / "suite.yaml", env={}).suite.prompts["a"].user == "{{ q }}"


def test_short_forms_are_written_out_for_the_command_line(tmp_path):
    (tmp_path / "suite.yaml").write_text("dataset: d.csv\nprompts: '{{ q }}'\nmodels: m\n")
    overrides = [
        "prompts.prompt={{ q }}?",
        "models.0.temperature=0.5",
        "prompts.prompt.system=Be brief.",
        "dataset.limit=3",
    ]
    suite = load_suite(tmp_path / "suite.yaml", overrides, env={}).suite
    assert (suite.models[0].model, suite.models[0].temperature) == ("m", 0.5)
    assert (suite.prompts["prompt"].user, suite.prompts["prompt"].system) == (
        "{{ q }}?",
        "Be brief.",
    )
    assert (suite.dataset.path, suite.dataset.limit) == (str(tmp_path / "d.csv"), 3)


def test_values_are_what_they_look_like(tmp_path):
    (tmp_path / "suite.yaml").write_text(
        "dataset: d.csv\nprompts: {a: 2026-11-25}\nmodels: {model: m, version: 2023-06-01}\n"
        "answer_tokens: 010\nname: 1_0\nallow_code: yes\nbudget: {max_cost_usd: 1e-1}\n"
    )
    suite = load_suite(tmp_path / "suite.yaml", env={}).suite
    assert (suite.prompts["a"].user, suite.models[0].version) == ("2026-11-25", "2023-06-01")
    assert (suite.answer_tokens, suite.name, suite.budget.max_cost_usd) == (10, "1_0", 0.1)
