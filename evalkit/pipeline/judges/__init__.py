"""Judging a run: what is asked about which answers, by whom, and what was said."""
