"""Callboard's pure decisions. Standard library only; no clock, no randomness, no I/O: those are arguments."""
