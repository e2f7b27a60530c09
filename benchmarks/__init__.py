"""Measurements: each compares with a peer in one interleaved run and prints ratios of medians, never a pass or fail."""
