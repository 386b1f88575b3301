"""Scored trials to conclusions."""
