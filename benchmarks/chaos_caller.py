"""Dispatches jobs at a steady rate until it is told to stop: `python -m benchmarks.chaos_caller RATE FOLDER`.

As a caller does who wants to be sure: a dispatch that fails is repeated with its key until it is answered. Numbers that
were answered stand in FOLDER/dispatched, one a line.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import psycopg2
import redis

from actors.broker import setup
from actors.dispatch import Duplicate, dispatch
from policy.errors import CallboardError

#: Every so many-th job is dispatched twice on purpose, every so many-th a little later than now.
_TWICE_EVERY = 20
_LATER_EVERY = 7


def main(argv: list[str]) -> int:
    """Until FOLDER/stop is there; prints how many were dispatched and how many duplicates were refused."""
    rate, folder = float(argv[0]), Path(argv[1])
    setup()
    from benchmarks.chaos_play import act  # noqa: PLC0415  # it binds to the broker that setup() has made

    number = duplicates = 0
    with (folder / "dispatched").open("a", encoding="ascii") as answered:
        began_s = time.monotonic()
        while not (folder / "stop").exists():
            for _ in range(2 if number % _TWICE_EVERY == 0 else 1):
                duplicates += _dispatched(act, number)
            answered.write(f"{number}\n")
            answered.flush()
            number += 1
            time.sleep(max(0.0, began_s + number / rate - time.monotonic()))
    print(f"{number} {duplicates}")
    return 0


def _dispatched(act: object, number: int) -> bool:
    """Dispatch until there is an answer; True when the answer was that it had been done."""
    delay_ms = 500 if number % _LATER_EVERY == 0 else None
    while True:
        try:
            answer = dispatch(act, number, dispatch_key=f"chaos:{number}", delay_ms=delay_ms)  # type: ignore[arg-type]
        except (psycopg2.Error, redis.RedisError, CallboardError, OSError):
            time.sleep(0.1)
            continue
        return isinstance(answer, Duplicate)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
