"""Landlock: what Linux lets any process give up, also where it may have no namespaces.

Rights and structures are those of ``linux/landlock.h``; kernels differ in how many they know.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence

_CREATE, _ADD, _RESTRICT = 444, 445, 446
_VERSION, _PATH_BENEATH = 1, 1
_EXECUTE, _WRITE, _READ, _READ_FOLDER = 1, 1 << 1, 1 << 2, 1 << 3
# So many rights over files were known to each version, from the first on.
_KNOWN_RIGHTS = (13, 14, 15, 15, 16)
_TCP = 0b11  # bind and connect, from version 4 on
_SCOPES = 0b11  # abstract sockets and signals, from version 6 on


class _Ruleset(ctypes.Structure):
    _fields_ = (
        ("files", ctypes.c_uint64),
        ("network", ctypes.c_uint64),
        ("scoped", ctypes.c_uint64),
    )


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


def restrict(folder: str, readable: Sequence[str], devices: Sequence[str]) -> None:
    """From now on: write only below ``folder``, read only there and below ``readable``.

    ``devices`` can be read and written. No TCP, no signals to processes outside, as far as the
    kernel can forbid them. Holds for all that this process starts. Raises OSError where there is
    no Landlock; ``gain_no_privileges`` must have been called.
    """
    version = _call(_CREATE, None, 0, _VERSION)
    everything = (1 << _KNOWN_RIGHTS[min(version, len(_KNOWN_RIGHTS)) - 1]) - 1
    rules = _Ruleset(everything, _TCP, _SCOPES)
    size = 8 if version < 4 else 16 if version < 6 else 24
    ruleset = _call(_CREATE, ctypes.byref(rules), size, 0)
    look = _EXECUTE | _READ | _READ_FOLDER
    for path in readable:
        _allow(ruleset, path, look if os.path.isdir(path) else _EXECUTE | _READ)  # noqa: PTH112
    for path in devices:
        _allow(ruleset, path, _READ | _WRITE)
    _allow(ruleset, folder, everything)
    _call(_RESTRICT, ruleset, 0)
    os.close(ruleset)


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        rule = _PathBeneath(rights, place)
        _call(_ADD, ruleset, _PATH_BENEATH, ctypes.byref(rule), 0)
    finally:
        os.close(place)


def _call(number: int, *arguments: object) -> int:
    """A system call by number (the same on every machine); raises OSError."""
    syscall = ctypes.CDLL(None, use_errno=True).syscall
    given = [ctypes.c_long(one) if isinstance(one, int) else one for one in arguments]
    result = int(syscall(ctypes.c_long(number), *given))
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"Landlock: {os.strerror(error)}")
    return result
