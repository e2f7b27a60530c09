"""What a scrape takes on a ledger with a past: a million attempts, 100,000 open letters, a backlog, busy processes.

Run: python -m benchmarks.scrape_cost [ATTEMPTS [LETTERS]]. Prints milliseconds; it asserts nothing. Scrapes go over
HTTP to the endpoint as a worker's host has it, one second apart, so that none finds what the former has just read.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from benchmarks import history
from benchmarks.ground import Ground, administering, prepared

ATTEMPTS: Final = 1_000_000
LETTERS: Final = 100_000
#: Due jobs of fifty clients that wait, half of them released.
BACKLOG: Final = 10_000
#: Worker processes whose counts are added up, and the actors that each has run.
PROCESSES: Final = 4
ACTORS: Final = 10
SCRAPES: Final = 40

_LETTERS = """
INSERT INTO dead_letter (id, job_id, queue, payload, actor, reason, error_class, error_message, fingerprint, died_at)
SELECT gen_random_uuid(), gen_random_uuid(), 'bench', decode(repeat('7b', 300), 'hex'), 'noop',
  (ARRAY['terminal', 'exhausted', 'poison', 'outcome_unknown'])[1 + n %% 4], 'ConnectionError',
  repeat('the other side was away ', 8), md5((n %% 50)::text), now() - interval '1 minute' * (n %% 40000)
FROM generate_series(1, %s) AS n
"""
_BACKLOG = """
INSERT INTO background_job (id, dispatch_key, key_expires_at, actor, queue, payload, client_id, state, run_at, release,
  released_at, correlation_id, requested_at)
SELECT id, id::text, now() + interval '1 day', 'noop', 'bench', '{{}}', 'client-' || n %% 50,
  CASE WHEN n %% 2 = 0 THEN 'pending' ELSE 'queued' END, now() - interval '1 second' * n, n %% 2,
  CASE WHEN n %% 2 = 1 THEN now() END, id::text, now()
FROM (SELECT n, gen_random_uuid() AS id FROM generate_series(1, %s) AS n) AS rows
"""
_WINDOWS = """
INSERT INTO background_dispatch_window (dispatch_key, source, requested_at, window_start, window_seconds,
  correlation_id, status, process_dispatch_id, maintenance_dispatch_id)
SELECT 'w' || n, 'bench', at, at, 60, 'c', 'ENQUEUED', 'p' || n, 'm' || n
FROM (SELECT n, date_trunc('minute', now()) - interval '1 minute' * n AS at FROM generate_series(1, %s) AS n) AS rows
"""
_COUNTING = f"""
import sys
from middleware import metrics
for a in range({ACTORS}):
    for state in ("succeeded", "dead"):
        for c in range(50): metrics.job_finished(f"actor_{{a}}", state, f"client-{{c}}")
    for outcome in ("succeeded", "failed", "lost"): metrics.attempts_closed(f"actor_{{a}}", "bench", outcome)
    for rule in range(5): metrics.verdict_given(f"actor_{{a}}", "retry", f"rule_{{rule}}")
    metrics.attempts_took(f"actor_{{a}}", "bench", [0.01, 0.2], "actor:1:1")
    metrics.attempts_opened(f"actor_{{a}}", "bench", [0.01, 0.2], "actor:1:1")
    metrics.job_dispatched(f"actor_{{a}}", "bench"); metrics.dead_letter(f"actor_{{a}}", "terminal")
for operation in ("claim", "finish", "dispatch", "release"): metrics.ledger_timed(operation, 0.002, 8)
print("counted", flush=True)
sys.stdin.read()
"""


def fill(ground: Ground, attempts: int, letters: int) -> None:
    """The ledger's past and present, then tidied as autovacuum would."""
    history.write(ground.database_url, attempts, lambda rows: _say(f"{rows:,} attempts written"))
    with administering(ground.database_url) as cursor:
        cursor.execute(_LETTERS, (letters,))
        cursor.execute(_BACKLOG, (BACKLOG,))
        cursor.execute(_WINDOWS, (40_000,))
        cursor.execute("VACUUM (ANALYZE)")
        cursor.execute("CHECKPOINT")
    _say(f"{letters:,} letters, {BACKLOG:,} jobs due, 40,000 windows")


