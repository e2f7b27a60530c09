"""The page of several worker processes says what the rows say."""

from __future__ import annotations

from types import ModuleType

import pytest

from actors.dispatch import Job, dispatch, dispatch_many
from tests.acceptance.scraping import Counts, Scraper
from tests.acceptance.stage import Stage, free_port
from tests.acceptance.waiting import until


@pytest.fixture(scope="module")
def scraper(stage: Stage) -> Scraper:
    """Two processes that have done work of every kind."""
    play = stage.bring("repertoire")
    port = free_port()
    words = ["worker", "repertoire", "--processes", "2", "--threads", "2"]
    stage.command(*words, settings={"METRICS_PORT": port}).ready(processes=2)
    _work(stage, play)
    scraper = Scraper(port)
    until(scraper.page, "the endpoint")
    return scraper


def _work(stage: Stage, play: ModuleType) -> None:
    ids = [dispatch(play.hand_out, 6, client_id="acme").job_id]
    ids += [one.job_id for one in dispatch_many([Job(play.step_on, (f"m{n}", 40)) for n in range(60)])]
    ids += [dispatch(play.reserve, f"metric-{number}").job_id for number in range(3)]
    ids += [
        dispatch(play.decide, what, f"m-{what}").job_id for what in ("terminal", "unknown", "cancelled", "throttled")
    ]
    ids.append(dispatch(play.never_work, "metrics", client_id="acme").job_id)
    stage.await_end(ids)
    children = [row[0] for row in stage.rows("SELECT id::text FROM background_job")]
    stage.await_end(children)


def _rows(stage: Stage, statement: str) -> Counts:
    """Rows of texts and a number at last, as counts."""
    return {tuple(str(part).lower() for part in row[:-1]): float(row[-1]) for row in stage.rows(statement)}


@pytest.mark.parametrize(
    ("sample", "labels", "statement"),
    [
        pytest.param(
            "attempts_total",
            ("actor", "queue", "outcome"),
            "SELECT run.function_name, job.queue, run.status, count(*) FROM background_function_run AS run"
            " JOIN background_job AS job ON job.id = run.job_id GROUP BY 1, 2, 3",
            id="attempts",
        ),
        pytest.param(
            "jobs_finished_total",
            ("actor", "state"),
            "SELECT actor, state, count(*) FROM background_job WHERE finished_at IS NOT NULL GROUP BY 1, 2",
            id="finished jobs",
        ),
        pytest.param(
            "jobs_finished_by_client_total",
            ("client", "state"),
            "SELECT coalesce(client_id, 'none'), state, count(*) FROM background_job"
            " WHERE finished_at IS NOT NULL GROUP BY 1, 2",
            id="finished jobs by client",
        ),
        pytest.param(
            "verdicts_total",
            ("actor", "verdict", "rule"),
            "SELECT function_name, verdict, rule, count(*) FROM background_function_run"
            " WHERE verdict IS NOT NULL GROUP BY 1, 2, 3",
            id="verdicts",
        ),
        pytest.param(
            "attempt_duration_seconds_count",
            ("actor",),
            "SELECT function_name, count(*) FROM background_function_run WHERE duration_ms IS NOT NULL GROUP BY 1",
            id="durations",
        ),
        pytest.param(
            "queue_wait_seconds_count",
            ("actor",),
            "SELECT function_name, count(*) FROM background_function_run GROUP BY 1",
            id="queue waits",
        ),
        pytest.param(
            "dead_letters_total",
            ("actor", "reason"),
            "SELECT actor, reason, count(*) FROM dead_letter GROUP BY 1, 2",
            id="dead letters",
        ),
        pytest.param(
            "dead_letters_open",
            ("reason",),
            "SELECT reason, count(*) FROM dead_letter WHERE resolution = 'OPEN' GROUP BY 1",
            id="open dead letters",
        ),
        pytest.param(
            "workers_alive",
            (),
            "SELECT count(*) FROM worker WHERE lost_at IS NULL AND stopped_at IS NULL",
            id="workers",
        ),
    ],
)
def test_page_says_what_the_rows_say(
    stage: Stage, scraper: Scraper, sample: str, labels: tuple[str, ...], statement: str
) -> None:
    wanted = _rows(stage, statement)

    found = scraper.counts(sample, *labels)

    assert wanted
    assert found == wanted


def test_both_processes_have_counted(stage: Stage, scraper: Scraper) -> None:
    assert scraper.page()
    assert stage.value("SELECT count(DISTINCT pid) FROM background_function_run") == 2


def test_durations_add_up_to_those_of_the_rows(stage: Stage, scraper: Scraper) -> None:
    wanted_s = stage.value("SELECT sum(duration_ms)::float8 / 1000 FROM background_function_run")

    found_s = sum(scraper.counts("attempt_duration_seconds_sum", "actor").values())

    assert found_s == pytest.approx(wanted_s, rel=1e-6)


def test_dispatches_of_a_worker_and_their_duplicates_are_counted(stage: Stage, scraper: Scraper) -> None:
    dispatched = scraper.counts("jobs_dispatched_total", "actor", "source")
    duplicates = scraper.counts("jobs_duplicate_total", "actor")

    suppressed = stage.value("SELECT sum(duplicates_suppressed) FROM background_job WHERE actor = 'step_on'")
    assert dispatched == {("step_on", "dispatch"): 6}, "what the test itself dispatched is counted in its own process"
    assert duplicates == {("step_on",): 6}
    assert suppressed == 6


def test_effects_are_counted_by_the_states_they_entered(scraper: Scraper) -> None:
    assert scraper.counts("effects_total", "kind", "state") == {("seat", "intended"): 3, ("seat", "confirmed"): 3}


def test_nothing_is_left_in_progress_or_ready(scraper: Scraper) -> None:
    assert scraper.counts("jobs_in_progress", "actor") == {}
    assert scraper.counts("queue_depth", "queue") == {}
    assert scraper.counts("hook_failures_total", "hook") == {}
    assert scraper.counts("stale_writes_rejected_total", "actor") == {}
