"""What prompts refer to, read in: template files, the files they include, worked examples.

A stored suite holds everything its prompts need, so that a run can go on without the files.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator
from pathlib import Path

from evalkit.errors import DatasetError, Problem
from evalkit.suite.dataset import draw_rows, read_rows
from evalkit.suite.includes import Includes, read_text, reason
from evalkit.suite.rows_schema import ExamplesSpec
from evalkit.suite.schema import PromptSpec, Suite
from evalkit.suite.source import SourceMap


def read_prompts(suite: Suite, source: SourceMap, folder: Path) -> tuple[Suite, list[Problem]]:
    """The suite with prompt files, included files and examples in it.

    ``folder`` is the suite's. Includes may not leave the folder of the file that a prompt is
    written in. Prompts whose files or examples cannot be read are left out.
    """
    prompts, problems, includes = dict(suite.prompts), [], Includes(suite.templates)
    for name, prompt in suite.prompts.items():
        if prompt.file is not None:
            where = source.where(("prompts", name, "file"))
            text = read_text(Path(prompt.file))
            if isinstance(text, OSError | UnicodeDecodeError):
                near = nearest_file(Path(prompt.file))
                told = f"cannot read {prompt.file}: {reason(text)}{near}"
                problems.append(Problem(where, told))
                del prompts[name]
                continue
            origin = os.path.relpath(prompt.file, folder)
            prompt = prompt.model_copy(update={"user": text, "file": None, "origin": origin})
        if prompt.examples is not None:
            try:
                prompt = prompt.model_copy(update={"examples": _examples(prompt.examples)})
            except DatasetError as error:
                where = source.where(("prompts", name, "examples"))
                problems.append(Problem(where, error.message))
                del prompts[name]
                continue
        prompts[name] = prompt
        where = source.where(("prompts", name))
        for key, text in _texts(prompt):
            home = Path(source.file(("prompts", name, key))).parent
            problems += [Problem(where, told) for told in includes.add(text, home)]
    update = {"prompts": prompts, "templates": includes.texts}
    return suite.model_copy(update=update), problems


def nearest_file(path: Path) -> str:
    """The file beside it that may have been meant, if any: ``; did you mean prompt.md?``."""
    names = [item.name for item in path.parent.iterdir()] if path.parent.is_dir() else []
    near = difflib.get_close_matches(path.name, names, n=1)
    return f"; did you mean {near[0]}?" if near and near[0] != path.name else ""


def _texts(prompt: PromptSpec) -> Iterator[tuple[str, str]]:
    """The texts of a prompt, each with the key it is written under."""
    if prompt.system is not None:
        yield "system", prompt.system
    if prompt.user is not None:
        yield "file" if prompt.origin else "user", prompt.user
    yield from (("messages", turn.content) for turn in prompt.messages)


def _examples(spec: ExamplesSpec) -> ExamplesSpec:
    """The spec with its rows drawn, one to spare for the case that is an example itself."""
    if spec.path is None or spec.sample is None:
        return spec
    rows = draw_rows(read_rows(spec.source()), spec.sample + 1, spec.seed)
    if len(rows) < spec.sample:
        raise DatasetError(f"{spec.path} has {len(rows)} rows, fewer than sample: {spec.sample}")
    return ExamplesSpec(rows=tuple(map(dict, rows)), sample=spec.sample, seed=spec.seed)
