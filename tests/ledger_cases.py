"""Jobs, holders and claims for tests of the ledger: each call writes real rows. It must not know Redis or Dramatiq."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any, TypeVar
from uuid import UUID, uuid4

import psycopg2

from models.database import close_connection, query
from models.ledger import workers
from models.ledger.claim import Claimed, Copy, Holder, Refused, claim
from models.ledger.dispatch import Inserted, Wanted, dispatch_jobs
from models.ledger.finish import Failure, Finish

T = TypeVar("T")

#: Dedupe period of these cases, in s.
DEDUPE_S = 3_600
#: How long a test waits for a condition before it fails, in s.
DEADLINE_S = 10.0


def wanted(key: str | None = None, **changes: Any) -> Wanted:
    """A job that asks for `key` (by default: its own id)."""
    job_id = changes.pop("id", None) or uuid4()
    job = Wanted(job_id, key or str(job_id), "actor", "default", b"{}", str(job_id), 5)
    return replace(job, **changes)


def dispatched(key: str | None = None, *, dedupe_s: float = DEDUPE_S, **changes: Any) -> Wanted:
    """A job in the ledger, born queued under release 1 unless its time is later."""
    job = wanted(key, **changes)
    (answer,) = dispatch_jobs([job], dedupe_s=dedupe_s)  # type: ignore[arg-type]  # fractions make short periods
    assert isinstance(answer, Inserted)
    return job


def registered(host: str = "here") -> Holder:
    """A worker whose row is there and alive."""
    holder = Holder(uuid4(), host, 4711, "test")
    workers.register(holder, ["default"], 8)
    return holder


def copy_of_job(job: Wanted, release: int | None = 1, **changes: Any) -> Copy:
    """A copy of the job under `release`; None makes it a plain send."""
    copy = Copy(
        job_id=job.id,
        release=release,
        dispatch_key=job.dispatch_key,
        actor=job.actor,
        queue=job.queue,
        payload=job.payload,
        attempts_allowed=job.attempts_allowed,
        correlation_id=job.correlation_id,
        requested_at=datetime.now(timezone.utc) - timedelta(seconds=1),
        client_id=job.client_id,
    )
    return copy._replace(**changes)


def plain_send(key: str | None = None, **changes: Any) -> Copy:
    """A message that was sent without a dispatch."""
    return copy_of_job(wanted(key), None, **changes)


def answers_to(holder: Holder, *copies: Copy, claim_id: UUID | None = None) -> dict[UUID, Claimed | Refused]:
    """What a claim of these copies answers."""
    return claim(holder, claim_id or uuid4(), copies, dedupe_s=DEDUPE_S)


def claimed(holder: Holder, job: Wanted | None = None, release: int = 1) -> Claimed:
    """A live claim on `job` (by default: on a new one)."""
    job = job or dispatched()
    answer = answers_to(holder, copy_of_job(job, release))[job.id]
    assert isinstance(answer, Claimed), answer
    return answer


def success(claim_: Claimed, **changes: Any) -> Finish:
    """The finish of an attempt that worked."""
    return Finish(claim_, "SUCCEEDED", "succeeded", started_after_s=0.0, duration_s=0.01)._replace(**changes)


def retry(claim_: Claimed, **changes: Any) -> Finish:
    """The finish of an attempt that failed and is due again at once."""
    failed = Finish(claim_, "FAILED", "pending", wait_s=0.0, spends_attempt=True, failure=FAILURE, verdict="retry")
    return failed._replace(**changes)


def death(claim_: Claimed, **changes: Any) -> Finish:
    """The finish of an attempt after which the job is dead."""
    dead = Finish(claim_, "FAILED", "dead", failure=FAILURE, verdict="terminal", rule="terminal", death="terminal")
    return dead._replace(**changes)


FAILURE = Failure("ValueError", "no", "Traceback", "0123")


def job_row(job_id: UUID, *columns: str) -> tuple[Any, ...]:
    """These columns of the job's row."""
    return query(f"SELECT {', '.join(columns)} FROM background_job WHERE id = %s", (job_id,))[0]


def state_of(job_id: UUID) -> str:
    """The job's state."""
    return str(job_row(job_id, "state")[0])


def attempts_of(job_id: UUID) -> list[str]:
    """How the job's attempts stand, in order."""
    rows = query("SELECT status FROM background_function_run WHERE job_id = %s ORDER BY attempt", (job_id,))
    return [row[0] for row in rows]


def attempt_row(claim: Claimed, *columns: str) -> tuple[object, ...]:
    """These columns of the claim's attempt."""
    return query(f"SELECT {', '.join(columns)} FROM background_function_run WHERE id = %s", (claim.run_id,))[0]


def lose(holder: Holder) -> None:
    """Declare this worker lost, now."""
    query("UPDATE worker SET lost_at = clock_timestamp() WHERE id = %s", (holder.id,))


def until(condition: Callable[[], T], what: str = "the condition") -> T:
    """Wait until `condition` gives something true, and give it; fails after the deadline."""
    deadline_s = time.monotonic() + DEADLINE_S
    while not (found := condition()):
        assert time.monotonic() < deadline_s, f"{what} did not come true within {DEADLINE_S} s"
        threading.Event().wait(0.01)
    return found


@contextmanager
def other_session(url: str) -> Iterator[psycopg2.extensions.cursor]:
    """Somebody else's open transaction; rolled back at the end unless it was ended before."""
    connection = psycopg2.connect(url)
    try:
        with connection.cursor() as cursor:
            yield cursor
    finally:
        connection.close()


def in_threads(calls: Sequence[Callable[[], T]]) -> list[T]:
    """Run all calls at the same time, each in a thread with a connection of its own; raises what one of them raised."""
    start = threading.Barrier(len(calls))
    results: list[T | None] = [None] * len(calls)
    errors: list[BaseException] = []

    def carry_out(number: int) -> None:
        try:
            start.wait(DEADLINE_S)
            results[number] = calls[number]()
        except BaseException as error:
            errors.append(error)
        finally:
            close_connection()

    threads = [threading.Thread(target=carry_out, args=(number,)) for number in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    if errors:
        raise errors[0]
    return results  # type: ignore[return-value]  # every call has put its result there


def backend_waits_for_lock(url: str) -> bool:
    """Whether some session of this database waits for a lock."""
    with other_session(url) as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        row = cursor.fetchone()
    return bool(row and row[0])


@contextmanager
def when_somebody_waits(url: str, call: Callable[[], object]) -> Iterator[None]:
    """Meanwhile, `call` is made by another thread as soon as some session of this database waits for a lock."""

    def wait_and_call() -> None:
        until(lambda: backend_waits_for_lock(url), "somebody waiting for a lock")
        call()

    thread = threading.Thread(target=wait_and_call)
    thread.start()
    try:
        yield
    finally:
        thread.join(DEADLINE_S)
