"""Builds a pattern from a list of phrases. The lists stand beside it, one file for each kind of stance."""

from __future__ import annotations

import re

from messaging.patterns import regex


def any_of(*phrases: str) -> re.Pattern[str]:
    """Matches any of `phrases` (regular expressions) from the beginning of a word on, in either case."""
    return regex(r"\b(?:" + "|".join(phrases) + ")", re.IGNORECASE)
