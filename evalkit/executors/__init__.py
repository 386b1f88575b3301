"""Trials in, results out: in this process, in batches, on a cluster."""
