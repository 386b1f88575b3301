"""The files that prompts include, read in by the names templates call them by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from jinja2 import Environment, TemplateSyntaxError, nodes

_KINDS = (nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)


def read_text(path: Path) -> str | OSError | UnicodeDecodeError:
    """The text of a file, or why there is none."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        return error


def reason(error: OSError | UnicodeDecodeError) -> str:
    """Why a file cannot be read, in few words."""
    return str(error.strerror) if isinstance(error, OSError) else "not UTF-8"


class Includes:
    """The ``texts`` of included files by name, each read once."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self.texts = dict(texts)
        self._paths: dict[str, Path] = {}

    def add(self, text: str, folder: Path) -> Iterator[str]:
        """Read every file that a template text includes, and those they include; say what fails.

        Names are relative to ``folder``, which they may not leave. Text that does not compile is
        told of elsewhere, with its line.
        """
        try:
            found = list(Environment().parse(text).find_all(_KINDS))
        except TemplateSyntaxError:
            return
        for node in found:
            names = _names(getattr(node, "template"))  # noqa: B009
            if names is None:
                yield 'an include names its file in quotes: {% include "intro.md" %}'
                continue
            faults = [list(self._read(name, folder)) for name in names]
            is_optional = getattr(node, "ignore_missing", False) or not all(faults)
            for name, told in zip(names, faults, strict=True):
                is_there = name in self.texts or (folder / name).exists()
                yield from told if is_there or not is_optional else ()

    def _read(self, name: str, folder: Path) -> Iterator[str]:
        path = (folder / name).resolve()
        if not path.is_relative_to(folder.resolve()):
            yield f"includes {name}, which is outside the suite's folder"
            return
        if name in self.texts:
            if self._paths.get(name, path) != path:
                yield f"includes {name}, and another prompt another file of that name; rename one"
            return
        found = read_text(path)
        if isinstance(found, OSError | UnicodeDecodeError):
            yield f"includes {name}, which cannot be read: {reason(found)}"
            return
        self.texts[name], self._paths[name] = found, path
        yield from self.add(found, folder)


def _names(node: nodes.Node) -> list[str] | None:
    """The files an include may mean, the first that there is; None if a value decides."""
    parts = node.items if isinstance(node, nodes.List | nodes.Tuple) else [node]
    values = [part.value if isinstance(part, nodes.Const) else None for part in parts]
    names = [str(value) for value in values if isinstance(value, str)]
    return names if len(names) == len(values) else None