@contextmanager
def processes(ground: Ground, port: int) -> Iterator[int]:
    """Processes that have counted and go on living, and the endpoint that adds them up, whose pid is given."""
    environ = ground.environ(PYTHONPATH=os.pathsep.join(filter(None, sys.path)))
    started = [
        subprocess.Popen(
            [sys.executable, "-c", _COUNTING], env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(PROCESSES)
    ]
    endpoint = [sys.executable, "-m", "scripts.main", "metrics", "--port", str(port)]
    with (Path(ground.folder) / "endpoint.log").open("wb") as log:
        started.append(subprocess.Popen(endpoint, env=environ, stdin=subprocess.PIPE, stderr=log, text=True))
    try:
        for process in started[:-1]:
            assert process.stdout is not None
            process.stdout.readline()
        yield started[-1].pid
    finally:
        for process in reversed(started):
            process.terminate()
            process.communicate()


def scraped(port: int) -> tuple[float, str]:
    """Milliseconds of one scrape, and the page."""
    began_s = time.perf_counter()
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
        page = answer.read().decode()
    return (time.perf_counter() - began_s) * 1000, page


def endpoint_ms(pid: int) -> float:
    """Processor time that the endpoint has had, in ms: a busy machine makes a scrape longer, but hardly this."""
    (serving,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return _processor_ms(int(serving))


def sessions_ms(ground: Ground) -> float:
    """The same of its sessions at the database."""
    with administering(ground.database_url) as cursor:
        cursor.execute("SELECT pid FROM pg_stat_activity WHERE application_name = 'callboard'")
        return sum(_processor_ms(pid) for (pid,) in cursor.fetchall())


def _processor_ms(pid: int) -> float:
    """In user and system mode (proc(5), fields 14 and 15 of stat)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")


def first_page(port: int) -> str:
    """The page, once the endpoint is up and has read all of it."""
    deadline_s = time.monotonic() + 60
    while True:
        try:
            page = scraped(port)[1]
            if "callboard_ledger_readable 1.0" in page and "callboard_jobs_finished_rows" in page:
                return page
        except (urllib.error.URLError, ConnectionError):
            pass
        if time.monotonic() > deadline_s:
            raise TimeoutError("the endpoint has not read the ledger")
        time.sleep(0.2)


def main(argv: Sequence[str]) -> int:
    """Fill, scrape, print."""
    attempts, letters = [int(one) for one in argv] + [ATTEMPTS, LETTERS][len(argv) :]
    with prepared(Path(".artifacts/bench-failed")) as ground:
        fill(ground, attempts, letters)
        port = int(ground.environ()["CALLBOARD_METRICS_PORT"])
        with processes(ground, port) as endpoint:
            page = first_page(port)
            whole, readings = [], []
            own_ms, session_ms = -endpoint_ms(endpoint), -sessions_ms(ground)
            for _ in range(SCRAPES):
                time.sleep(1)
                took_ms, page = scraped(port)
                whole.append(took_ms)
                readings.append(float(page.partition("\ncallboard_scrape_reading_seconds ")[2].split()[0]) * 1000)
            own_ms += endpoint_ms(endpoint)
            session_ms += sessions_ms(ground)
    for name, found in (("whole scrape", whole), ("of it the readings", readings)):
        spread = statistics.quantiles(found, n=20)
        least, median = min(found), statistics.median(found)
        print(f"{name:20} least {least:6.1f} ms  median {median:6.1f} ms  95 % {spread[18]:6.1f} ms")
    own_ms, session_ms, load = own_ms / SCRAPES, session_ms / SCRAPES, os.getloadavg()[0]
    print(f"processor time       endpoint {own_ms:.1f} ms, its database sessions {session_ms:.1f} ms a scrape")
    print(f"load of the machine  {load:.0f}")
    print(f"page {len(page) / 1024:.0f} KiB of {PROCESSES} processes, {attempts:,} attempts, {letters:,} open letters")
    return 0


def _say(text: str) -> None:
    if sys.stderr.isatty():
        print(text, file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
