"""How long a failed job waits before its next attempt. Throws no dice: `rand` is an argument."""

from __future__ import annotations

#: Doubling stops here: 2**62 ms is 146 million years, and floats stay exact enough far beyond.
MOST_DOUBLINGS = 62

#: Jitter is at most this long (docs/architecture.md), so that a burst of failures does not come back as a burst.
MOST_JITTER_MS = 1_000


def retry_delay_s(failures: int, rand: float, *, min_backoff_ms: int = 1_000, max_backoff_ms: int = 900_000) -> float:
    """Seconds until the next attempt after `failures` failures (1 for the first: 2 to 3 s by default).

    `rand` lies in [0, 1). The delay is min_backoff · 2^failures + rand · min(1 s, min_backoff),
    never above max_backoff.
    """
    doublings = min(max(failures, 0), MOST_DOUBLINGS)
    jitter_ms = rand * min(MOST_JITTER_MS, min_backoff_ms)
    return min(min_backoff_ms * 2.0**doublings + jitter_ms, float(max_backoff_ms)) / 1_000
