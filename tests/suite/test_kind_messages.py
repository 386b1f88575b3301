"""The exact words for what is wrong, kept in one table so that they can be read and improved."""

import pytest
from bad_suites import DATASETS, ROWS, SOUND, SUITES

from evalkit.errors import EvalkitError
from evalkit.pipeline.preview import preview_suite
from evalkit.suite.load import load_suite


def told(folder, lines) -> str:
    (folder / "suite.yaml").write_text("\n".join(lines.values()) + "\n", encoding="utf-8")
    with pytest.raises(EvalkitError) as caught:
        preview_suite(load_suite(folder / "suite.yaml", env={}), {})
    return caught.value.message.replace(f"{folder}/suite.yaml", "suite.yaml").replace(
        str(folder), "FOLDER"
    )


def test_the_sound_suite_has_no_fault(tmp_path):
    (tmp_path / "rows.jsonl").write_text(ROWS)
    (tmp_path / "suite.yaml").write_text("\n".join(SOUND.values()))
    assert preview_suite(load_suite(tmp_path / "suite.yaml", env={}), {}).n_trials == 2


@pytest.mark.parametrize(("key", "line", "said"), SUITES, ids=[row[1][:60] for row in SUITES])
def test_a_bad_suite_is_told_in_these_words(tmp_path, key, line, said):
    (tmp_path / "rows.jsonl").write_text(ROWS)
    lines = {**SOUND, key: line}
    expected = said
    if not said.startswith("FOLDER"):
        expected = f"suite.yaml:{list(lines).index(key) + 1}: {said}"
    got = told(tmp_path, lines)
    if said.endswith(" "):  # the list of what is accepted goes on
        got = got[: len(expected)]
    assert got == expected


@pytest.mark.parametrize(
    ("name", "data", "words", "said"), DATASETS, ids=[f"{row[0]} {row[3][:50]}" for row in DATASETS]
)
def test_a_bad_dataset_is_told_in_these_words(tmp_path, name, data, words, said):
    (tmp_path / name).write_bytes(data)
    dataset = f"dataset: {{path: {name}, id: id, target: answer, {words}}}"
    lines = {**SOUND, "dataset": dataset, "prompts": 'prompts: {plain: "{{ id }}?"}'}
    assert told(tmp_path, lines) == said
