"""The exact words for what is wrong, kept in one table so that they can be read and improved."""

import pytest
from bad_suites import DATASETS, ROWS, SOUND, SUITES

from evalkit.errors import EvalkitError
from evalkit.pipeline.preview import preview_suite
from evalkit.pipeline.start import open_suite, start_run
from evalkit.suite.load import load_suite

ENV = {"ANTHROPIC_API_KEY": "k", "ANTHROPIC_BASE_URL": "http://127.0.0.1:9"}


def told(folder, lines) -> str:
    (folder / "suite.yaml").write_text("\n".join(lines.values()) + "\n", encoding="utf-8")
    with pytest.raises(EvalkitError) as caught:
        preview_suite(open_suite(folder / "suite.yaml", env={}), {})
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


FILES = [
    ("", "1: a suite is a mapping with dataset, prompts and models; the file is empty"),
    ("- a\n", "1: a suite is a mapping with dataset, prompts and models; this is a list"),
    (
        "dataset:\n\tpath: x\n",
        "2: not valid YAML: while scanning for the next token, found character '\\t' that cannot "
        "start any token; a tab cannot indent; use spaces",
    ),
    (
        "description: a: b\n",
        "1: not valid YAML: mapping values are not allowed here; mend the indentation, or quote a "
        "value with ': ' in it",
    ),
    (
        "description: !!python/name:os.system x\n",
        "1: not valid YAML: could not determine a constructor for the tag "
        "'tag:yaml.org,2002:python/name:os.system'; quote a value that begins with !",
    ),
    (
        "description: &a [*a]\n",
        " not valid YAML: an alias that holds itself, or nesting without end",
    ),
    (
        "description: caf\xe9\n".encode("latin-1"),
        "1: byte 0xe9 is not UTF-8; save the file as UTF-8",
    ),
    ("name: x\n".encode("utf-16"), " is UTF-16; save it as UTF-8"),
    (b"a\x00", " not a text file: it holds the character U+0000"),
]


@pytest.mark.parametrize(("text", "said"), FILES, ids=[row[1][:40] for row in FILES])
def test_a_file_that_is_no_suite_is_told_in_these_words(tmp_path, text, said):
    path = tmp_path / "suite.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(EvalkitError) as caught:
        open_suite(path, env={})
    assert caught.value.message == f"{path}:{said}"


def test_faults_of_every_kind_are_told_together_in_the_order_of_the_file(tmp_path):
    (tmp_path / "rows.jsonl").write_text(ROWS)
    (tmp_path / "suite.yaml").write_text(
        """\
dataset: {path: rows.jsonl, id: id, target: anser}
prompts:
  plain: "{{ qestion }}"
  broken: "{% if %}"
  gone: {file: gone.md}
models: [claude-haiku-4-5, {model: m, betta: x}]
thinking: [off, lots, 12]
samples: 0
scorers: [nubmer]
gate: {rules: {scorer: nubmer}}
matrix: {exclude: foo}
"""
    )
    with pytest.raises(EvalkitError) as caught:
        open_suite(tmp_path / "suite.yaml", env={})
    told = caught.value.message.replace(f"{tmp_path}/", "").splitlines()
    assert [line.split(": ")[:2] for line in told] == [
        ["suite.yaml:1", "dataset.target"],
        ["suite.yaml:3", "prompts.plain"],
        ["suite.yaml:4", "prompts.broken"],
        ["suite.yaml:5", "prompts.gone.file"],
        ["suite.yaml:6", "models.1.betta"],
        ["suite.yaml:7", "thinking.1"],
        ["suite.yaml:7", "thinking.2"],
        ["suite.yaml:8", "samples"],
        ["suite.yaml:9", "scorers.0"],
        ["suite.yaml:10", "gate.rules.0"],
    ]


