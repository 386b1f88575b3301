"""Waiting for the API: one interface, and wrappers that implement it."""

import sys

# httpx brings a command line of its own, which loads as much again as httpx itself.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]  # None: not to be had
