"""Variants x cases x samples become trials, lazily, variants interleaved within each case."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence

from evalkit.messages.request import encode_request, request_digest
from evalkit.plan.estimate import prompt_bytes
from evalkit.plan.matrix import PlannedVariant
from evalkit.plan.prompts import Rendered
from evalkit.types import Case, Request, Trial


def plan_trials(
    variants: Sequence[PlannedVariant], cases: Iterable[Case], samples: int
) -> Iterator[Trial]:
    """Every planned answer, case by case.

    All variants of a case come together, so that a run stopped half-way has compared them on the
    same cases. Raises TemplateError for a case that a prompt does not render for.
    """
    for case in cases:
        rendered: dict[str, tuple[Rendered, int]] = {}
        requests = []
        for planned in variants:
            name = planned.variant.prompt
            if name not in rendered:
                prompt = planned.prompt.render(case)
                rendered[name] = prompt, prompt_bytes(prompt)
            request = build_request(planned, *rendered[name])
            digest = request_digest(encode_request(request, planned.endpoint))
            requests.append((planned, request, digest))
        for sample in range(samples):
            for planned, request, digest in requests:
                yield Trial(
                    key=trial_key(case.id, planned.variant.key, digest, sample),
                    case_id=case.id,
                    variant=planned.variant,
                    sample=sample,
                    request=request,
                    request_digest=digest,
                    case=case,
                )


def build_request(planned: PlannedVariant, rendered: Rendered, size_bytes: int = 0) -> Request:
    """The request of a variant for a rendered prompt of ``size_bytes``."""
    key = planned.variant.key
    prefix = rendered.shared_prefix
    return Request(
        model=planned.model_id,
        messages=rendered.messages,
        max_tokens=planned.max_tokens,
        system=rendered.system,
        thinking=planned.variant.thinking,
        sampling=planned.sampling,
        stop_sequences=planned.stop_sequences,
        options={**planned.options, **rendered.options},
        extra_body=planned.extra_body,
        variant_key=key,
        prefix_key=request_digest({"variant": key, "prefix": prefix}) if prefix else None,
        size_bytes=size_bytes,
    )


def trial_key(case_id: str, variant_key: str, digest: str, sample: int) -> str:
    """The identity of a trial within a run (``b2:`` + 32 hex digits).

    The variant is part of it, since two variants may send the very same request. The request's
    digest is part of it, so that a case whose row changed is a new trial.
    """
    parts = "\x1f".join((case_id, variant_key, digest, str(sample)))
    return (
        "b2:" + hashlib.blake2b(parts.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    )
