"""Scorers that compare text."""

from __future__ import annotations

from dataclasses import dataclass

from evalkit.types import Case, Response, Score


@dataclass(frozen=True, slots=True)
class Exact:
    """Right when the answer is the target, apart from case and surrounding white space.

    ``case`` true makes upper and lower case matter.
    """

    name: str = "exact"
    case: bool = False
    needs_target: bool = True

    def score(self, case: Case, response: Response) -> Score:
        """See Scorer."""
        if case.target is None:
            return Score(self.name, None, reason="the case has no target")
        answer, target = self._normal(response.text), self._normal(case.target)
        is_right = answer == target
        reason = None if is_right else f"expected {target!r}"
        return Score(self.name, float(is_right), answer=response.text.strip(), reason=reason)

    def _normal(self, text: str) -> str:
        text = " ".join(text.split())
        return text if self.case else text.casefold()
