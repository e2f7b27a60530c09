"""A ledger with a past: millions of finished jobs and their attempts, written by SQL as if made in the last month.

Ids, keys and times rise together, as they do in life, so every index is appended to.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Any

from benchmarks.ground import administering, value

#: Days over which the past is spread; jobs of the last one still hold their dispatch keys (dedupe period 86,400 s).
_DAYS = 30
#: Rows of one statement, so that progress can be told.
_CHUNK = 250_000
#: Bytes of a job's payload: what Dramatiq's envelope of a job without arguments takes.
_PAYLOAD = (
    '{"queue_name":"bench","actor_name":"noop","args":[],"kwargs":{},"options":{"source":"bench","correlation_id":'
    '"019dae12-0000-7000-8000-000000000000","client_id":"client-00"},"message_id":'
    '"019dae12-0000-7000-8000-000000000000","message_timestamp":1790000000000}'
)

#: Times and ids of the rows between two numbers; the id is a UUIDv7 whose random part is the row's number.
_NUMBERED = f"""
  SELECT n, at, ms, (lpad(to_hex(ms), 12, '0') || '7000' || '8000' || lpad(to_hex(n), 12, '0'))::uuid AS id
  FROM (SELECT n, at, (extract(epoch FROM at) * 1000)::bigint AS ms
        FROM (SELECT n, %(now)s - interval '{_DAYS} days' * (1 - n::float8 / %(rows)s) - interval '1 minute' AS at
              FROM generate_series(%(first)s, %(last)s) AS n) AS timed) AS numbered
"""

_JOBS = f"""
INSERT INTO background_job (
  id, dispatch_key, holds_key, key_expires_at, actor, queue, payload, client_id, state, run_at, release,
  released_at, fence, attempts, attempts_spent, attempts_allowed, correlation_id, source, requested_at, created_at,
  finished_at)
SELECT id, id::text, at > %(now)s - interval '1 day', at + interval '1 day', 'noop', 'bench', %(payload)s,
  'client-' || n %% 50, 'succeeded', at, 1, at, 1, 1, 1, 5, id::text, 'bench', at, at, at + interval '40 ms'
FROM ({_NUMBERED}) AS rows
"""

_ATTEMPTS = f"""
INSERT INTO background_function_run (
  run_key, job_id, run_id, function_name, status, attempt, fence, source, client_id, dispatch_key, correlation_id,
  requested_at, claimed_at, started_at, finished_at, duration_ms, queue_ms, worker_id, host, pid, code_version)
SELECT 'noop:' || id || ':1', id, id, 'noop', 'SUCCEEDED', 1, 1, 'bench', 'client-' || n %% 50, id::text, id::text, at,
  at + interval '20 ms', at + interval '30 ms', at + interval '40 ms', 10, 20,
  '019dae12-0000-7000-8000-000000000000'::uuid, 'bench', 1, 'bench'
FROM ({_NUMBERED}) AS rows
"""


@dataclass(frozen=True, slots=True)
class History:
    """What was written: the seconds it took and the bytes it takes."""

    seconds: float
    size_bytes: int


def write(url: str, rows: int, say: Callable[[int], None]) -> History:
    """Write so many jobs with an attempt each, then tidy as autovacuum would; `say` is told the jobs so far.

    Raises psycopg2.Error.
    """
    began_s = monotonic()
    if rows:
        with administering(url) as cursor:
            cursor.execute(
                "SELECT make_attempt_partition(now() - m * interval '1 month') FROM generate_series(1, 2) AS m"
            )
            cursor.execute("SELECT now()")
            (now,) = cursor.fetchone() or (None,)
        rows_of = {"rows": rows, "now": now, "payload": _PAYLOAD.encode()}
        attempts = _Writing(url, _ATTEMPTS, rows_of)
        attempts.start()
        _insert(url, _JOBS, rows_of, say)
        attempts.end()
        with administering(url) as cursor:
            cursor.execute("VACUUM (ANALYZE) background_job, background_function_run")
            cursor.execute("CHECKPOINT")
    return History(monotonic() - began_s, int(value(url, "SELECT pg_database_size(current_database())")))


class _Writing(threading.Thread):
    """The attempts, beside the jobs: two sessions use two processors."""

    def __init__(self, url: str, statement: str, rows_of: dict[str, Any]) -> None:
        super().__init__(daemon=True)
        self._of = (url, statement, rows_of)
        self._error: BaseException | None = None

    def run(self) -> None:
        try:
            _insert(*self._of, lambda _: None)
        except BaseException as error:  # raised where `end` is called
            self._error = error

    def end(self) -> None:
        """Wait; raises what went wrong."""
        self.join()
        if self._error is not None:
            raise self._error


def _insert(url: str, statement: str, rows_of: dict[str, Any], say: Callable[[int], None]) -> None:
    rows = rows_of["rows"]
    with administering(url) as cursor:
        cursor.execute("SET synchronous_commit = off")
        for first in range(1, rows + 1, _CHUNK):
            last = min(first + _CHUNK - 1, rows)
            cursor.execute(statement, {**rows_of, "first": first, "last": last})
            say(last)
