"""Trials answered from the cache, and answers put into it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from evalkit.messages.request import messages_url
from evalkit.store.cache import Cache, CachedAnswer, default_folder
from evalkit.suite.schema import CacheSpec
from evalkit.tables import encode_row
from evalkit.types import Endpoint, Response, Trial, TrialResult, Usage

_ASKED = ("api", "batch")


@contextmanager
def open_answers(
    spec: CacheSpec, endpoints: Mapping[str, Endpoint], run_id: str, env: Mapping[str, str]
) -> Iterator[CachedAnswers | None]:
    """The cache as a suite wants it used; None where it is off. Raises StoreError."""
    if spec.mode == "off":
        yield None
        return
    cache = Cache(Path(spec.dir).expanduser() if spec.dir else default_folder(env))
    try:
        yield CachedAnswers(cache, endpoints, run_id, is_reading=spec.mode == "reuse")
    finally:
        cache.close()


@dataclass(frozen=True, slots=True)
class CachedAnswers:
    """The cache as one run sees it; ``endpoints`` are by the models' names in the suite."""

    cache: Cache
    endpoints: Mapping[str, Endpoint]
    run_id: str
    is_reading: bool

    def find(self, trial: Trial) -> TrialResult | None:
        """The result of a trial, from an earlier run: at no cost now, its old cost beside."""
        if not self.is_reading:
            return None
        found = self.cache.find(self._key(trial), not_of_run=self.run_id)
        response = _decode(found.answer) if found else None
        if found is None or response is None:
            return None
        return TrialResult(
            trial,
            response,
            datetime.now(UTC),
            cost_usd=0.0,
            source="cache",
            original_cost_usd=found.cost_usd,
        )

    def keep(self, results: Iterable[TrialResult]) -> None:
        """Store what was answered just now; failures and cached answers are passed over."""
        self.cache.keep(
            CachedAnswer(
                key=self._key(result.trial),
                answer=encode_row(asdict(result.outcome)),
                cost_usd=result.cost_usd,
                model=result.trial.request.model,
                run_id=self.run_id,
            )
            for result in results
            if isinstance(result.outcome, Response) and result.source in _ASKED
        )

    def _key(self, trial: Trial) -> str:
        endpoint = self.endpoints[trial.variant.model]
        place = "embedded" if endpoint.is_embedded else messages_url(endpoint.base_url)
        asked = (place, endpoint.version, ",".join(endpoint.beta), trial.request_digest)
        parts = "\x1f".join((*asked, str(trial.sample)))
        return "b2:" + hashlib.blake2b(parts.encode(), digest_size=16).hexdigest()


def _decode(data: bytes) -> Response | None:
    """The answer as this version holds it; None for one that another version has kept."""
    try:
        fields: dict[str, Any] = orjson.loads(data)
        return Response(
            **{
                **fields,
                "usage": Usage(**fields["usage"]),
                "tool_calls": tuple(fields["tool_calls"]),
                "attempts": (),  # nothing was sent this time
            }
        )
    except (KeyError, TypeError, ValueError):
        return None
