"""Users' own scorers, in processes of their own: what one does spoils one score."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from builders import a_case, a_response, a_suite

from evalkit.pipeline.score import grade
from evalkit.scorers.registry import build_scorer, scorer_problems
from evalkit.suite.load import load_suite
from evalkit.suite.schema import ScorerSpec

OWN = """
import os, sys, time
from dataclasses import dataclass

import neighbour

def polite(case, response, word="please"):
    return word in response.text, "looked for " + word

def odd(case, response):
    kind = response.text
    if kind == "raise": raise KeyError("no such thing")
    if kind == "exit": sys.exit(3)
    if kind == "die": os._exit(7)
    if kind == "hang": time.sleep(60)
    if kind == "print": print("not a result")
    values = {"many": 2, "nan": float("nan"), "none": None, "text": "0.5", "list": [1],
              "triple": (1, 2, 3), "true": True, "pair": (0.25, "a quarter")}
    return values.get(kind, 1.0)

def thoughtful(case, response):
    return "wait" in response.thinking

@dataclass
class Long:
    least: int = 3
    needs_target = True
    def score(self, case, response):
        return float(len(response.text) >= self.least)

class Without:
    pass

number = 5
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("own")
    (folder / "neighbour.py").write_text("")
    (folder / "my_scorers.py").write_text(OWN)
    return folder


@pytest.fixture(scope="module")
def own(folder):
    return lambda name, **options: build_scorer(
        ScorerSpec.model_validate({"python": f"{folder}/my_scorers.py:{name}", **options})
    )


def test_functions_and_classes(own):
    scorer = own("polite", word="thanks")
    assert (scorer.name, scorer.needs_target) == ("polite", False)
    score = grade(scorer, a_case(), a_response("many thanks"))
    assert (score.value, score.reason) == (1.0, "looked for thanks")
    long = own("Long", least=9)
    assert (long.name, long.needs_target) == ("Long", True)
    assert grade(long, a_case(), a_response("short")).value == 0.0


@pytest.mark.parametrize(
    ("text", "value", "answer"),
    [("many", 0.25, "2"), ("triple", None, None), ("true", 0.0, "1"), ("pair", None, None)],
)
def test_grades_on_a_scale_of_their_own(own, text, value, answer):
    score = grade(own("odd", score_range=[1, 5]), a_case(), a_response(text))
    assert (score.value, score.answer) == (value, answer)
    if text == "pair":
        assert score.reason == "the scorer returned (0.25, 'a quarter'), not a number in [1, 5]"


@pytest.mark.parametrize("scale", ["1-5", [1], [5, 1], [1, "5"], [0, float("inf")], [True, 5]])
def test_a_range_that_is_none(own, scale):
    with pytest.raises(ValueError, match="score_range"):
        own("odd", score_range=scale)


def test_thinking_is_there_to_be_read(own):
    assert grade(own("thoughtful"), a_case(), a_response("4", thinking="no, wait")).value == 1.0
    assert grade(own("thoughtful"), a_case(), a_response("wait")).value == 0.0


@pytest.mark.parametrize(
    ("text", "value", "reason"),
    [
        ("raise", None, "the scorer failed: KeyError: 'no such thing'"),
        ("exit", None, "the scorer failed: SystemExit: 3"),
        ("die", None, "the scorer's process ended: exit status 7"),
        ("hang", None, "the scorer took longer than 3 s"),
        ("print", 1.0, None),
        ("many", None, "the scorer returned 2, not a number in [0, 1]"),
        ("nan", None, "the scorer returned nan, not a number in [0, 1]"),
        ("none", None, "the scorer gave none"),
        ("text", None, "the scorer returned '0.5', not a number in [0, 1]"),
        ("list", None, "the scorer returned [1], not a number in [0, 1]"),
        ("triple", None, "the scorer returned (1, 2, 3), not a number in [0, 1]"),
        ("true", 1.0, None),
        ("pair", 0.25, "a quarter"),
    ],
)
def test_nonsense_is_null_for_that_answer_alone(own, text, value, reason):
    scorer = own("odd", timeout_s=3)
    score = grade(scorer, a_case(), a_response(text))
    assert (score.value, score.reason) == (value, reason)
    assert grade(scorer, a_case(), a_response("fine")).value == 1.0


