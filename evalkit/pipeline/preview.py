"""A suite looked at before it is run: its variants, its cases counted, its prompts rendered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evalkit.pipeline.endpoints import resolve_endpoints
from evalkit.pipeline.start import CHECKED_CASES, case_check, check_suite
from evalkit.plan.gating import TagCheck
from evalkit.plan.matrix import PlannedVariant, plan_variants
from evalkit.plan.probe import Probe
from evalkit.plan.selection import Selection
from evalkit.suite.dataset import read_rows
from evalkit.suite.load import LoadedSuite
from evalkit.suite.row_faults import RowFaults
from evalkit.types import Case


@dataclass(frozen=True, slots=True)
class Preview:
    """The variants of a suite, how many cases it has, and some of them."""

    variants: Sequence[PlannedVariant]
    n_cases: int
    probe: Probe
    samples: int

    @property
    def first(self) -> Case:
        """The case that stands first."""
        return self.probe.cases[0]

    @property
    def n_trials(self) -> int:
        """Answers asked for in all."""
        return len(self.variants) * self.n_cases * self.samples


def preview_suite(loaded: LoadedSuite, env: Mapping[str, str], only: Sequence[str] = ()) -> Preview:
    """Check a suite and count its cases; nothing is sent or written.

    Every row is read and its id compared with all others; prompts and targets are rendered for the
    first 20,000. Raises what ``start_run`` raises for a suite that cannot work.
    """
    suite = loaded.suite
    check_suite(loaded)
    variants = plan_variants(suite, resolve_endpoints(suite, env), only)
    faults = RowFaults()
    check = case_check(loaded, variants, faults)
    tags = TagCheck(loaded)
    probe = Probe()
    selection = Selection(read_rows(suite.dataset, faults), suite.dataset, faults)
    for case_id, row in selection.first(CHECKED_CASES):
        case = check.case(case_id, row)
        if case is None:
            continue
        tags.note(case)
        probe.note(case)
    faults.settle()
    if selection.total <= CHECKED_CASES:
        tags.settle()
    return Preview(variants, selection.total, probe, suite.samples)
