"""One id from a command's dispatch to the last child, in rows and lines; lines are JSON and hold no arguments."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest

from tests.acceptance.stage import Stage
from tests.acceptance.waiting import until
from tests.acceptance.worker_processes import Line, Workers

FAMILY = "family-of-the-test"
#: An argument of every message of the family, also quoted by an error's text.
SECRET = "s3cret-argument"
DISPATCH = f"""
from actors.broker import setup
setup()
import repertoire
from actors.dispatch import dispatch
dispatch(repertoire.lead, {SECRET!r}, dispatch_key="family:lead", client_id="acme", correlation_id={FAMILY!r})
"""
ACTORS = {"lead": 1, "follow": 4, "hear": 1}


@dataclass(frozen=True)
class Played:
    """What is left when the family is done and the workers have stopped."""

    producer: Workers
    workers: Workers
    exit_codes: tuple[int, int]
    job_ids: set[str]

    @property
    def lines(self) -> list[Line]:
        return [*self.producer.lines(), *self.workers.lines()]


@pytest.fixture(scope="module")
def played(stage: Stage) -> Played:
    stage.bring("repertoire")
    talkative = {"LOG_LEVEL": "DEBUG"}
    words = ["worker", "repertoire", "--processes", "2", "--threads", "2"]
    workers = stage.command(*words, settings=talkative).ready(processes=2)
    producer = stage.run(["-c", DISPATCH], settings=talkative)
    produced = producer.wait()
    until(lambda: len(stage.trace("followed")) == 4 and stage.trace("heard"), "the whole family")
    ids = {row[0] for row in stage.rows("SELECT id::text FROM background_job")}
    stage.await_state(ids, "succeeded")
    return Played(producer, workers, (produced, workers.stop()), ids)


def test_whole_family_bears_the_id_of_its_first_dispatch(stage: Stage, played: Played) -> None:
    jobs = stage.rows("SELECT actor, correlation_id, count(*) FROM background_job GROUP BY 1, 2")
    attempts = stage.rows("SELECT correlation_id, count(*) FROM background_function_run GROUP BY 1")

    assert {actor: count for actor, _, count in jobs} == ACTORS
    assert {family for _, family, _ in jobs} == {FAMILY}
    assert attempts == [(FAMILY, 7)]
    assert played.exit_codes == (0, 0)


def test_children_name_their_cause_and_the_effect_its_job(stage: Stage, played: Played) -> None:
    lead = stage.value("SELECT id FROM background_job WHERE actor = 'lead'")

    causes = stage.rows("SELECT DISTINCT causation_id FROM background_job WHERE actor <> 'lead'")
    effects = stage.rows("SELECT effect_key, job_id, state FROM side_effect")

    assert (str(lead),) in causes
    assert {cause for (cause,) in causes} <= played.job_ids
    assert effects == [("family:effect", lead, "CONFIRMED")]


def test_every_line_about_a_job_bears_the_familys_id(played: Played) -> None:
    about = [line for line in played.lines if line.get("job_id") in played.job_ids]

    assert about
    assert [line for line in about if line.get("correlation_id") != FAMILY] == []
    assert {line["event"] for line in about} >= {"job_dispatched", "attempt_closed", "actor_raised", "effect_settled"}
    assert {line["pid"] for line in about} >= {played.producer.lines("job_dispatched")[0]["pid"]}


def test_line_of_a_library_inside_an_actor_bears_the_jobs_ids(stage: Stage, played: Played) -> None:
    (line,) = played.workers.lines("halfway")

    lead = stage.value("SELECT id::text FROM background_job WHERE actor = 'lead'")
    expected = {"correlation_id": FAMILY, "job_id": lead, "dispatch_key": "family:lead", "actor": "lead", "attempt": 2}
    assert {name: line.get(name) for name in expected} == expected
    assert line["client_id"] == "acme"
    assert line["logger"] == "a.library"


def test_every_line_of_command_master_workers_and_forks_is_json(played: Played) -> None:
    for text in (played.producer.text, played.workers.text):
        lines = [line for line in text.splitlines() if line]
        assert lines
        assert [line for line in lines if not _is_json_object(line)] == []
    assert {line["logger"] for line in played.workers.lines()} >= {"dramatiq.MainProcess", "middleware.heartbeat"}


def test_arguments_appear_in_no_line(played: Played) -> None:
    assert SECRET not in played.producer.text
    assert SECRET not in played.workers.text


def test_explain_shows_the_whole_family_from_rows_alone(stage: Stage, played: Played) -> None:
    stage.redis.flushall()

    explained = stage.command("explain", FAMILY, "--json")

    assert explained.wait() == 0
    assert [one for one in played.job_ids if one not in explained.text] == []
    assert "family:effect" in explained.text


def _is_json_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False
