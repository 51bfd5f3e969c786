"""Runs: what was done, with which code, parameters and results."""
