"""What watching costs: one log line and one count, each beside the plainest thing that does the like.

Run: python -m benchmarks.log_cost. Prints medians and ratios of interleaved rounds; it asserts nothing.
"""

from __future__ import annotations

import copy
import io
import logging
import os
import statistics
import tempfile
import time
from collections.abc import Callable

from loguru import logger
from prometheus_client import Counter

from middleware import correlation, logs, metrics, multiprocess

#: Calls in a round, and rounds of which the median is taken.
CALLS = 5_000
ROUNDS = 9


class Discard(io.StringIO):
    """A stream that costs nothing, so that what is measured is ours."""

    def write(self, text: str) -> int:
        return len(text)


def bare_loguru() -> Callable[[], None]:
    """A loguru line whose sink does nothing: the floor of every line of ours."""
    logger.remove()
    bare = copy.deepcopy(logger)
    bare.add(lambda _: None, format="", backtrace=False, diagnose=False)
    return lambda: bare.bind(outcome="succeeded", duration_ms=12).log("INFO", "closed")


def plain_logging() -> Callable[[], None]:
    """A line of std logging with its own formatter, the unit of the log ratios."""
    handler = logging.StreamHandler(Discard())
    handler.setFormatter(logging.Formatter("[%(asctime)s] [%(name)s] [%(levelname)s] %(message)s"))
    plain = logging.Logger("plain", logging.INFO)
    plain.addHandler(handler)
    return lambda: plain.info("attempt_closed outcome=%s duration_ms=%s", "succeeded", 12)


def microseconds(call: Callable[[], object]) -> float:
    """Microseconds of one call, over one round."""
    start = time.perf_counter()
    for _ in range(CALLS):
        call()
    return (time.perf_counter() - start) / CALLS * 1e6


def measure(cases: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Median microseconds of each case, rounds interleaved."""
    rounds: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(ROUNDS):
        for name, call in cases.items():
            rounds[name].append(microseconds(call))
    return {name: statistics.median(times) for name, times in rounds.items()}


def shown(title: str, medians: dict[str, float]) -> None:
    """A table; the first case is the unit."""
    unit = next(iter(medians.values()))
    print(f"{title}: median of {ROUNDS} rounds of {CALLS} calls")
    for name, median in medians.items():
        print(f"  {name:<44} {median:8.2f} µs   {median / unit:5.2f}")


#: The fields of a batch of attempts, as the worker writes them.
_LINES = [
    {"job_id": "j" * 36, "dispatch_key": "key", "correlation_id": "c" * 36, "actor": "actor", "attempt": number}
    | {"client_id": "client", "outcome": "SUCCEEDED", "state": "succeeded", "duration_ms": 0.12}
    for number in range(100)
]


def log_cases() -> dict[str, Callable[[], object]]:
    """Lines inside a scope, as a worker writes them."""
    floor = bare_loguru()
    correlation.enter(correlation.Scope("c" * 36, "j" * 36, "key", "actor", 1, "client"))
    logs.configure(level="INFO", format="json", stream=Discard())
    intercepted = logging.getLogger("elsewhere")
    return {
        "std logging, plain formatter": plain_logging(),
        "loguru, a sink that does nothing": floor,
        "event, six ids and two fields": lambda: logs.event("closed", outcome="succeeded", duration_ms=12),
        "events, a batch of 100 lines": lambda: logs.events("closed", _LINES),
        "event below the level": lambda: logs.event("closed", "DEBUG", outcome="succeeded"),
        "log.info": lambda: logs.log.info("attempt_closed"),
        "std logging, taken in": lambda: intercepted.info("attempt closed %s", "succeeded"),
    }


#: Durations of one batch, in seconds.
_BATCH = [0.001 * number for number in range(64)]


def count_cases() -> dict[str, Callable[[], object]]:
    """Counts whose series exist, in files of this process."""
    bare = Counter("bare", "The library's own counter, labels looked up.", ["actor", "queue"])
    return {
        "prometheus_client, labels() and inc()": lambda: bare.labels("actor", "queue").inc(),
        "job_dispatched (a counter)": lambda: metrics.job_dispatched("actor", "api"),
        "attempts_opened (a histogram)": lambda: metrics.attempts_opened("actor", "queue", [0.02]),
        "attempts_took (a histogram, a batch of 64)": lambda: metrics.attempts_took("actor", "queue", _BATCH),
        "job_finished (two counters)": lambda: metrics.job_finished("actor", "succeeded", "client"),
    }


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ[multiprocess.VARIABLE] = folder
        shown("log lines", measure(log_cases()))
        shown("counts", measure(count_cases()))


if __name__ == "__main__":
    main()
