"""The scorer of answers that say yes or no."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from evalkit.types import Case, Response, Score

_WORDS = r"(yes|no|true|false|y|n|yeah|yep|yup|nope|nah)"
_YES_NO = re.compile(r"\b(yes|no|true|false)\b", re.IGNORECASE)
_MARKED = re.compile(
    r"(?:\banswer\b[\s*_\"']*+(?:is|(?:should|would|must) be)?\s*+[:=]?"
    r"|####|<answer>|\\boxed\s*\{(?:\\text\s*\{)?)"
    rf"[\s*_\"'`]*+{_WORDS}\b",
    re.IGNORECASE,
)
_FIRST = re.compile(rf"[\W_]*{_WORDS}\b(?!['’])", re.IGNORECASE)
_OPPOSITE = re.compile(
    r"(?:\bnot|n['’]t) (?:(?:entirely|really|quite) )?(true|false)\b", re.IGNORECASE
)
_UNDECIDED = re.compile(r"\b(?:yes (?:or|and|nor) no|true (?:or|nor) false)\b", re.IGNORECASE)


def find_yes_no(text: str) -> bool | None:
    """Whether an answer says yes: where it marks its answer, else its first word, else its last.

    "Not true" is a no; "yes or no" is neither.
    """
    text = unicodedata.normalize("NFKC", text)
    text = _OPPOSITE.sub(lambda found: " false" if found[1].lower() == "true" else " true", text)
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
