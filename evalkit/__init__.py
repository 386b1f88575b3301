"""Batch prompt evaluation: suites into runs, runs into comparisons with honest statistics."""

__version__ = "0.1.0"
