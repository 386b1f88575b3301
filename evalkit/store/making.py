"""A run folder is made: all of it is on the disk before the manifest, which makes it a run."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from evalkit.store.cases import write_cases
from evalkit.store.files import make_folder, sync_file, sync_folder, writing
from evalkit.store.jobs import write_job
from evalkit.store.manifest import Manifest, write_manifest
from evalkit.store.runs import RunFolder
from evalkit.types import Case

_ELSEWHERE = "Choose another place with --runs DIR."


def create_run(
    folder: Path,
    manifest: Manifest,
    suite_text: str,
    cases: Iterable[Case],
    job: Mapping[str, Any] | None = None,
) -> RunFolder:
    """A new run without any outcome; ``job`` says what it is for, unless asked for by hand.

    As :func:`prepare_run`, with the manifest.
    """
    manifest = prepare_run(folder, manifest, suite_text, cases, job)
    try:
        write_manifest(folder, manifest)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return RunFolder(folder)


def prepare_run(
    folder: Path,
    manifest: Manifest,
    suite_text: str,
    cases: Iterable[Case],
    job: Mapping[str, Any] | None = None,
) -> Manifest:
    """Make the folder of a run but for its manifest: it is no run until that is written.

    Returns the manifest with ``n_cases``, the dataset's digest and ``planned`` (given per case)
    filled in from the cases. Raises StoreError, and whatever reading the cases raises; then the
    folder is removed again.
    """
    with writing(folder, _ELSEWHERE):
        make_folder(folder, is_new=True)
    try:
        with writing(folder, _ELSEWHERE):
            (folder / "suite.yaml").write_text(suite_text, encoding="utf-8")
            n_cases, digest = write_cases(folder / "cases.parquet", cases)
            for name in ("suite.yaml", "cases.parquet"):
                sync_file(folder / name)
            sync_folder(folder)
            if job is not None:
                write_job(folder, job)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return replace(
        manifest,
        n_cases=n_cases,
        planned=manifest.planned * n_cases,
        digests={**manifest.digests, "dataset": digest},
    )