@pytest.mark.parametrize(
    ("place", "options", "told"),
    [
        ("my_scorers.py:rude", {}, "has no 'rude'; it has: polite, odd, thoughtful, Long, Without"),
        ("my_scorers.py:polite", {"wrod": "x"}, "unexpected keyword argument 'wrod'"),
        ("my_scorers.py:polite", {"timeout_s": "long"}, "timeout_s is a number of seconds"),
        ("my_scorers.py:Long", {"most": 1}, "Long: TypeError"),
        ("my_scorers.py:Without", {}, "has no method score(case, response)"),
        ("my_scorers.py:number", {}, "neither a function nor a class, but 5"),
        ("my_scorers.py", {}, "python is file.py:function"),
        ("missing.py:polite", {}, "there is no file"),
        ("syntax.py:polite", {}, "syntax.py:2: SyntaxError: "),
        ("raising.py:polite", {}, "raising.py:3: ZeroDivisionError: division by zero"),
        ("leaving.py:polite", {}, "leaving.py:1: SystemExit: 4"),
        ("dying.py:polite", {}, "its process ended: exit status 5"),
    ],
)
def test_what_is_wrong_is_told_with_file_and_line(folder, place, options, told):
    (folder / "syntax.py").write_text("x = 1\ndef polite(:\n")
    (folder / "raising.py").write_text("def divide():\n    pass\nx = 1 / 0\n")
    (folder / "leaving.py").write_text("raise SystemExit(4)\n")
    (folder / "dying.py").write_text("import os\nos._exit(5)\n")
    (folder / "rows.jsonl").write_text('{"question": "2 + 2?", "answer": "4"}\n')
    suite = folder / "suite.yaml"
    suite.write_text(yaml.safe_dump(a_suite(scorers=[{"python": place, **options}])))
    (problem,) = scorer_problems(load_suite(suite))
    assert str(problem).startswith(f"{suite}:")
    assert "scorers.0" in str(problem)
    assert told in str(problem)


def test_a_changed_file_is_read_again(folder):
    path = folder / "changing.py"
    for text, value in (("1", 1.0), ("0", 0.0)):
        path.write_text(f"def fixed(case, response):\n    return {text}\n")
        os.utime(path, ns=(time.time_ns(), time.time_ns()))
        scorer = build_scorer(ScorerSpec.model_validate({"python": f"{path}:fixed"}))
        assert grade(scorer, a_case(), a_response()).value == value


def test_its_process_ends_with_evalkit(folder):
    """Also while the scorer hangs."""
    (folder / "slow.py").write_text(
        "import os, time\n"
        "def slow(case, response):\n"
        f"    open({str(folder / 'pid')!r}, 'w').write(str(os.getpid()))\n"
        "    time.sleep(60)\n"
    )
    program = (
        "from evalkit.scorers.registry import build_scorer\n"
        "from evalkit.suite.schema import ScorerSpec\n"
        "from evalkit.types import Case, Response, Usage\n"
        f"spec = ScorerSpec.model_validate({{'python': {str(folder / 'slow.py:slow')!r}}})\n"
        "build_scorer(spec).score(Case('c', {}), Response('', '', None, Usage()))\n"
    )
    evalkit = subprocess.Popen([sys.executable, "-c", program])
    told = folder / "pid"
    deadline = time.monotonic() + 30
    while not (told.exists() and told.read_text()) and time.monotonic() < deadline:
        time.sleep(0.05)
    child = int(told.read_text())
    evalkit.kill()
    evalkit.wait()
    while Path(f"/proc/{child}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(f"/proc/{child}").exists()


def test_an_installed_plugin(tmp_path, monkeypatch):
    """A distribution as pip leaves it: a module, and metadata with an entry point."""
    (tmp_path / "nice_scorers.py").write_text(
        "def shouting(case, response, most=0.5):\n"
        "    letters = [one for one in response.text if one.isalpha()]\n"
        "    return sum(map(str.isupper, letters)) <= most * len(letters)\n"
    )
    info = tmp_path / "nice_scorers-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: nice-scorers\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[evalkit.scorers]\nquiet = nice_scorers:shouting\nbroken = nice_scorers:absent\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    scorer = build_scorer(ScorerSpec.model_validate({"type": "quiet", "most": 0.9}))
    assert grade(scorer, a_case(), a_response("VERY LOUD")).value == 0.0
    assert grade(scorer, a_case(), a_response("very quiet")).value == 1.0
    with pytest.raises(ValueError, match=r"the plugin nice_scorers:absent: AttributeError"):
        build_scorer(ScorerSpec.model_validate("broken"))
    with pytest.raises(ValueError, match="did you mean 'quiet'"):
        build_scorer(ScorerSpec.model_validate("quite"))
