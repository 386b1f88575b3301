import pytest

from evalkit.errors import UsageError
from evalkit.suite.load import load_suite
from evalkit.suite.starter import STARTERS, write_starter


@pytest.mark.parametrize("kind", STARTERS)
def test_a_starter_is_a_short_valid_suite(tmp_path, kind):
    suite, *others = write_starter(kind, tmp_path / "new" / "folder")
    assert suite.name == "suite.yaml"
    assert {path.suffix for path in others} == {".jsonl", ".md"}
    assert load_suite(suite).suite.name == kind


def test_the_local_model_gets_budgets_of_its_size(tmp_path):
    suite = load_suite(write_starter("thinking-sweep", tmp_path, model="local")[0]).suite
    assert suite.models[0].provider == "local"
    assert [spec.budget for spec in suite.thinking] == [None, 16, 64]
    again = write_starter("math", tmp_path / "m", model="claude-opus-4-5")[0]
    assert load_suite(again).suite.models[0].model == "claude-opus-4-5"


def test_nothing_is_overwritten_unasked(tmp_path):
    suite = write_starter("math", tmp_path)[0]
    suite.write_text("mine")
    with pytest.raises(UsageError, match="suite.yaml is there already"):
        write_starter("judge", tmp_path)
    assert suite.read_text() == "mine"
    write_starter("judge", tmp_path, overwrite=True)
    assert load_suite(suite).suite.name == "judge"


@pytest.mark.parametrize("model", ["x]", "gpt: x", "{a: b}", "a, b", r"a\1", "123", "org/m:7b"])
def test_a_model_of_any_name_is_written_so_that_it_is_read(tmp_path, model):
    suite = load_suite(write_starter("math", tmp_path, model=model)[0]).suite
    assert [spec.model for spec in suite.models] == [model]
