"""Dataset files opened as text: packed or not, from standard input, in whatever encoding."""

from __future__ import annotations

import atexit
import gzip
import io
import shutil
import sys
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import IO, Any, TextIO, cast

from evalkit.errors import DatasetError
from evalkit.suite.row import Row, mapping, place
from evalkit.suite.row_faults import RowFaults

_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_FOREIGN = {
    b"PK\x03\x04": "a spreadsheet or a zip archive",
    b"\xd0\xcf\x11\xe0": "a spreadsheet",
    b"\xfd7zXZ\x00": "packed with xz",
    b"BZh": "packed with bzip2",
    b"%PDF-": "a PDF",
}
_FOREIGN_ADVICE = "Export it as CSV, JSON Lines or Parquet; packed files may be .gz or .zst."


@dataclass(frozen=True, slots=True)
class Source:
    """A file to read rows from, the name people know it by, and where rows at fault are noted."""

    path: Path
    shown: str
    encoding: str = "utf-8"
    delimiter: str | None = None
    faults: RowFaults = field(default_factory=lambda: RowFaults(strict=True))

    def row(self, value: Any, number: int, *, is_line: bool = True) -> Row | None:
        """A row of this source; what is none is noted among its faults."""
        where = place(self.shown, number, is_line=is_line)
        try:
            return Row(self.shown, number, mapping(value, where), is_line=is_line)
        except DatasetError as error:
            self.faults.note(where, error)
            return None

    @contextmanager
    def text(self) -> Iterator[TextIO]:
        """The file as text, unpacked, without a byte order mark, line ends as they are.

        Raises DatasetError for what cannot be read, damaged packing, and text that is not in the
        encoding, naming the line.
        """
        # utf-8-sig drops the byte order mark that spreadsheets write; newline="" is csv's wish and
        # keeps newlines inside quoted cells as they are.
        encoding = "utf-8-sig" if self.encoding.lower() in ("utf-8", "utf8") else self.encoding
        try:
            with self.binary() as raw:
                yield io.TextIOWrapper(raw, encoding=encoding, newline="")
        except UnicodeError as error:
            raise self._undecodable() from error
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise DatasetError(f"{self.shown}: the packed data is damaged: {error}") from error
        except OSError as error:
            raise DatasetError(
                f"{self.shown}: cannot be read: {error.strerror or error}"
            ) from error

    @contextmanager
    def binary(self) -> Iterator[IO[bytes]]:
        """The file's bytes, unpacked where it begins like gzip or zstd."""
        with self.path.open("rb") as file:
            start = file.read(6)
            file.seek(0)
            for magic, told in _FOREIGN.items():
                if start.startswith(magic):
                    raise DatasetError(f"{self.shown}: this is {told}", _FOREIGN_ADVICE)
            if start.startswith(_GZIP):
                with gzip.open(file) as packed, io.BufferedReader(cast("Any", packed)) as unpacked:
                    yield self._unpacked_once(unpacked)
            elif start.startswith(_ZSTD):
                import pyarrow as pa

                with pa.CompressedInputStream(pa.PythonFile(file, "r"), "zstd") as packed:
                    yield self._unpacked_once(io.BufferedReader(packed))
            else:
                yield file

    def _unpacked_once(self, unpacked: io.BufferedReader) -> IO[bytes]:
        if unpacked.peek(4).startswith((_GZIP, _ZSTD)):
            raise DatasetError(f"{self.shown}: is packed twice", "Unpack it once.")
        return unpacked

    def _undecodable(self) -> DatasetError:
        """Which line is not in the encoding: read once more, since decoders work in chunks."""
        if self.encoding.lower().replace("_", "-").startswith(("utf-16", "utf-32")):
            return DatasetError(f"{self.shown}: is not {self.encoding}", "Check dataset.encoding.")
        with self.binary() as raw:
            for number, line in enumerate(raw, 1):
                try:
                    line.decode(self.encoding)
                except UnicodeDecodeError as error:
                    told = f"byte 0x{line[error.start]:02x} is not {self.encoding}"
                    hint = "Name the encoding, for example dataset.encoding: latin-1."
                    if number == 1 and line.startswith(_UTF16):
                        hint = "It begins like UTF-16: say dataset.encoding: utf-16."
                    return DatasetError(f"{self.shown}:{number}: {told}", hint)
        return DatasetError(f"{self.shown}: is not {self.encoding}", "Name dataset.encoding.")


@cache
def stdin_copy() -> Path:
    """A copy of standard input, kept until evalkit ends: rows are read more than once."""
    if sys.stdin is None or sys.stdin.isatty():
        raise DatasetError(
            "stdin: nothing is piped in", "For example: cat rows.jsonl | evalkit plan suite.yaml"
        )
    with tempfile.NamedTemporaryFile(prefix="evalkit-stdin-", delete=False) as copy:
        atexit.register(Path(copy.name).unlink, missing_ok=True)
        shutil.copyfileobj(sys.stdin.buffer, copy)
    return Path(copy.name)
