"""Dispatches jobs of the recovery benchmarks: `python -m benchmarks.recovery_caller COUNT FIRST [poison]`.

With `poison`, the one job that kills its worker stands in the middle of the others.
"""

from __future__ import annotations

import sys

from actors.broker import setup
from actors.dispatch import Job, dispatch_many


def main(argv: list[str]) -> int:
    """Exit 0 when all were dispatched."""
    count, first = int(argv[0]), int(argv[1])
    setup()
    from benchmarks.recovery_play import hold, poison  # noqa: PLC0415  # they bind to the broker that setup() has made

    jobs = [Job(hold, (number,), dispatch_key=f"recovery:{number}") for number in range(first, first + count)]
    if "poison" in argv:
        jobs.insert(count // 2, Job(poison, dispatch_key="poison"))
    dispatch_many(jobs)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
