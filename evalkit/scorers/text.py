"""Scorers that compare text."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from evalkit.types import Case, Response, Score

_ARTICLES = re.compile(r"\b(?:a|an|the)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Normalised:
    """What two texts may differ in and still be the same.

    ``case`` and ``whitespace`` true make those matter. ``ignore_punctuation``,
    ``ignore_articles`` (English) and ``ignore_accents`` leave those out; ``unicode`` reads
    compatible forms (full-width digits, ligatures) as the plain ones.
    """

    case: bool = False
    whitespace: bool = False
    unicode: bool = True
    ignore_punctuation: bool = False
    ignore_articles: bool = False
    ignore_accents: bool = False

    def normal(self, text: str) -> str:
        """The text with everything taken away that shall not matter."""
        if self.unicode and not text.isascii():
            text = unicodedata.normalize("NFKC", text)
        if self.ignore_accents:
            parts = unicodedata.normalize("NFD", text)
            text = "".join(sign for sign in parts if not unicodedata.combining(sign))
        if self.ignore_punctuation:
            text = "".join(
                " " if unicodedata.category(sign).startswith("P") or sign in "`´" else sign
                for sign in text
            )
        if self.ignore_articles:
            text = _ARTICLES.sub(" ", text)
        if not self.whitespace:
            text = " ".join(text.split())
        return text if self.case else text.casefold()


@dataclass(frozen=True, slots=True, kw_only=True)
class Exact(Normalised):
    """Right when the answer is the target, apart from case and white space."""

    name: str = "exact"
    needs_target: bool = True

    def score(self, case: Case, response: Response) -> Score:
        """See Scorer."""
        if case.target is None:
            return Score(self.name, None, reason="the case has no target")
        answer, target = self.normal(response.text), self.normal(case.target)
        is_right = answer == target
        reason = None if is_right else f"expected {target!r}"
        # The normal form is what several samples can agree on.
        return Score(self.name, float(is_right), answer=answer, reason=reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted(Normalised):
    """Texts to look for: ``values``, or the case's target where none are given."""

    name: str
    values: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not all(self.values):
            raise ValueError("values has an empty text, which stands in every answer")

    @property
    def needs_target(self) -> bool:
        """See Scorer."""
        return not self.values

    def wanted(self, case: Case) -> tuple[str, ...]:
        """The texts, in normal form; none if the case has no target."""
        texts = self.values or ((case.target,) if case.target is not None else ())
        return tuple(self.normal(text) for text in texts)

    def grade(self, value: float, missed: str | None) -> Score:
        """A score with what was missed as its reason."""
        return Score(self.name, value, reason=missed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Includes(Wanted):
    """The share of the texts that stand in the answer; with ``any``, whether one does."""

    name: str = "includes"
    any: bool = False

    def score(self, case: Case, response: Response) -> Score:
        """See Scorer."""
        wanted = self.wanted(case)
        if not wanted:
            return Score(self.name, None, reason="the case has no target")
        text = self.normal(response.text)
        missing = [value for value in wanted if value not in text]
        found = len(wanted) - len(missing)
        value = float(found > 0) if self.any else found / len(wanted)
        reason = None if value == 1 else f"missing: {', '.join(missing)}"
        return self.grade(value, reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Excludes(Wanted):
    """Right when none of the texts stands in the answer."""

    name: str = "excludes"

    def score(self, case: Case, response: Response) -> Score:
        """See Scorer."""
        wanted = self.wanted(case)
        if not wanted:
            return Score(self.name, None, reason="the case has no target")
        text = self.normal(response.text)
        found = [value for value in wanted if value in text]
        return self.grade(float(not found), f"found: {', '.join(found)}" if found else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class StartsWith(Wanted):
    """Right when the answer begins with one of the texts."""

    name: str = "starts_with"

    def score(self, case: Case, response: Response) -> Score:
        """See Scorer."""
        wanted = self.wanted(case)
        if not wanted:
            return Score(self.name, None, reason="the case has no target")
        is_right = self.normal(response.text).startswith(wanted)
        return self.grade(float(is_right), None if is_right else f"expected {wanted[0]!r} first")


@dataclass(frozen=True, slots=True, kw_only=True)
class EndsWith(Wanted):
    """Right when the answer ends with one of the texts."""

    name: str = "ends_with"

    def score(self, case: Case, response: Response) -> Score:
        """See Scorer."""
        wanted = self.wanted(case)
        if not wanted:
            return Score(self.name, None, reason="the case has no target")
        is_right = self.normal(response.text).endswith(wanted)
        return self.grade(float(is_right), None if is_right else f"expected {wanted[0]!r} last")


@dataclass(frozen=True, slots=True, kw_only=True)
class Similarity(Normalised):
    """How near the answer is to the target: 1 the same, 0 nothing in common (rapidfuzz).

    ``method`` is ``ratio`` (order of signs), ``partial`` (the target somewhere in the answer),
    ``words`` (order of words does not matter) or ``word_set`` (nor does how often). With
    ``threshold`` the score is 1 from there on, else 0. Long texts may take long: after
    ``timeout_s`` seconds the score is null.
    """

    name: str = "similarity"
    method: str = "ratio"
    threshold: float | None = None
    timeout_s: float = 10.0
    needs_target: bool = True

    def __post_init__(self) -> None:
        if self.method not in _METHODS:
            raise ValueError(f"method is one of {', '.join(_METHODS)}, found {self.method!r}")
        if self.threshold is not None and not 0 <= self.threshold <= 1:
            raise ValueError(f"threshold is a share from 0 to 1, found {self.threshold:g}")

    def is_quick(self, case: Case, response: Response) -> bool:
        """Time grows with the product of the lengths, for ``partial`` with the third power."""
        shorter, longer = sorted((len(case.target or ""), len(response.text)))
        steps = shorter * longer * (shorter if self.method == "partial" else 1)
        return steps <= _QUICK_STEPS

    def score(self, case: Case, response: Response) -> Score:
        """See Scorer."""
        from rapidfuzz import fuzz

        if case.target is None:
            return Score(self.name, None, reason="the case has no target")
        compare = getattr(fuzz, _METHODS[self.method])
        near = compare(self.normal(response.text), self.normal(case.target)) / 100
        value = near if self.threshold is None else float(near >= self.threshold)
        reason = None if value == 1 else f"similarity {near:.3f}"
        return Score(self.name, value, answer=response.text.strip(), reason=reason)


_QUICK_STEPS = 10**9
_METHODS = {
    "ratio": "ratio",
    "partial": "partial_ratio",
    "words": "token_sort_ratio",
    "word_set": "token_set_ratio",
}
