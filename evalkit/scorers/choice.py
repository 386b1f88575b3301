"""Scorers of answers that choose: among lettered options, or yes and no."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evalkit.types import Case, Response, Score

_LETTERS = "ABCDEFGHIJ"
# From the surest sign of a choice to the weakest; within one kind the last counts.
_LAYOUTS = (
    re.compile(r"\\boxed\s*\{\s*(?:\\text\s*\{)?\s*\(?([A-J])\b"),
    re.compile(
        r"\b(?:answer|choice|option)\b(?:\s+(?:is|would be|should be))?\s*[:=]?\s*"
        r"(?:(?:option|choice)\s+)?[*_`\"'(\[]*([A-J])(?![\w'’])",
        re.IGNORECASE,
    ),
    re.compile(r"####\s*\(?([A-J])\b"),
    re.compile(r"^[\s*_`#(\[]*([A-J])[*_`)\].]*\s*$", re.MULTILINE),
    re.compile(r"^[\s*_`]*\(?([A-J])[).:]", re.MULTILINE),
    re.compile(r"\*\*\(?([A-J])[).:]?(?=\W)"),
    re.compile(r"[(\[]([A-J])[)\]]"),
    re.compile(r"^\s*[`\"'(]*([a-j])[`\"').]*\s*$", re.MULTILINE),
)


def find_letter(text: str, n_choices: int = 10) -> str | None:
    """The letter (A to J) an answer chooses, or None; ``n_choices`` bounds the letters."""
    known = _LETTERS[:n_choices]
    for layout in _LAYOUTS:
        found: list[str] = [
            letter.upper() for letter in layout.findall(text) if letter.upper() in known
        ]
        # A list of all options is no choice: the same kind of sign with different letters, at the
        # beginnings of lines, says which options there are.
        if found and not (len(set(found)) > 1 and layout is _LAYOUTS[4]):
            return found[-1]
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class MultipleChoice:
    """Right when the answer chooses the target, by letter or by an option's text.

    ``choices`` names the column with the options: a list of texts, or letters with texts. The
    target is a letter, an option's text, or (where ``choices`` is given) a place from 0.
    """

    name: str = "multiple_choice"
    choices: str | None = None
    needs_target: bool = True

    def score(self, case: Case, response: Response) -> Score:
        """See Scorer."""
        if case.target is None:
            return Score(self.name, None, reason="the case has no target")
        options = _options(case.inputs.get(self.choices)) if self.choices else {}
        target = _letter_of(case.target, options)
        if target is None:
            stray = f"the target {case.target!r} is none of the choices"
            return Score(self.name, None, reason=stray)
        letter = find_letter(response.text, len(options) or 10) or _by_text(response.text, options)
        if letter is None:
            return Score(self.name, 0.0, reason="no choice in the answer")
        reason = None if letter == target else f"expected {target}"
        return Score(self.name, float(letter == target), answer=letter, reason=reason)


def _options(column: object) -> dict[str, str]:
    if isinstance(column, Mapping):
        if isinstance(column.get("text"), list) and isinstance(column.get("label"), list):
            return dict(zip(_LETTERS, map(str, column["text"]), strict=False))
        return {str(key).upper(): str(text) for key, text in column.items()}
    if isinstance(column, Sequence) and not isinstance(column, str):
        return dict(zip(_LETTERS, map(str, column), strict=False))
    raise ValueError(f"the choices are a list of texts, found {column!r}")


def _letter_of(target: str, options: Mapping[str, str]) -> str | None:
    plain = target.strip().strip("().")
    for letter, text in options.items():
        if text.strip().casefold() == target.strip().casefold():
            return letter
    if plain.upper() in (options or _LETTERS) and len(plain) == 1:
        return plain.upper()
    if options and plain.isdecimal() and int(plain) < len(options):
        return list(options)[int(plain)]
    return None


def _by_text(text: str, options: Mapping[str, str]) -> str | None:
    """The one option whose text stands in the answer; None if several do (unless one holds all)."""
    folded = text.casefold()
    found = [letter for letter, option in options.items() if _has_words(folded, option)]
    if not found:
        return None
    longest = max(found, key=lambda letter: len(options[letter]))
    held = options[longest].casefold()
    return longest if all(options[letter].casefold() in held for letter in found) else None


def _has_words(folded: str, option: str) -> bool:
    wanted = re.escape(option.strip().casefold())
    return bool(wanted) and re.search(rf"(?<!\w){wanted}(?!\w)", folded) is not None


_YES_NO = re.compile(r"\b(yes|no|true|false)\b", re.IGNORECASE)
_MARKED = re.compile(
    r"(?:\banswer\b(?:\s+is)?\s*:?|####|\\boxed\s*\{(?:\\text\s*\{)?)[\s*_\"'`]*(yes|no|true|false)\b",
    re.IGNORECASE,
)


def find_yes_no(text: str) -> bool | None:
    """Whether an answer says yes: where it marks its answer, else its first word, else its last."""
    if marked := _MARKED.findall(text):
        return _is_yes(marked[-1])
    if first := re.match(r"[\W_]*(yes|no|true|false)\b", text, re.IGNORECASE):
        return _is_yes(first[1])
    found = _YES_NO.findall(text)
    return _is_yes(found[-1]) if found else None


def _is_yes(word: str) -> bool:
    return word.casefold() in ("yes", "true")


@dataclass(frozen=True, slots=True, kw_only=True)
class YesNo:
    """Right when the answer says yes or no as the target does (true, false, 1 and 0 count)."""

    name: str = "yes_no"
    needs_target: bool = True

    def score(self, case: Case, response: Response) -> Score:
        """See Scorer."""
        if case.target is None:
            return Score(self.name, None, reason="the case has no target")
        word = {"1": "yes", "0": "no", "y": "yes", "n": "no"}.get(
            case.target.strip().casefold(), case.target
        )
        target = find_yes_no(word)
        if target is None:
            return Score(self.name, None, reason=f"the target {case.target!r} is no yes or no")
        said = find_yes_no(response.text)
        if said is None:
            return Score(self.name, 0.0, reason="neither yes nor no in the answer")
        answer = "yes" if said else "no"
        reason = None if said == target else f"expected {'yes' if target else 'no'}"
        return Score(self.name, float(said == target), answer=answer, reason=reason)
