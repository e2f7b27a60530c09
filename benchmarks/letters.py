"""What an operator waits for at night: ten thousand letters requeued, and the first page of a hundred thousand.

Run: python -m benchmarks.letters [ROUNDS]. Prints medians, each beside the same for a tenth or a hundredth of the
letters, measured in turn: what stays flat says more than seconds of one machine. It asserts nothing.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Final

from benchmarks.ground import Ground, administering, prepared

#: Letters of one `dlq apply`, and of one ledger whose first page is read.
APPLIED: Final = (1_000, 10_000)
LISTED: Final = (1_000, 100_000)

_DEAD = """
INSERT INTO background_job (id, dispatch_key, holds_key, key_expires_at, actor, queue, payload, state, run_at,
  correlation_id, requested_at, finished_at)
SELECT id, id::text, false, now(), 'noop', 'bench', decode(repeat('7b', 300), 'hex'), 'dead', now(), id::text,
  now(), now()
FROM (SELECT gen_random_uuid() AS id FROM generate_series(1, %s)) AS rows
"""
_LETTERS = """
INSERT INTO dead_letter (id, job_id, queue, payload, actor, reason)
SELECT gen_random_uuid(), id, queue, '{}', actor, 'terminal' FROM background_job WHERE state = 'dead'
"""


def write(ground: Ground, letters: int) -> None:
    """A ledger that holds these letters alone. Nothing looks at them for PostgreSQL's planner."""
    ground.empty()
    with administering(ground.database_url) as cursor:
        cursor.execute(_DEAD, (letters,))
        cursor.execute(_LETTERS)


def seconds_of(*words: str) -> float:
    """How long `callboard <words>` takes in this process, the interpreter's start left out. Raises RuntimeError."""
    from scripts.main import main  # noqa: PLC0415  # reads the environment that `main` below has made

    began_s = time.perf_counter()
    with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
        code = main(list(words))
    if code != 0:
        raise RuntimeError(f"callboard {' '.join(words)} ended with {code}")
    return time.perf_counter() - began_s


def main(argv: Sequence[str]) -> int:
    """Measure, print."""
    rounds = int(argv[0]) if argv else 3
    found: dict[str, list[float]] = defaultdict(list)
    with prepared(Path(".artifacts/bench-failed")) as ground:
        os.environ.update(ground.environ())
        plan = str(ground.folder / "night.json")
        for _ in range(rounds):
            for letters in APPLIED:
                write(ground, letters)
                Path(plan).unlink(missing_ok=True)
                seconds_of("dlq", "plan", "requeue", "--out", plan)
                found[f"dlq apply {letters:,}"].append(seconds_of("dlq", "apply", plan) / letters * 1e6)
            for letters in LISTED:
                write(ground, letters)
                seconds_of("dlq", "list")
                found[f"dlq list of {letters:,}"].append(seconds_of("dlq", "list") * 1e3)
    for name, values in found.items():
        unit = "µs a letter" if "apply" in name else "ms"
        print(f"{name:22} median {statistics.median(values):7.1f} {unit}, {min(values):.1f} to {max(values):.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
