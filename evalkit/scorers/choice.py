"""Scorers of answers that choose: among lettered options, or yes and no."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evalkit.types import Case, Response, Score

_LETTERS = "ABCDEFGHIJ"
# A capital, or a small letter with only signs behind it ("the answer is a mystery" has none).
_LETTER = r"[*_`\"'(\[]*+(?:([A-J])(?![\w'’])|([a-j])(?=[)\].,;:!*_\"'`}]*+[ \t]*$))"
_SAYS = r"(?i:is|are|would be|should be|must be|has to be)?(?i:[ ]not[ ]\(?[A-J]\)?,?[ ]but)?"
_LINKS = r"[\s:=*_\"'>`-]*+"
# From the surest sign of a choice to the weakest; within one kind the last counts.
_LAYOUTS = tuple(
    re.compile(pattern, re.MULTILINE)
    for pattern in (
        r"\\boxed\s*\{\s*(?:\\(?:text|textbf|mathrm|mathbf)\s*\{)?\s*\(?([A-J])\b",
        rf"\b(?i:answer|ans|(?:correct|right|best|final)[ ](?:option|choice))\b{_LINKS}{_SAYS}"
        rf"{_LINKS}(?:(?i:option|choice)\s+)?{_LETTER}",
        r"(?:答案|正解|选|選)[^A-Za-z\n]{0,6}([A-J])(?![A-Za-z])",
        r"####\s*\(?([A-J])\b",
        r"\b([A-J])[)\]*_]*+ (?i:is|must be|would be) (?i:the )?(?i:correct|right|best|answer)\b",
        rf"\b(?i:option|choice)\b{_LINKS}{_SAYS}{_LINKS}{_LETTER}",
        r"^[ \t*_`#(\[]*+([A-J])[*_`)\].]*+[ \t]*$",
        rf"\b(?i:choose|select|pick|go(?:ing)? with|left with|it['’]?s|it is)[ ]+{_LETTER}",
    )
)
# One such line chooses; several, with different letters, only list what there is to choose from.
_LISTED = re.compile(r"^[ \t*_`]*+\(?([A-J])[).:]", re.MULTILINE)
_WEAK = (
    re.compile(r"\*\*\(?([A-J])[).:]?(?=\W)"),
    re.compile(r"[(\[]([A-J])[)\]]"),
    re.compile(r"^[ \t`\"'(]*+([a-j])[`\"').]*+[ \t]*$", re.MULTILINE),
)


def find_letter(text: str, n_choices: int = 10) -> str | None:
    """The letter (A to J) an answer chooses, or None; ``n_choices`` bounds the letters."""
    known = _LETTERS[:n_choices]
    for layout in (*_LAYOUTS, _LISTED, *_WEAK):
        found = [one for match in layout.finditer(text) if (one := _chosen(match)) in known]
        if found and not (len(set(found)) > 1 and layout is _LISTED):
            return found[-1]
    return None


def _chosen(match: re.Match[str]) -> str:
    return str(match[match.lastindex or 0]).upper()


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


_WORDS = r"(yes|no|true|false|y|n|yeah|yep|yup|nope|nah)"
_YES_NO = re.compile(r"\b(yes|no|true|false)\b", re.IGNORECASE)
_MARKED = re.compile(
    r"(?:\banswer\b[\s*_\"']*+(?:is)?\s*+[:=]?|####|<answer>|\\boxed\s*\{(?:\\text\s*\{)?)"
    rf"[\s*_\"'`]*+{_WORDS}\b",
    re.IGNORECASE,
)
_FIRST = re.compile(rf"[\W_]*{_WORDS}\b(?!['’])", re.IGNORECASE)
_DENIED = re.compile(
    r"(?:\bnot|n['’]t) (?:(?:entirely|really|quite) )?(true|false)\b", re.IGNORECASE
)
_UNDECIDED = re.compile(r"\b(?:yes (?:or|and|nor) no|true (?:or|nor) false)\b", re.IGNORECASE)


def find_yes_no(text: str) -> bool | None:
    """Whether an answer says yes: where it marks its answer, else its first word, else its last.

    "Not true" is a no; "yes or no" is neither.
    """
    text = _DENIED.sub(lambda found: "false" if found[1].lower() == "true" else "true", text)
    text = _UNDECIDED.sub("", text)
    if marked := _MARKED.findall(text):
        return _is_yes(marked[-1])
    if first := _FIRST.match(text):
        return _is_yes(first[1])
    found = _YES_NO.findall(text)
    return _is_yes(found[-1]) if found else None


def _is_yes(word: str) -> bool:
    return word.casefold() in ("yes", "true", "y", "yeah", "yep", "yup")


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
