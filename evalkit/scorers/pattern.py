"""The scorer that looks for a regular expression, and gives up in time."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import Any

from evalkit.types import Case, Response, Score

_PATIENCE_S = 30.0


@functools.lru_cache(maxsize=64)
def _compiled(pattern: str, flags: int) -> Any:
    import regex

    return regex.compile(pattern, flags)


@dataclass(frozen=True, slots=True, kw_only=True)
class Regex:
    """Right when ``pattern`` is found in the answer.

    If the pattern has a group (one called ``answer``, else the first) and the case has a target,
    what the last match captured must be the target, apart from case and surrounding white space;
    ``compare`` false only looks for the pattern. ``full`` asks for the whole answer to match,
    ``invert`` for no match. Searching takes at most ``timeout_s`` seconds an answer; then the
    score is null. Once half a minute has been lost so, other answers are given a hundredth of it.
    """

    name: str = "regex"
    pattern: str
    case: bool = True
    multiline: bool = True
    dotall: bool = False
    full: bool = False
    invert: bool = False
    compare: bool = True
    timeout_s: float = 1.0
    needs_target: bool = False
    _lost_s: list[float] = field(default_factory=list, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        import regex

        if not self.timeout_s > 0:
            raise ValueError(f"timeout_s is more than 0, found {self.timeout_s:g}")
        try:
            _compiled(self.pattern, self._flags())
        except regex.error as error:
            raise ValueError(f"the pattern {self.pattern!r} is wrong: {error}") from error

    def score(self, case: Case, response: Response) -> Score:
        """See Scorer."""
        within_s = self.timeout_s
        if sum(self._lost_s) > _PATIENCE_S:
            within_s /= 100
        try:
            found = self._last_match(response.text, within_s)
        except TimeoutError:
            self._lost_s.append(within_s)
            slow = f"the pattern took longer than {within_s:g} s"
            return Score(self.name, None, reason=slow)
        if self.invert:
            reason = None if found is None else f"found {found.group()[:80]!r}"
            return Score(self.name, float(found is None), reason=reason)
        if found is None:
            return Score(self.name, 0.0, reason="no match")
        answer = _captured(found)
        if case.target is None or not self.compare or not found.re.groups:
            return Score(self.name, 1.0, answer=answer)
        is_right = answer.strip().casefold() == case.target.strip().casefold()
        reason = None if is_right else f"expected {case.target!r}"
        return Score(self.name, float(is_right), answer=answer, reason=reason)

    def _last_match(self, text: str, within_s: float) -> Any:
        pattern = _compiled(self.pattern, self._flags())
        if self.full:
            return pattern.fullmatch(text.strip(), timeout=within_s)
        if not pattern.groups:
            return pattern.search(text, timeout=within_s)
        last = None
        for match in pattern.finditer(text, timeout=within_s):
            last = match
        return last

    def _flags(self) -> int:
        import regex

        flags = regex.V0
        for is_set, flag in (
            (not self.case, regex.IGNORECASE),
            (self.multiline, regex.MULTILINE),
            (self.dotall, regex.DOTALL),
        ):
            if is_set:
                flags |= flag
        return int(flags)


def _captured(match: Any) -> str:
    """The group called ``answer``, else the first, else the whole match."""
    groups = match.re.groups
    group: int | str = "answer" if "answer" in match.re.groupindex else int(groups > 0)
    return str(match[group] or "")
