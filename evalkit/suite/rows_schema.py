"""What a suite may say of rows: the dataset's, and those that prompts show as examples."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from evalkit.suite.fields import Section

Format = Literal["jsonl", "json", "csv", "tsv", "yaml", "parquet", "text", "hf"]


class SampleSpec(Section):
    """So many rows, drawn by ``seed``; in proportion to the values of the column ``by``.

    Short form: the number. The draw depends on the rows' ids alone: a row added or moved does not
    change which of the others are drawn together.
    """

    size: Annotated[int, Field(ge=1)]
    by: str | None = None
    seed: int = 0

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:
        return {"size": value} if isinstance(value, int) and not isinstance(value, bool) else value


class RowsSpec(Section):
    """Where rows are read from.

    ``path`` is a file, a folder of text files, ``-`` (standard input) or ``hf:name`` of a Hugging
    Face dataset, whose ``config``, ``split`` and ``revision`` go beside it. ``format``,
    ``encoding`` and ``delimiter`` (of cells) are for what the name and the bytes do not tell.
    """

    path: str = Field(min_length=1)
    format: Format | None = None
    encoding: str = "utf-8"
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    config: str | None = None
    split: str | None = None
    revision: str | None = None

    @model_validator(mode="after")
    def _hub_words(self) -> Self:
        given = [name for name in ("config", "split", "revision") if getattr(self, name)]
        if given and not self.path.startswith("hf:"):
            raise ValueError(f"{given[0]} goes with a Hugging Face dataset, path: hf:name")
        try:
            "".encode(self.encoding)
        except LookupError:
            raise ValueError(f"no encoding is called {self.encoding!r}; try utf-8") from None
        return self


class DatasetSpec(RowsSpec):
    """Where the rows are, which of them count, and which columns mean what. Short form: a path.

    Rows pass ``filter`` (an expression over the columns), then ``sample``, ``shuffle`` (a seed)
    and ``limit``, in this order.
    """

    id: str | None = None
    target: str | None = None
    cluster: str | None = None
    tags: tuple[str, ...] = ()
    filter: Annotated[str, Field(min_length=1)] | None = None
    sample: SampleSpec | None = None
    shuffle: int | None = None
    limit: Annotated[int, Field(ge=1)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"path": value}
        if not isinstance(value, dict):
            return value
        value = dict(value)
        if isinstance(value.get("tags"), str):
            value["tags"] = [value["tags"]]
        if isinstance(value.get("shuffle"), bool):
            value["shuffle"] = 0 if value["shuffle"] else None
        return value


class ExamplesSpec(Section):
    """Worked examples for a prompt, there as ``examples``. Short form: the rows themselves.

    Else ``sample`` rows of a file or split (as in ``dataset``), drawn by ``seed``. A case never
    sees itself among its examples.
    """

    rows: tuple[dict[str, Any], ...] = ()
    path: str | None = None
    format: Format | None = None
    encoding: str = "utf-8"
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    config: str | None = None
    split: str | None = None
    revision: str | None = None
    sample: Annotated[int, Field(ge=1, le=1000)] | None = None
    seed: int = 0

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:
        return {"rows": value} if isinstance(value, list | tuple) else value

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if bool(self.rows) == bool(self.path):
            raise ValueError("examples are either rows, or a path with a sample")
        if self.path and self.sample is None:
            raise ValueError("examples from a path need sample: how many of them to show")
        return self

    def source(self) -> RowsSpec:
        """Where to read the rows from; only for examples with a path."""
        return RowsSpec(
            path=self.path or "",
            format=self.format,
            encoding=self.encoding,
            delimiter=self.delimiter,
            config=self.config,
            split=self.split,
            revision=self.revision,
        )
