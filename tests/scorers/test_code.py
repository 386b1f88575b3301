import pytest
from builders import a_case, a_response, a_suite

from evalkit.errors import ConfigError
from evalkit.pipeline.score import grade
from evalkit.scorers.registry import build_scorer, build_scorers
from evalkit.scorers.sandbox import sandbox
from evalkit.scorers.sandbox.reading import called_names, find_code
from evalkit.suite.schema import ScorerSpec, Suite

PROMPT = '''from typing import List


def running_max(numbers: List[int]) -> List[int]:
    """The largest number so far, at each place.

    >>> running_max([1, 3, 2])
    [1, 3, 3]
    """
'''
TEST = """

METADATA = {'author': 'jt'}


def check(candidate):
    assert candidate([1, 3, 2]) == [1, 3, 3]
    assert candidate([]) == []
"""
HUMANEVAL = {"prompt": PROMPT, "test": TEST, "entry_point": "running_max"}
MBPP = {
    "text": "Write a function to add one.",
    "test_setup_code": "",
    "test_list": [
        "assert add_one(1) == 2",
        "assert add_one(-1) == 0",
        "assert add_one(2.5) == 3.5",
    ],
}
BODY = """    found, most = [], None
    for number in numbers:
        most = number if most is None else max(most, number)
        found.append(most)
    return found
"""
WHOLE = f"def running_max(numbers):\n{BODY}"


def graded(text, row, **options):
    scorer = build_scorer(ScorerSpec.model_validate({"type": "code", **options}))
    return grade(scorer, a_case(target=None, **row), a_response(text))


@pytest.mark.parametrize(
    ("text", "value", "reason"),
    [
        (BODY, 1.0, None),
        (f"Sure, here it is:\n\n```python\n{WHOLE}```\nIt keeps the maximum.", 1.0, None),
        (WHOLE.replace("max(", "min("), 0.0, "in test 1, line 7: assert candidate([1, 3, 2])"),
        ("print('passed')\nprint('ok')", 0.0, "AssertionError in test 1"),
        ("import sys; sys.exit(0)", 0.0, "SystemExit"),
        ("import os; os._exit(0)", 0.0, "ended before its tests had run, with exit status 0"),
        ("import ctypes; ctypes.string_at(0)", 0.0, "ended by SIGSEGV"),
        ("I cannot write code.", 0.0, "answer: SyntaxError"),
        ("", 0.0, "no code in the answer"),
        ("    return sorted(input())", 0.0, "EOFError"),
    ],
)
def test_humaneval(text, value, reason):
    score = graded(text, HUMANEVAL)
    assert score.value == value
    assert (score.reason is None) if reason is None else reason in score.reason


@pytest.mark.parametrize(
    ("text", "options", "value", "reason"),
    [
        ("```\ndef add_one(x):\n    return x + 1\n```", {}, 1.0, None),
        ("def add_one(x):\n    return abs(x) + 1", {}, 0.0, "passed 1 of 3 tests; AssertionError"),
        ("def add_one(x):\n    return abs(x) + 1", {"partial": True}, 2 / 3, "passed 2 of 3"),
        ("def add_two(x):\n    return x + 2", {"partial": True}, 0.0, "NameError"),
        ("def add_one(x):\n    while x: pass", {"timeout_s": 0.6}, 0.0, "took longer than 0.6 s"),
    ],
)
def test_mbpp(text, options, value, reason):
    score = graded(text, MBPP, **options)
    assert score.value == pytest.approx(value)
    assert (score.reason is None) if reason is None else reason in score.reason


def test_lists_in_cells_imports_and_setup_after_the_answer():
    row = {
        "checks": "['assert Node(tree).size == 1', 'assert math.isclose(1, 1)']",
        "test_setup_code": "tree = Node(None)",
        "test_imports": ["import math"],
    }
    answer = "class Node:\n    def __init__(self, below):\n        self.size = 1"
    assert graded(answer, row, tests="checks").value == 1.0
    assert graded("x = 1", row, tests="checks").reason.startswith("setup: NameError")
    assert graded(answer, row).value is None
    assert graded(answer, row).reason == "the row has no tests in 'test' or 'test_list'"


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ("```python\ndef f(x):\n    return 1\n```\nUse it:\n```python\nprint(f(2))\n```", "def f"),
        ("```bash\npip install x\n```\n```py\ndef f(x): return 1\n```", "def f(x): return 1\n"),
        ("1. Do:\n   ```python\n   def f(x):\n       return 1\n   ```", "def f(x):\n    return 1"),
        ("Cut short:\n```python\ndef f(x):\n    return 1", "def f(x):\n    return 1"),
        ("~~~\ndef f(x): return 1\n~~~", "def f(x): return 1"),
        ("Of course!\nimport os\ndef f(x):\n    return 1\n\nHope this helps!", "import os\ndef f"),
        ("```python\ndef f(x): return 0\n```\nBetter:\n```python\ndef f(x): return 1\n```", "1"),
        ("```python\nf = lambda x: 1\n```", "f = lambda"),
    ],
)
def test_finds_the_code_of_an_answer(answer, found):
    assert found in find_code(answer, "", ["f"])
    assert "print(f(2))" not in find_code(answer, "", ["f"])


@pytest.mark.parametrize(
    "body", ["return x", "    return x", "    y = x\n    return y", "y=x\nreturn y"]
)
def test_a_completion_goes_on_with_its_prompt(body):
    space = {}
    exec(find_code(body, 'def f(x):\n    """Same."""\n', ["f"]), space)
    assert space["f"](3) == 3


def test_names_that_tests_call():
    assert called_names(["assert set(f(1)) == {1}", "assert m.isclose(g(2), 2)"]) == [
        "set",
        "f",
        "g",
    ]


def test_off_unless_the_suite_allows_it():
    suite = Suite.model_validate(a_suite(scorers=["code"]))
    with pytest.raises(ConfigError, match="allow_code: true"):
        build_scorers(suite)
    allowed = Suite.model_validate(a_suite(scorers=["code"], allow_code=True))
    assert build_scorers(allowed)[0].name == "code"


def test_without_fences_it_says_so_and_full_refuses(monkeypatch):
    monkeypatch.setattr("evalkit.scorers.code.find_isolation", lambda _: ("limits", "no unshare"))
    scorer = build_scorer(ScorerSpec.model_validate("code"))
    assert "without fences" in scorer.notice
    assert "no unshare" in scorer.notice
    score = graded(WHOLE, HUMANEVAL, isolation="full")
    assert score.value is None
    assert "no unshare" in score.reason


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"language": "ruby"}, "runs python, not 'ruby'"),
        ({"isolation": "none"}, "isolation is auto or full"),
        ({"timeout_s": 0}, "timeout_s is more than 0"),
        ({"interpreter": "/no/python"}, "cannot be run"),
    ],
)
def test_wrong_options(options, told):
    with pytest.raises(ValueError, match=told):
        build_scorer(ScorerSpec.model_validate({"type": "code", **options}))


def test_a_broken_supervisor_is_a_null_score(monkeypatch):
    monkeypatch.setattr(sandbox, "_START", "raise SystemExit('no {packages}')")
    score = graded(WHOLE, HUMANEVAL)
    assert score.value is None
    assert score.reason.startswith("code could not be run: no ")
