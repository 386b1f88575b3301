"""Responses to scores in [0, 1]."""
