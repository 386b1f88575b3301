import json

import pytest

from evalkit.errors import ConfigError, TemplateError
from evalkit.plan.prompts import Prompt
from evalkit.suite.load import load_suite
from evalkit.suite.schema import Suite
from evalkit.types import Case


def suite(folder, prompt, **files) -> Suite:
    for name, text in files.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(exist_ok=True)
        path.with_suffix(".md").write_text(text, encoding="utf-8")
    text = {"dataset": "rows.jsonl", "prompts": {"p": prompt}, "models": ["claude-haiku-4-5"]}
    path = folder / "suite.yaml"
    path.write_text(json.dumps(text))
    return load_suite(path).suite


def rendered(loaded: Suite, **inputs) -> list[tuple[str, str]]:
    prompt = Prompt("p", loaded.prompts["p"], loaded)
    return prompt.render(Case("c1", inputs)).turns()


def test_prompt_files_include_others_and_their_macros(tmp_path):
    main = '{% import "parts/m.md" as m %}{% include "intro.md" %}\n{{ m.loud(q) }}'
    loaded = suite(
        tmp_path,
        {"file": "main.md"},
        main=main,
        intro="Hello {{ name }}.\n",
        parts__m="{% macro loud(x) %}{{ x | upper }}!{% endmacro %}",
    )
    assert set(loaded.templates) == {"intro.md", "parts/m.md"}
    assert rendered(loaded, q="why", name="Ada") == [("user", "Hello Ada.\nWHY!")]
    # A stored suite needs none of the files.
    for path in tmp_path.rglob("*.md"):
        path.unlink()
    again = Suite.model_validate(json.loads(json.dumps(loaded.model_dump(mode="json"))))
    assert rendered(again, q="why", name="Ada") == [("user", "Hello Ada.\nWHY!")]


def test_a_template_error_names_file_line_and_case(tmp_path):
    loaded = suite(
        tmp_path,
        {"file": "main.md"},
        main='One.\n{% include "sums.md" %}',
        sums="Two.\nThree.\n{{ a / b }}",
    )
    with pytest.raises(TemplateError) as caught:
        rendered(loaded, a=1, b=0)
    assert str(caught.value) == (
        "case 'c1': prompts.p.user (sums.md:3): ZeroDivisionError: division by zero"
    )
    broken = suite(tmp_path, {"file": "main.md"}, main="One.\n\n{{ a b }}")
    with pytest.raises(TemplateError, match=r"prompts.p.user \(main.md:3\): expected token"):
        Prompt("p", broken.prompts["p"], broken)


@pytest.mark.parametrize(
    ("template", "told"),
    [
        ("{% include '../x.md' %}", "includes ../x.md, which is outside the suite's folder"),
        ("{% include '/etc/passwd' %}", "includes /etc/passwd, which is outside"),
        ("{% include 'link.md' %}", "includes link.md, which is outside the suite's folder"),
        ("{% include 'none.md' %}", "includes none.md, which cannot be read"),
        ("{% include q %}", "an include names its file in quotes"),
    ],
)
def test_includes_stay_in_the_suites_folder(tmp_path, template, told):
    folder = tmp_path / "suite"
    folder.mkdir()
    (tmp_path / "x.md").write_text("secret")
    (folder / "link.md").symlink_to(tmp_path / "x.md")
    with pytest.raises(ConfigError, match=told):
        suite(folder, template)


def test_includes_are_those_beside_the_file_a_prompt_is_written_in(tmp_path, monkeypatch):
    base, mine = tmp_path / "base", tmp_path / "mine"
    base.mkdir()
    suite(base, {"file": "main.md"}, main='{% include "rules.md" %} {{ q }}', rules="A")
    mine.mkdir()
    lines = 'extends: ../base/suite.yaml\nprompts:\n  p: {system: "Be brief."}\n'
    (mine / "suite.yaml").write_text(lines)
    monkeypatch.chdir(tmp_path)
    loaded = load_suite((mine / "suite.yaml").relative_to(tmp_path)).suite
    assert rendered(loaded, q="why") == [("system", "Be brief."), ("user", "A why")]
    (mine / "rules.md").write_text("B")
    (mine / "suite.yaml").write_text(lines + "  r: \"{% include 'rules.md' %}\"\n")
    with pytest.raises(ConfigError, match="r: includes rules.md, and another prompt another file"):
        load_suite(mine / "suite.yaml")


def test_an_include_may_be_optional_or_one_of_several(tmp_path):
    template = (
        "{% include 'none.md' ignore missing %}{% include ['none.md', 'b.md', 'c.md'] %}{{ q }}"
    )
    assert rendered(suite(tmp_path, template, b="B", c="C"), q="?") == [("user", "B?")]
    with pytest.raises(ConfigError) as caught:
        suite(
            tmp_path, "{% include ['x.md', 'y.md'] %}{% include '/etc/hostname' ignore missing %}"
        )
    told = str(caught.value)
    assert "x.md, which cannot be read" in told and "y.md, which cannot be read" in told
    assert "/etc/hostname, which is outside" in told


def test_a_row_cannot_name_a_file_or_become_a_template(tmp_path):
    loaded = suite(tmp_path, "{{ q }}")
    text = "{% include '/etc/passwd' %}{{ 7 * 7 }}"
    assert rendered(loaded, q=text) == [("user", text)]


SHOTS = "{% for e in examples %}Q: {{ e.q }} A: {{ e.a }}\n{% endfor %}Q: {{ q }}"


def test_examples_are_rows_of_the_suite(tmp_path):
    loaded = suite(tmp_path, {"user": SHOTS, "examples": [{"q": "1+1", "a": 2}]})
    assert rendered(loaded, q="2+2") == [("user", "Q: 1+1 A: 2\nQ: 2+2")]


def drawn(folder, seed, **case):
    rows = [{"q": f"{n}+1", "a": n + 1} for n in range(50)]
    (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    spec = {"path": "train.jsonl", "sample": 3, "seed": seed}
    loaded = suite(folder, {"user": SHOTS, "examples": spec})
    ((_, text),) = rendered(loaded, **(case or {"q": "9*9"}))
    return text.splitlines()[:-1]


def test_examples_are_drawn_by_seed_from_a_split(tmp_path):
    first = drawn(tmp_path, 1)
    assert len(first) == 3
    assert drawn(tmp_path, 1) == first
    assert drawn(tmp_path, 2) != first


def test_a_case_never_sees_itself_among_its_examples(tmp_path):
    first = drawn(tmp_path, 1)[0]
    question, answer = first.removeprefix("Q: ").split(" A: ")
    again = drawn(tmp_path, 1, q=question, a=int(answer))
    assert len(again) == 3
    assert first not in again


@pytest.mark.parametrize(
    "case",
    [
        {"id": 7, "question": "1 + 1?", "answer": 2},  # the dataset has ids, the examples none
        {"question": "1 + 1?", "answer": "2"},  # a CSV file has texts only
        {"question": "1 + 1?"},
    ],
)
def test_a_case_is_known_among_examples_of_another_form(tmp_path, case):
    rows = [{"question": "1 + 1?", "answer": 2}, {"question": "2 + 2?", "answer": 4}]
    template = "{% for e in examples %}{{ e.question }}{% endfor %} then {{ question }}"
    loaded = suite(tmp_path, {"user": template, "examples": rows})
    assert rendered(loaded, **case) == [("user", "2 + 2? then 1 + 1?")]
