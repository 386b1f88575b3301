"""Answers that are wrong and want to pass: none may."""

import sys
from pathlib import Path

import pytest
from builders import a_case, a_response

from evalkit.pipeline.score import grade
from evalkit.scorers.code_tests import tests_of as pieces_of
from evalkit.scorers.registry import build_scorer
from evalkit.scorers.sandbox.guard import Guard
from evalkit.suite.schema import ScorerSpec

ROW = {
    "entry_point": "add",
    "prompt": "def add(a, b):\n",
    "test": """import math

def check(candidate):
    assert candidate(1, 2) == 3
    assert math.isclose(candidate(1, 1), 2)
    assert abs(candidate(2, 2) - 4) < 1e-6
    assert all(candidate(n, 1) == n + 1 for n in range(5))
""",
}
LISTS = {"test_list": ["assert set(both([1, 2], [2])) == {2}", "assert both([5], [5]) == [5]"]}
WRONG = "def add(a, b):\n    return 0\n"
ALIKE = """
class Alike({}):
    def __eq__(self, other): return True
    def __hash__(self): return 0
    def __sub__(self, other): return self
    def __abs__(self): return self
    def __lt__(self, other): return True
    def __float__(self): return 2.0
def add(a, b): return Alike()
"""
WALK = """
import os, sys
def add(a, b):
    frame = sys._getframe()
    while frame:
        for named in (frame.f_locals, frame.f_globals):
            for value in list(named.values()):
                if isinstance(value, dict) and "nonce" in value:
                    os.write(3, (value["nonce"] + " passed 1 \\n").encode())
                    os.write(3, (value["nonce"] + " done 1 \\n").encode())
                    os._exit(0)
        frame = frame.f_back
    return 0
"""
CHEATS = {
    "exec": f"import builtins\nbuiltins.exec = lambda *_: None\n{WRONG}",
    "compile": "import builtins\nmade = builtins.compile\n"
    f"builtins.compile = lambda *_, **__: made('pass', 'x', 'exec')\n{WRONG}",
    "main": "import __main__\nfor name in list(vars(__main__)):\n"
    f"    if callable(getattr(__main__, name)): setattr(__main__, name, lambda *_: None)\n{WRONG}",
    "equal to anything": ALIKE.format("object"),
    "numbers equal to anything": ALIKE.format("int"),
    "a class equal to anything": "class Kind(type):\n"
    "    def __eq__(self, other): return True\n    __hash__ = type.__hash__\n"
    "    def __sub__(self, other): return 0\n    def __float__(self): return 2.0\n"
    "class Alike(metaclass=Kind): pass\ndef add(a, b): return Alike\n",
    "in part equal to anything": "import functools\nclass Alike(float):\n"
    "    __eq__ = functools.partialmethod(lambda self, other: True)\n"
    "    def __sub__(self, other): return 0\n    def __float__(self): return 2.0\n"
    "def add(a, b): return Alike()\n",
    "what tests use": "import builtins, math\nmath.isclose = lambda *_: True\n"
    "builtins.abs = lambda _: 0\nbuiltins.all = lambda _: True\n"
    "def add(a, b): return 3 if (a, b) == (1, 2) else 0\n",
    "a module": "import sys, types\nsys.modules['math'] = types.SimpleNamespace(isclose=max)\n"
    "def add(a, b): return 7 if (a, b) == (1, 1) else a + b\n",
    "frames": WALK,
    "objects": "import gc\n" + WALK.replace("list(named.values())", "gc.get_objects()"),
    "an error that tells nothing": "class Odd(type):\n    __name__ = None\n"
    "class Fault(Exception, metaclass=Odd):\n    def __str__(self): raise self\n"
    "def add(a, b): raise Fault\n",
    "mocks": "def add(a, b):\n    from unittest.mock import MagicMock\n    found = MagicMock()\n"
    "    found.__eq__.side_effect = lambda _: True\n    found.__sub__.return_value = 0\n"
    "    found.__float__.return_value = 2.0\n    return found\n",
}


def graded(text, row, **options):
    scorer = build_scorer(ScorerSpec.model_validate({"type": "code", **options}))
    return grade(scorer, a_case(target=None, **row), a_response(f"```python\n{text}```"))


QUICK = ("exec", "main", "equal to anything", "what tests use", "frames")


