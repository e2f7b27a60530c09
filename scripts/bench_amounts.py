"""Numbers of the benchmarks' options: what is none, or too many, is told with what is allowed."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TypeVar

N = TypeVar("N", int, float)


def within(read: Callable[[str], N], most: N, allowed: str) -> Callable[[str], N]:
    """A type of option: a number above 0, up to `most`, read by `int` or `float`. Raises argparse.ArgumentTypeError."""

    def amount(text: str) -> N:
        try:
            number = read(text)
        except ValueError:
            number = read("0")
        if not 0 < number <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is not {allowed}")
        return number

    return amount


seconds = within(float, 3_600.0, "a number of seconds up to an hour")
minutes = within(float, 1_440.0, "a number of minutes up to a day")
positive = within(int, 1_000_000, "a whole number from 1 to a million")
