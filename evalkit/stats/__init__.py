"""Numbers in, numbers out: intervals and tests. Knows no case and no trial."""