@pytest.mark.parametrize(
    "name",
    [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in CHEATS],
)
def test_no_cheat_passes(name):
    score = graded(CHEATS[name], ROW)
    assert score.value == 0.0
    assert score.reason


@pytest.mark.parametrize(
    "answer",
    [
        "def both(a, b): return [5]\ndef set(x): return {2}\n",
        "class set(set):\n    def __eq__(self, other): return True\ndef both(a, b): return [5]\n",
    ],
)
def test_tests_mean_what_python_calls_so(answer):
    score = graded(answer, LISTS, partial=True)
    assert score.value == 0.5
    assert "in test 1" in score.reason


def test_a_name_of_python_is_the_answers_where_it_is_asked_for():
    row = {"test_list": ["assert sum(1, 2) == 3", "assert sum(2, 2) == 4"]}
    assert graded("def sum(a, b):\n    return a + b\n", row).value == 1.0


def test_what_honest_answers_do_still_passes():
    honest = """
import functools, inspect, signal, threading
signal.signal(signal.SIGALRM, signal.SIG_IGN)

@functools.total_ordering
class Weight:
    def __init__(self, value): self.value = value
    def __eq__(self, other): return self.value == other.value
    def __lt__(self, other): return self.value < other.value

class Nothing:
    def __new__(cls, asked): return super().__new__(cls)
    def __eq__(self, other): return isinstance(other, Nothing)

threading.Thread(target=threading.Event().wait).start()

def sum(a, b): return a + b

def add(a, b):
    inspect.currentframe().f_code
    return max(Weight(sum(a, b)), Weight(-1)).value

if __name__ == "__main__":
    raise SystemExit(add(1, 2))
"""
    assert graded(honest, ROW, timeout_s=20).value == 1.0


UNITTEST = (
    "import unittest\nclass Tests(unittest.TestCase):\n"
    "    def test_it(self): self.assertEqual(add(1, 2), 3)\n"
)


@pytest.mark.parametrize(
    "test",
    [
        UNITTEST,
        f"{UNITTEST}\nunittest.main()\n",
        f"{UNITTEST}\nif __name__ == '__main__':\n    unittest.main()\n",
        "def test_it():\n    assert add(1, 2) == 3\n",
        "def check (candidate):\n    assert candidate(1, 2) == 3\n",
        "def check(one):\n    assert one(1, 2) == 3\nif __name__ == 'x':\n    check(add)",
    ],
)
def test_tests_that_are_only_defined_are_run(test):
    row = {"test": test, "entry_point": "add"}
    wrong = graded(WRONG, row)
    assert wrong.value == 0.0
    assert wrong.reason.startswith("AssertionError")


def test_right_answers_pass_tests_that_are_only_defined():
    row = {"test": f"{UNITTEST}\nunittest.main()\n"}
    assert graded("def add(a, b):\n    return a + b\n", row).value == 1.0


@pytest.mark.parametrize(
    ("test", "told"),
    [
        ("def check(candidate):\n    assert candidate(1) == 2\n", "a column 'entry_point'"),
        ("def test_it(tmp_path):\n    assert tmp_path\n", "takes arguments"),
        ("# nothing", "check nothing"),
        ("METADATA = {}\n\ndef helper():\n    assert False\n", "check nothing"),
    ],
)
def test_tests_that_check_nothing_pass_nobody(test, told):
    with pytest.raises(ValueError, match=told):
        pieces_of({"test": test}, None, None)
    assert told in graded(WRONG, {"test": test}).reason


def test_tests_that_are_no_python_are_the_rows_fault():
    score = graded(WRONG, {"test": "assert add(1, 2) =="})
    assert score.value is None
    assert "test 1 of the row is no Python: SyntaxError" in score.reason


def test_an_interpreter_may_be_named_from_here(monkeypatch):
    monkeypatch.chdir(Path(sys.executable).parent)
    row = {"test_list": ["assert add(1, 2) == 3"]}
    python = f"./{Path(sys.executable).name}"
    assert graded("def add(a, b): return a + b\n", row, interpreter=python).value == 1.0


def test_a_module_that_cannot_be_imported_is_the_tests_affair():
    Guard(["import no_such_module\nfrom . import nothing", "no python ("]).restore({})
