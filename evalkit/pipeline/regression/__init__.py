"""Regression jobs: banks of runs, the gate, nights, slots, and whom to tell."""
