"""Scorers that hold an answer to a limit: time, money, length, thinking, how it ended."""

from __future__ import annotations

from dataclasses import dataclass

from evalkit.types import Case, Response, Score


def _check_limit(option: str, most: float) -> None:
    """Raise ValueError for a limit that no answer can keep."""
    if not most >= 0:
        raise ValueError(f"{option} is 0 or more, found {most:g}")


def _within(name: str, found: float | None, most: float, unit: str) -> Score:
    if found is None:
        return Score(name, None, reason="unknown for this answer")
    is_right = found <= most
    reason = None if is_right else f"{found:g} {unit}, at most {most:g}"
    return Score(name, float(is_right), answer=f"{found:g}", reason=reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Right when the answer took at most ``max_s`` seconds in service."""

    name: str = "latency"
    max_s: float
    needs_target: bool = False

    def __post_init__(self) -> None:
        _check_limit("max_s", self.max_s)

    def score(self, case: Case, response: Response) -> Score:
        """See Scorer."""
        return _within(self.name, response.elapsed_s, self.max_s, "s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Right when the answer, with all its attempts, cost at most ``max_usd`` dollars."""

    name: str = "cost"
    max_usd: float
    needs_target: bool = False

    def __post_init__(self) -> None:
        _check_limit("max_usd", self.max_usd)

    def score(self, case: Case, response: Response) -> Score:
        """See Scorer."""
        return _within(self.name, response.cost_usd, self.max_usd, "dollars")


@dataclass(frozen=True, slots=True, kw_only=True)
class Length:
    """Right when the answer has ``min`` to ``max`` of a ``unit``: characters, words or lines."""

    name: str = "length"
    min: int = 0
    max: int | None = None
    unit: str = "characters"
    needs_target: bool = False

    def __post_init__(self) -> None:
        if self.unit not in ("characters", "words", "lines"):
            raise ValueError(f"unit is characters, words or lines, found {self.unit!r}")
        if self.max is not None and self.max < self.min:
            raise ValueError(f"max is no less than min, found {self.min} to {self.max}")

    def score(self, case: Case, response: Response) -> Score:
        """See Scorer."""
        text = response.text.strip()
        parts = {"characters": text, "words": text.split(), "lines": text.splitlines()}
        count = len(parts[self.unit])
        if count < self.min:
            reason = f"{count} {self.unit}, at least {self.min}"
        elif self.max is not None and count > self.max:
            reason = f"{count} {self.unit}, at most {self.max}"
        else:
            return Score(self.name, 1.0, answer=str(count))
        return Score(self.name, 0.0, answer=str(count), reason=reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class ThinkingTokens:
    """Right when at most ``max`` tokens went into thinking; null where the server does not say."""

    name: str = "thinking_tokens"
    max: int
    needs_target: bool = False

    def __post_init__(self) -> None:
        _check_limit("max", self.max)

    def score(self, case: Case, response: Response) -> Score:
        """See Scorer."""
        return _within(self.name, response.usage.thinking_tokens, self.max, "tokens")


@dataclass(frozen=True, slots=True, kw_only=True)
class StopReason:
    """Right when the answer ended for one of the reasons in ``allowed``."""

    name: str = "stop_reason"
    allowed: tuple[str, ...] = ("end_turn", "stop_sequence", "tool_use")
    needs_target: bool = False

    def score(self, case: Case, response: Response) -> Score:
        """See Scorer."""
        if response.stop_reason is None:
            return Score(self.name, None, reason="unknown for this answer")
        is_right = response.stop_reason in self.allowed
        reason = None if is_right else f"ended with {response.stop_reason}"
        return Score(self.name, float(is_right), answer=response.stop_reason, reason=reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Right when the model refused, by its stop reason; with ``wanted`` false, when it did not."""

    name: str = "refusal"
    wanted: bool = True
    needs_target: bool = False

    def score(self, case: Case, response: Response) -> Score:
        """See Scorer."""
        if response.stop_reason is None:
            return Score(self.name, None, reason="unknown for this answer")
        refused = response.stop_reason == "refusal"
        reason = None if refused == self.wanted else f"ended with {response.stop_reason}"
        return Score(self.name, float(refused == self.wanted), reason=reason)