def test_a_fault_of_the_command_line_is_told_as_one(tmp_path):
    (tmp_path / "rows.jsonl").write_text(ROWS)
    (tmp_path / "suite.yaml").write_text("\n".join(SOUND.values()))
    with pytest.raises(EvalkitError) as caught:
        open_suite(tmp_path / "suite.yaml", ["samples=none", "models.0.top_p=7"], env={})
    assert caught.value.message.splitlines() == [
        "--set models.0.top_p: must be at most 1, found 7",
        "--set samples: expected a whole number, found 'none'",
    ]


def test_a_row_that_breaks_a_prompt_is_named(tmp_path):
    (tmp_path / "rows.jsonl").write_text(ROWS + '{"id": "b", "answer": "3"}\n')
    (tmp_path / "suite.yaml").write_text("\n".join(SOUND.values()))
    with pytest.raises(EvalkitError) as caught:
        preview_suite(load_suite(tmp_path / "suite.yaml", env={}), {})
    assert caught.value.message == (
        f"{tmp_path}/rows.jsonl:2: case 'b': prompts.plain.user, template line 1: 'question' is "
        "undefined; the row has id, answer"
    )


def test_rows_at_fault_are_told_together_up_to_ten(tmp_path):
    (tmp_path / "suite.yaml").write_text("\n".join(SOUND.values()))
    bad = [f'{{"id": "{n}", "answer": "3"}}\n' for n in range(20)]
    (tmp_path / "rows.jsonl").write_text(
        ROWS + '{"id": "x", "question": "1 + 2?", "answer": null}\n' + bad[0]
    )
    with pytest.raises(EvalkitError) as caught:
        preview_suite(load_suite(tmp_path / "suite.yaml", env={}), {})
    told = caught.value.message.replace(str(tmp_path), "FOLDER").splitlines()
    assert told == [
        "FOLDER/rows.jsonl:2: the target is empty, and the scorer 'number' needs one",
        "FOLDER/rows.jsonl:3: case '0': prompts.plain.user, template line 1: 'question' is "
        "undefined; the row has id, answer",
    ]
    (tmp_path / "rows.jsonl").write_text(ROWS + "".join(bad))
    with pytest.raises(EvalkitError) as caught:
        start_run(load_suite(tmp_path / "suite.yaml", env={}), tmp_path / "runs", ENV)
    assert len(caught.value.message.splitlines()) == 10
    assert not list((tmp_path / "runs").rglob("manifest.json"))


@pytest.mark.parametrize("written", ["{{ unit price }}", "{{ unit-price }}"])
def test_a_column_with_an_odd_name_is_told_how_to_write(tmp_path, written):
    column = written.strip("{ }")
    (tmp_path / "rows.jsonl").write_text(f'{{"id": "a", "answer": "2", "{column}": 3}}\n')
    (tmp_path / "suite.yaml").write_text(
        "\n".join({**SOUND, "prompts": f"prompts: '{written}'"}.values())
    )
    with pytest.raises(EvalkitError) as caught:
        preview_suite(load_suite(tmp_path / "suite.yaml", env={}), {})
    (told,) = caught.value.message.splitlines()
    assert told.endswith(f"the column '{column}' is written {{{{ row['{column}'] }}}}")


def test_a_suite_that_lacks_its_dataset_is_looked_at_all_the_same(tmp_path):
    lines = {**SOUND, "dataset": "datset: rows.jsonl", "scorers": "scorers: [nubmer]"}
    assert told(tmp_path, lines).splitlines() == [
        "suite.yaml:1: datset: unknown key; did you mean 'dataset'?",
        "suite.yaml:5: scorers.0: no scorer is called 'nubmer'; did you mean 'number'?",
    ]


def test_an_impossible_length_is_told_where_it_is_written(tmp_path):
    (tmp_path / "rows.jsonl").write_text(ROWS)
    lines = {key: line for key, line in SOUND.items() if key != "thinking"}
    assert told(tmp_path, {**lines, "answer_tokens": "answer_tokens: 100k"}) == (
        "suite.yaml:5: answer_tokens: claude-haiku-4-5 writes at most 64000 tokens, less than "
        "answer_tokens 102400: lower it"
    )
