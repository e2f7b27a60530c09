"""What an unarmed crash point costs: `python -m benchmarks.crash_point_cost` prints ns a call, and a share of a job.

A job passes about ten points, most of them once for a whole batch.
"""

from __future__ import annotations

import timeit

from models.crash_points import crash_point

_CALLS = 1_000_000
#: Points that a job without effects passes by itself: its start; all others are shared by its batch.
_POINTS_A_JOB = 1 + 9 / 32
#: Microseconds of a no-op job on this system (`callboard bench throughput`, 4,000 jobs/s a process).
_JOB_US = 250.0


def ns_a_call() -> float:
    """The best of five rounds, without the loop's own time."""
    with_call = min(timeit.repeat(lambda: crash_point("claim.after_commit"), number=_CALLS, repeat=5))
    without = min(timeit.repeat(lambda: None, number=_CALLS, repeat=5))
    return (with_call - without) / _CALLS * 1e9


if __name__ == "__main__":
    cost_ns = ns_a_call()
    print(f"{cost_ns:.0f} ns a point, {cost_ns * _POINTS_A_JOB / 1000 / _JOB_US:.4%} of a no-op job")
