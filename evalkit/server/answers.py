"""The answer book: which question a prompt asks, what is right, and what is plausibly wrong."""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import orjson

from evalkit.errors import DatasetError

_PREFIX = 24
_NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?$")


@dataclass(frozen=True, slots=True)
class Entry:
    """A question and its right answer."""

    question: str
    answer: str


class AnswerBook:
    """Right answers, found by the question's text somewhere in a prompt."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        by_length: dict[int, dict[str, list[Entry]]] = defaultdict(lambda: defaultdict(list))
        listed = list(entries)
        for entry in listed:
            prefix = entry.question[:_PREFIX]
            by_length[len(prefix)][prefix].append(entry)
        self._longest = max((len(entry.question) for entry in listed), default=0)
        self._answers = sorted({entry.answer for entry in listed})
        self._by_length = {length: dict(index) for length, index in by_length.items()}
        self.find = lru_cache(maxsize=4096)(self._find)

    def _find(self, prompt: str) -> Entry | None:
        """The question that ends last in the prompt (examples come before it), else None."""
        best: Entry | None = None
        rank = (0, 0)
        for length, index in self._by_length.items():
            for start in range(len(prompt) - length, -1, -1):
                if start + self._longest < rank[0]:
                    break  # nothing that starts here or earlier reaches as far
                for entry in index.get(prompt[start : start + length], ()):
                    size = len(entry.question)
                    if (start + size, size) > rank and prompt.startswith(entry.question, start):
                        best, rank = entry, (start + size, size)
        return best

    def wrong_answer(self, entry: Entry, luck: random.Random) -> str:
        """Something a model might say instead: a number nearby, or another answer of the book."""
        if _NUMBER.match(entry.answer):
            return _near(entry.answer, luck)
        place = luck.randrange(len(self._answers))
        answer = self._answers[place]
        if answer == entry.answer:
            answer = self._answers[place - 1]
        return answer if answer != entry.answer else "I am not sure."


def _near(number: str, luck: random.Random) -> str:
    value = float(number.replace(",", ""))
    step = luck.choice((-10, -2, -1, 1, 2, 3, 10)) * max(1, round(abs(value) * 0.05))
    wrong = value + step
    return str(int(wrong)) if wrong.is_integer() else f"{wrong:.2f}"


def load_answers(path: Path) -> AnswerBook:
    """Read a JSON Lines file of ``question`` and ``answer``.

    Of an answer that shows its working (``… #### 72``) only what follows the mark counts.
    Raises :class:`evalkit.errors.DatasetError` with file and line.
    """
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise DatasetError(f"{path}: {error.strerror}") from error
    return AnswerBook(
        _entry(line, f"{path}:{number}") for number, line in enumerate(lines, 1) if line.strip()
    )


def _entry(line: bytes, where: str) -> Entry:
    try:
        row: Mapping[str, Any] = orjson.loads(line)
        question, answer = row["question"], row["answer"]
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise DatasetError(f"{where}: needs a JSON object with question and answer") from error
    entry = Entry(str(question).strip(), str(answer).split("####")[-1].strip())
    if not entry.question:
        raise DatasetError(f"{where}: the question is empty")
    return entry
