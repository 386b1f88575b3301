"""Waiting for the API: one interface, and wrappers that implement it."""
