"""Housekeeping on the ledger that changes no outcome: keys let go, partitions made ahead. It must not know Redis."""

from __future__ import annotations

from psycopg2 import errors

from models.database import query, run
from models.readings.health import attempt_partitions
from models.readings.paging import database_now
from policy.partitions import months_to_have, partition_name

#: Rows in one statement: long enough to be worth its commit, short enough to be waited for.
BATCH = 1_000


def let_go_expired_keys(*, batches: int = 20) -> int:
    """Let go of the keys whose dedupe period is over; gives how many. What is left is for the next window.

    Nothing depends on it: a dispatch that meets an expired key takes it by itself.
    """
    count = 0
    for _ in range(batches):
        moved = len(run("let_go_expired_keys", (BATCH,)))
        count += moved
        if moved < BATCH:
            break
    return count


def count_letters_anew() -> None:
    """Have PostgreSQL's planner look at dead letters and jobs again, unless it is doing so.

    After a burst its plans are for the few letters of the day before: ten thousand were requeued in 50 s instead of 3.
    """
    query("ANALYZE (SKIP_LOCKED) dead_letter, background_job")


def make_partitions_ahead() -> tuple[list[str], list[str]]:
    """Make the partitions of this month and the next ones; gives those made, and those that cannot be made any more.

    A month whose attempts already lie in the default partition stays there. Raises psycopg2.Error otherwise.
    """
    there = set(attempt_partitions())
    made, late = [], []
    for month in months_to_have(database_now()):
        name = partition_name(month)
        if name in there:
            continue
        try:
            query("SELECT make_attempt_partition(%s)", (month,))
            made.append(name)
        except errors.CheckViolation:
            late.append(name)
    return made, late


def drop_partition(name: str) -> bool:
    """Drop one partition of the attempts; False while something in it still runs, or its lock cannot be had now.

    `name` comes from `attempt_partitions`, never from outside.
    """
    if query(f"SELECT EXISTS (SELECT FROM {_quoted(name)} WHERE status = 'RUNNING')")[0][0]:
        return False
    try:
        query(f"DROP TABLE {_quoted(name)}")
    except errors.LockNotAvailable:
        return False
    return True


def _quoted(name: str) -> str:
    """An identifier in double quotes; `name` is one that the catalogue gave."""
    return '"' + name.replace('"', '""') + '"'
