"""Two jobs that the demo plants: one fails twice and then works, one can never work. Only its workers load this."""

from __future__ import annotations

import dramatiq

from middleware.in_hand import current_held
from policy.errors import Terminal

#: So many attempts of `demo_flaky` fail.
FAILURES = 2


@dramatiq.actor(max_retries=4, min_backoff=100, max_backoff=400)
def demo_flaky() -> dict[str, int]:
    """Fail twice as a busy neighbour would, then work."""
    held = current_held.get()
    attempt = held.claim.attempt if held else FAILURES + 1
    if attempt <= FAILURES:
        raise ConnectionError(f"planted: attempt {attempt} of a job that fails {FAILURES} times")
    return {"worked_at_attempt": attempt}


@dramatiq.actor
def demo_hopeless() -> None:
    """Say that this can never work; the dead letter is there to be looked at."""
    raise Terminal("planted: this job can never work")
