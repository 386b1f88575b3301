"""What two variants differ in besides the axis they are compared along."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from evalkit.analysis.matching import Match
from evalkit.analysis.results import Axis
from evalkit.analysis.trials import Trials

_PART_OF: dict[Axis | None, frozenset[str]] = {
    "thinking": frozenset({"thinking", "thinking sent", "max_tokens"}),
    "prompt": frozenset({"prompt", "stop sequences"}),
    "model": frozenset({"model", "endpoint", "model answered", "max_tokens"}),
    "run": frozenset(),
    None: frozenset({"thinking", "thinking sent", "prompt", "model", "max_tokens"}),
}
"""What differs by itself along an axis. Room for thinking follows the setting and the model."""


ROOM = "max_tokens for the answer"
"""The trait that max_tokens follows, with the room for thinking on top."""


def confounds(trials: Trials, match: Match) -> Iterator[str]:
    """Each further difference in words: ``temperature 0 against 1``, the candidate's first."""
    if trials.traits:
        ours, theirs = trials.traits[match.candidate], trials.traits[match.baseline]
        for trait in dict.fromkeys([*ours, *theirs]):
            one, other = ours.get(trait, "unset"), theirs.get(trait, "unset")
            is_implied = trait == "max_tokens" and ours.get(ROOM) != theirs.get(ROOM)
            if one != other and trait not in _PART_OF[match.axis] and not is_implied:
                yield f"{trait} {one} against {other}"
    if "model answered" not in _PART_OF[match.axis]:
        answered = [_answered(trials, row) for row in (match.candidate, match.baseline)]
        if all(answered) and answered[0] != answered[1]:
            yield f"model answered {' and '.join(answered[0])} against {' and '.join(answered[1])}"


def _answered(trials: Trials, row: int) -> list[str]:
    """The names by which models answered a variant."""
    codes = trials.model_answered.codes[(trials.variant == row) & trials.is_answered]
    seen = np.bincount(codes[codes >= 0], minlength=len(trials.model_answered.names)) > 0
    return sorted(trials.model_answered.names[code] for code in np.flatnonzero(seen))
