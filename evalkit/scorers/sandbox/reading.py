"""Find the code in an answer. Runs inside the sandbox: parsing what a model wrote can crash."""

from __future__ import annotations

import re
import textwrap
import warnings
from collections.abc import Iterable

_FENCE = re.compile(
    r"^([ \t]*)(```+|~~~+)[ \t]*([\w.+#-]*)[^\n`]*\n(.*?)(?:^[ \t]*\2|\Z)",
    re.MULTILINE | re.DOTALL,
)
_PYTHON = ("", "python", "py", "python3", "python2", "py3", "ipython")
_BEGINNING = re.compile(r"^(?:def |async def |class |import |from \w|@|\w+\s*=)", re.MULTILINE)
_MOST_CUTS = 60


def find_code(answer: str, prompt: str, wanted: Iterable[str]) -> str:
    """The program an answer means, which need not be valid.

    ``prompt`` is code that the answer may go on with (empty: none), ``wanted`` are the names the
    tests call. Of several fenced blocks the last that defines one of them counts, else all of
    them together.
    """
    names = tuple(wanted)
    blocks = [
        textwrap.dedent(code)
        for _, _, language, code in _FENCE.findall(answer)
        if language.lower() in _PYTHON and code.strip()
    ]
    defining = [code for code in blocks if _defines(code, names)]
    if defining:
        candidates = [defining[-1], "\n".join(blocks)]
    elif blocks:
        candidates = ["\n".join(blocks), blocks[-1]]
    else:
        candidates = [answer, *_without_prose(answer)]
    programs = [program for code in candidates for program in _joined(prompt, code, names)]
    return next(
        (program for program in programs if _is_valid(program) and _defines(program, names)),
        next((program for program in programs if _is_valid(program)), programs[0]),
    )


def called_names(tests: Iterable[str]) -> list[str]:
    """The plain names that tests call, in order; those that are built in included."""
    found = dict.fromkeys(
        name for test in tests for name in re.findall(r"(?<![\w.])([A-Za-z_]\w*)\s*\(", test)
    )
    return list(found)


def _defines(code: str, names: Iterable[str]) -> bool:
    return any(
        re.search(
            rf"^(?:(?:(?:async )?def|class) +{re.escape(name)}\b|{re.escape(name)} *=)",
            code,
            re.MULTILINE,
        )
        for name in names
    )


def _joined(prompt: str, code: str, names: Iterable[str]) -> list[str]:
    """The ways in which code may go on with its prompt, or stand alone."""
    if not prompt.strip():
        return [code]
    whole = f"{prompt.rstrip()}\n\n{code}"
    if _defines(code, names):
        return [whole, code]
    body = code.strip("\n")
    first, _, rest = body.partition("\n")
    return [
        f"{prompt.rstrip()}\n{body}",
        f"{prompt.rstrip()}\n    {first.lstrip()}\n{rest}",
        f"{prompt.rstrip()}\n{textwrap.indent(textwrap.dedent(body), '    ')}",
        code,
    ]


def _without_prose(answer: str) -> Iterable[str]:
    """The answer from its first line of code on, ever less of its end."""
    start = _BEGINNING.search(answer)
    lines = answer[start.start() :].splitlines() if start else []
    for end in range(len(lines), max(0, len(lines) - _MOST_CUTS), -1):
        yield "\n".join(lines[:end])


def _is_valid(code: str) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            compile(code, "<answer>", "exec", dont_inherit=True)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return False
    return True
