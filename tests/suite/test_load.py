from pathlib import Path

import pytest

from evalkit.errors import ConfigError
from evalkit.suite.load import load_suite

GOOD = """\
dataset: {path: data/rows.jsonl, target: answer}
prompts:
  plain: "{{ question }}"
models: [claude-haiku-4-5]
thinking: [off, 1024, 4k, high, adaptive]
scorers: [number]
"""


def write(folder: Path, text: str, name: str = "suite.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def problems(path: Path, *overrides: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load_suite(path, overrides)
    return str(caught.value)


def test_short_forms_are_written_out(tmp_path):
    suite = load_suite(write(tmp_path, GOOD, "my-suite.yaml")).suite
    assert suite.name == "my-suite"
    assert suite.prompts["plain"].user == "{{ question }}"
    assert suite.models[0].name == "claude-haiku-4-5"
    keys = [spec.setting().key for spec in suite.thinking]
    assert keys == ["off", "think-1024", "think-4096", "adaptive-high", "adaptive"]
    assert suite.scorers[0].type == "number"


def test_paths_are_relative_to_the_suite(tmp_path, monkeypatch):
    path = write(tmp_path, GOOD)
    monkeypatch.chdir("/")
    assert load_suite(path).suite.dataset.path == str(tmp_path / "data/rows.jsonl")


def test_an_overridden_path_is_relative_to_where_it_was_typed(tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    path = write(tmp_path, GOOD)
    suite = load_suite(path, ["dataset.path=mine.jsonl", "dataset.limit=3"]).suite
    assert suite.dataset.path == str(tmp_path / "elsewhere/mine.jsonl")
    assert suite.dataset.limit == 3


def test_local_is_a_model_by_itself(tmp_path):
    model = load_suite(write(tmp_path, GOOD.replace("claude-haiku-4-5", "local"))).suite.models[0]
    assert (model.name, model.model, model.provider) == ("local", "smollm2-135m", "local")


def test_off_and_no_are_words_not_booleans(tmp_path):
    text = GOOD.replace("models:", "  no: yes\nmodels:")
    assert load_suite(write(tmp_path, text)).suite.prompts["no"].user == "yes"


def test_every_fault_is_told_at_once_with_its_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = write(
        tmp_path,
        """\
name: bad suite
dataset: {pth: x.jsonl}
prompts:
  direct: {usr: "x"}
  both: {user: a, file: b.md}
models:
  - claude-haiku-4-5
  - {name: g, model: x, base_url: gateway}
thinking: [off, lots, 0]
samples: 0
scorer: [number]
""",
    )
    told = problems(path.relative_to(tmp_path)).splitlines()
    assert (
        "suite.yaml:1: name: 'bad suite' is no name; use letters, digits and . _ -, without spaces"
        in told
    )
    assert "suite.yaml:2: dataset.pth: unknown key; did you mean 'path'?" in told
    assert not any("is missing" in line for line in told)  # one fault is told once
    assert "suite.yaml:4: prompts.direct.usr: unknown key; did you mean 'user'?" in told
    assert "suite.yaml:5: prompts.both: a prompt has exactly one of user, messages or file" in told
    assert "suite.yaml:8: models.1: base_url 'gateway' is not an http(s) address" in told
    assert any(line.startswith("suite.yaml:9: thinking.1: 'lots' is no thinking") for line in told)
    assert "suite.yaml:9: thinking.2: a budget of 0 tokens is 'off': write off" in told
    assert any(line.startswith("suite.yaml:10: samples:") for line in told)
    assert "suite.yaml:11: scorer: unknown key; did you mean 'scorers'?" in told


@pytest.mark.parametrize(
    ("model", "where"),
    [
        ("{model: m, api_key: abc}", "models.0.api_key"),
        ("{model: m, headers: {Authorization: Bearer abc}}", "models.0.headers.Authorization"),
        ("{model: m, base_url: sk-ant-api03-abc}", "models.0.base_url"),
    ],
)
def test_a_key_in_the_suite_is_refused_and_not_repeated(tmp_path, model, where):
    told = problems(write(tmp_path, GOOD.replace("[claude-haiku-4-5]", f"[{model}]")))
    line = next(line for line in told.splitlines() if where in line)
    assert "does not belong in a suite" in line
    assert "abc" not in line


def test_yaml_that_does_not_parse_names_the_line(tmp_path):
    told = problems(write(tmp_path, "dataset: {path: a\nprompts: }}\n"))
    assert "not valid YAML" in told
    assert "suite.yaml:2" in told


def test_a_double_key_is_refused(tmp_path):
    assert "the key 'models' is given twice" in problems(write(tmp_path, GOOD + "models: [b]\n"))


def test_twins_are_refused(tmp_path):
    text = GOOD.replace("[claude-haiku-4-5]", "[claude-haiku-4-5, claude-haiku-4-5]")
    assert "two models are both called claude-haiku-4-5" in problems(write(tmp_path, text))


def test_a_missing_suite_names_those_beside_it(tmp_path):
    write(tmp_path, GOOD)
    with pytest.raises(ConfigError) as caught:
        load_suite(tmp_path / "siute.yaml")
    assert "no such file" in str(caught.value)
    assert caught.value.hint == f"Did you mean {tmp_path}/suite.yaml?"


def test_a_prompt_file_is_read_in(tmp_path):
    write(tmp_path, "Think hard.\n{{ question }}\n", "hard.md")
    text = GOOD.replace('plain: "{{ question }}"', "hard: {file: hard.md}")
    prompt = load_suite(write(tmp_path, text)).suite.prompts["hard"]
    assert prompt.user == "Think hard.\n{{ question }}\n"
    assert prompt.file is None
    assert "cannot read" in problems(write(tmp_path, text.replace("hard.md", "soft.md")))
