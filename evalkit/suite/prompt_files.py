"""What prompts refer to, read in: template files, the files they include, worked examples.

A stored suite holds everything its prompts need, so that a run can go on without the files.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator
from pathlib import Path

from jinja2 import Environment, TemplateSyntaxError, meta

from evalkit.errors import DatasetError, Problem
from evalkit.suite.dataset import draw_rows, read_rows
from evalkit.suite.rows_schema import ExamplesSpec
from evalkit.suite.schema import PromptSpec, Suite
from evalkit.suite.source import SourceMap


def read_prompts(suite: Suite, source: SourceMap, folder: Path) -> tuple[Suite, list[Problem]]:
    """The suite with prompt files, included files and examples in it.

    ``folder`` is the suite's, which includes may not leave. Prompts whose files or examples cannot
    be read are left out.
    """
    prompts, problems, templates = dict(suite.prompts), [], dict(suite.templates)
    for name, prompt in suite.prompts.items():
        if prompt.file is not None:
            where = source.where(("prompts", name, "file"))
            text = _read(Path(prompt.file))
            if isinstance(text, OSError | UnicodeDecodeError):
                near = nearest_file(Path(prompt.file))
                told = f"cannot read {prompt.file}: {_reason(text)}{near}"
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
        for text in _texts(prompt):
            problems += [Problem(where, told) for told in _include(text, folder, templates)]
    update = {"prompts": prompts, "templates": templates}
    return suite.model_copy(update=update), problems


def _read(path: Path) -> str | OSError | UnicodeDecodeError:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        return error


def _reason(error: OSError | UnicodeDecodeError) -> str:
    return str(error.strerror) if isinstance(error, OSError) else "not UTF-8"


def nearest_file(path: Path) -> str:
    """The file beside it that may have been meant, if any: ``; did you mean prompt.md?``."""
    names = [item.name for item in path.parent.iterdir()] if path.parent.is_dir() else []
    near = difflib.get_close_matches(path.name, names, n=1)
    return f"; did you mean {near[0]}?" if near and near[0] != path.name else ""


def _texts(prompt: PromptSpec) -> list[str]:
    return [
        text
        for text in (prompt.system, prompt.user, *(turn.content for turn in prompt.messages))
        if text is not None
    ]


def _include(text: str, folder: Path, templates: dict[str, str]) -> Iterator[str]:
    """Read every file that a template text includes, and those they include; say what cannot be.

    Text that does not compile is told of elsewhere, with its line.
    """
    try:
        names = list(meta.find_referenced_templates(Environment().parse(text)))
    except TemplateSyntaxError:
        return
    for name in names:
        if name is None:
            yield 'an include names its file in quotes: {% include "intro.md" %}'
        elif name not in templates:
            path = (folder / name).resolve()
            if not path.is_relative_to(folder.resolve()):
                yield f"includes {name}, which is outside the suite's folder"
                continue
            found = _read(path)
            if isinstance(found, OSError | UnicodeDecodeError):
                yield f"includes {name}, which cannot be read: {_reason(found)}"
                continue
            templates[name] = found
            yield from _include(found, folder, templates)


def _examples(spec: ExamplesSpec) -> ExamplesSpec:
    """The spec with its rows drawn, one to spare for the case that is an example itself."""
    if spec.path is None or spec.sample is None:
        return spec
    rows = draw_rows(read_rows(spec.source()), spec.sample + 1, spec.seed)
    if len(rows) < spec.sample:
        raise DatasetError(f"{spec.path} has {len(rows)} rows, fewer than sample: {spec.sample}")
    return ExamplesSpec(rows=tuple(map(dict, rows)), sample=spec.sample, seed=spec.seed)
