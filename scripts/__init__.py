"""Operator commands, one module each, behind the console script `callboard`. Nobody imports this package."""
