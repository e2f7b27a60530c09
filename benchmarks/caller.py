"""Enqueues one job for each line on standard input and prints when it began to: `python -m benchmarks.caller SYSTEM`.

A line is the job's number and the seconds to wait about (between half and one and a half times as long) before it.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable
from typing import Any

from benchmarks.play import actor_of, broker_of


def enqueue_of(system: str) -> Callable[[int], Any]:
    """The call that is measured: `dispatch()` for ours, `send()` for bare."""
    actor = actor_of(broker_of(system), "started")
    if system != "callboard":
        return actor.send
    from actors.dispatch import dispatch  # noqa: PLC0415  # bare Dramatiq must not load it

    return lambda number: dispatch(actor, number)


def main(argv: list[str]) -> int:
    """Read until the end of the input."""
    enqueue = enqueue_of(argv[0])
    for line in sys.stdin:
        number, gap_s = line.split()
        time.sleep(float(gap_s) * random.uniform(0.5, 1.5))
        called_ns = time.monotonic_ns()
        enqueue(int(number))
        print(called_ns, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
