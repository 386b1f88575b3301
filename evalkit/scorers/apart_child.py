"""The other end of ``apart.py``: a process that has one scorer and answers questions."""

from __future__ import annotations

import importlib
import json
import os
import pickle
import resource
import threading
from typing import Any, NoReturn

from evalkit.scorers.apart import Origin
from evalkit.scorers.sandbox import fences
from evalkit.scorers.scorer import Scorer
from evalkit.scorers.user import scorer_from_file, scorer_from_plugin
from evalkit.types import Score


def main(asked: int, tell: int) -> None:
    """Load the scorer that is asked for first, then grade until there are no more questions."""
    parent = os.getppid()
    threading.Thread(target=_watch, args=(parent,), daemon=True).start()
    for end in (asked, tell):
        os.set_inheritable(end, False)
    with open(asked, "rb") as questions:
        scorer = _load(_next(questions), tell)
        while True:
            case, response = _next(questions)
            try:
                score = scorer.score(case, response)
            except BaseException as error:  # noqa: BLE001 - it spoils this one score alone
                failed = f"the scorer failed: {type(error).__name__}: {error}"
                score = Score(scorer.name, None, reason=failed)
            _tell(tell, {"value": score.value, "answer": score.answer, "reason": score.reason})


def _load(origin: Origin, tell: int) -> Scorer:
    if origin.memory_mb is not None:
        fences.limit(resource.RLIMIT_AS, origin.memory_mb * 1024 * 1024)
    try:
        scorer = _found(origin)
        needs_target = scorer.needs_target
    except BaseException as error:
        words = str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
        _tell(tell, {"error": words})
        raise SystemExit(0) from error
    _tell(tell, {"needs_target": needs_target})
    return scorer


def _found(origin: Origin) -> Scorer:
    options = json.loads(origin.options)
    if origin.kind == "file":
        return scorer_from_file(origin.place, origin.name, options)
    if origin.kind == "plugin":
        return scorer_from_plugin(origin.place, origin.name, options)
    module, _, kind = origin.place.partition(":")
    own = getattr(importlib.import_module(module), kind)(name=origin.name, **options)
    if hasattr(own, "prepare"):
        own.prepare()
    scorer: Scorer = own
    return scorer


def _next(questions: Any) -> Any:
    size = questions.read(4)
    if len(size) < 4:
        os._exit(0)
    return pickle.loads(questions.read(int.from_bytes(size)))


def _tell(tell: int, told: dict[str, Any]) -> None:
    data = json.dumps(told).encode()
    view = memoryview(len(data).to_bytes(4) + data)
    while view:
        view = view[os.write(tell, view) :]


def _watch(parent: int) -> NoReturn:
    """End with the process that asks, also in the middle of an answer."""
    pause = threading.Event()
    while os.getppid() == parent:
        pause.wait(1.0)
    os._exit(0)
