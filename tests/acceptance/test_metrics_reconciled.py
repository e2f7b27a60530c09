"""Counters and rows: equal after a clean run of three processes, one restarted; a kill loses what it had in hand."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence

import pytest

from actors.dispatch import Job, dispatch, dispatch_many
from tests.acceptance.scraping import Counts, Scraper
from tests.acceptance.stage import Stage, free_port
from tests.acceptance.waiting import until
from tests.acceptance.worker_processes import Workers

#: A lease that a busy machine keeps, and that is still over soon.
SHORT = {"HEARTBEAT_SECONDS": 0.5, "LEASE_SECONDS": 2, "RELAY_SECONDS": 0.1}
THREADS = 2
#: A count follows its commit within less; what finished in so many seconds before a kill may be uncounted.
COUNTED_WITHIN_S = 2

BY_STATUS = "SELECT function_name, status, count(*) FROM background_function_run GROUP BY 1, 2"
BY_STATE = "SELECT actor, state, count(*) FROM background_job WHERE finished_at IS NOT NULL GROUP BY 1, 2"


class Company:
    """Workers of one process each that share a home, and so a page."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.play = stage.bring("repertoire")
        self._port = free_port()
        self.scraper = Scraper(self._port)
        self.workers = [self.join() for _ in range(3)]
        until(self.scraper.page, "the endpoint", 60)

    def join(self) -> Workers:
        """Another worker; once it has registered."""
        settings = {**SHORT, "METRICS_PORT": self._port}
        workers = self._stage.start("repertoire", threads=THREADS, ready=False, settings=settings)
        until(workers.pids, "its registration", 60)
        return workers

    def counted(self) -> tuple[Counts, Counts]:
        """Attempts by actor and status, finished jobs by actor and state, as processes have counted them."""
        return (
            self.scraper.counts("attempts_total", "actor", "outcome"),
            self.scraper.counts("jobs_finished_total", "actor", "state"),
        )

    def rows(self) -> tuple[Counts, Counts]:
        """The same by the ledger."""
        return self._told(BY_STATUS), self._told(BY_STATE)

    def _told(self, statement: str) -> Counts:
        return {(str(a).lower(), str(b).lower()): float(n) for a, b, n in self._stage.rows(statement)}


@pytest.fixture(scope="module")
def company(stage: Stage) -> Iterator[Company]:
    yield Company(stage)
    stage.end_all()


def steps(company: Company, name: str, count: int) -> Sequence[str]:
    """Short jobs, and some that fail and die, dispatched at once."""
    play = company.play
    ids = [one.job_id for one in dispatch_many([Job(play.step_on, (f"{name}-{n}", 30)) for n in range(count)])]
    ids += [dispatch(play.never_work, f"{name}-dies", client_id="acme").job_id]
    ids += [dispatch(play.work_on_third_try, f"{name}-works").job_id]
    return ids


def test_counters_equal_rows_after_a_clean_run_with_one_process_restarted(stage: Stage, company: Company) -> None:
    ids = steps(company, "clean", 120)
    until(lambda: len(stage.trace("stepped")) > 30, "work under way", 60)

    code = company.workers[1].stop()
    company.workers[1] = company.join()
    stage.await_end(ids, within_s=60)

    assert code == 0
    until(lambda: company.counted() == company.rows(), "counters that equal the rows", 30)
    pids = stage.value("SELECT count(DISTINCT pid) FROM background_function_run")
    assert pids >= 3
    assert company.scraper.counts("jobs_in_progress", "actor") == {}, "no ghost of the process that is gone"


def test_kills_cost_no_more_counts_than_the_killed_had_in_hand(stage: Stage, company: Company) -> None:
    until(lambda: company.counted() == company.rows(), "counters that equal the rows", 30)
    ids = steps(company, "killed", 240)
    until(lambda: sum(step.startswith("killed-") for step in stage.trace("stepped")) > 40, "work under way", 60)

    in_hand = sum(kill(stage, company.workers[at]) for at in (1, 2))
    company.workers[1:] = [company.join(), company.join()]
    stage.await_end(ids, within_s=90)

    def apart() -> float | None:
        (attempts, finished), (attempt_rows, finished_rows) = company.counted(), company.rows()
        gaps = [difference(attempt_rows, attempts), difference(finished_rows, finished)]
        return max(gaps) + 1 if min(gaps) >= 0 else None

    gap = until(apart, "counters that never exceed the rows", 30) - 1
    assert gap <= in_hand
    assert ("step_on", "lost") in company.rows()[0], "the kills have met running attempts"
    until(lambda: company.scraper.counts("jobs_in_progress", "actor") == {}, "the end of the killed ones' gauges", 30)


def kill(stage: Stage, workers: Workers) -> int:
    """SIGKILL, and what its process had in hand then: running, or finished so lately that it may be uncounted."""
    (pid,) = workers.pids()
    os.kill(pid, signal.SIGSTOP)
    in_hand = stage.value(
        "SELECT count(*) FROM background_function_run WHERE pid = %s"
        " AND (status = 'RUNNING' OR finished_at > clock_timestamp() - make_interval(secs => %s))",
        pid,
        COUNTED_WITHIN_S,
    )
    workers.kill()
    return int(in_hand)


def difference(rows: Counts, counted: Counts) -> float:
    """By how much the rows exceed what was counted, all labels together; less than 0 if a count exceeds its row."""
    gaps = [rows.get(labels, 0) - counted.get(labels, 0) for labels in rows.keys() | counted.keys()]
    return min(gaps) if min(gaps) < 0 else sum(gaps)
