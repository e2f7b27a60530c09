"""Recorded jobs on today's code: what is compared, and that nothing it does happens."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import dramatiq
import pytest
from dramatiq.brokers.stub import StubBroker
from dramatiq.middleware import CurrentMessage

from actors.dispatch import dispatch
from actors.replaying import UNTOUCHABLE, replay_job
from messaging.replay.cases import CaseStatus, FailureType
from messaging.replay.recorded import JobResult
from messaging.replay.recorded_run import job_told, run_jobs
from middleware.effects import Refused, once
from middleware.outcomes import finish_of, judge
from middleware.worker_process import WorkerProcess
from models.database import after_commit, atomic, close_connection, only_reading, query
from models.ledger.finish import finish
from models.readings.jobs import find_jobs
from models.readings.recorded_jobs import recorded_jobs
from policy.errors import OutcomeUnknown, Terminal
from tests.broker_cases import acting, acting_process, held_by_process
from tests.integration.effect_cases import Provider, Refusing
from tests.ledger_cases import DEDUPE_S, dispatched

pytestmark = pytest.mark.usefixtures("ledger_database")

Play = Callable[[], Any]


@dataclass
class House:
    """One actor whose code can be changed, and what it reaches for. `play` is today's code."""

    process: WorkerProcess
    actor: dramatiq.Actor[[], Any]
    provider: Provider = field(default_factory=Provider)
    play: Play = lambda: None

    def record(self, play: Play) -> UUID:
        """Run this code once as a worker does, for real, and close the job as it ended."""
        message = self.actor.message()
        job = dispatched(payload=message.encode(), actor=self.actor.actor_name)
        held = held_by_process(self.process, job)
        result, judged = None, None
        with acting(self.process, held):
            try:
                result = play()
            except Exception as error:
                judged = judge(self.actor.broker, message, held, error)
        self.process.in_hand.remove([held])
        finish(self.process.holder.id, [finish_of(held, judged, result, [])], dedupe_s=DEDUPE_S)
        return job.id

    def replay(self, job_id: UUID, play: Play) -> JobResult:
        """What becomes of that job under this code; nothing but the replay's own thread may have written."""
        self.play, before = play, rows()
        with only_reading():
            outcome = run_jobs(
                recorded_jobs(find_jobs([job_id])),
                lambda job: replay_job(self.actor.broker, job),
                UNTOUCHABLE,
                0,
                lambda _result, _done: None,
            )
        assert rows() == before
        return outcome.results[0]

    def mails(self) -> Any:
        """The actor's code as it was recorded in most of these tests: one effect, and its result."""
        done = once("reply:1", self.provider, kind="email")
        return {"refused": done.reason} if isinstance(done, Refused) else {"sent": done.result}


def rows() -> Sequence[tuple[Any, ...]]:
    return query(
        "SELECT (SELECT md5(string_agg(job::text, '' ORDER BY id)) FROM background_job AS job),"
        " (SELECT md5(string_agg(effect::text, '' ORDER BY effect_key)) FROM side_effect AS effect),"
        " (SELECT md5(string_agg(client::text, '' ORDER BY id)) FROM client)"
    )


@pytest.fixture
def house() -> House:
    broker = StubBroker(middleware=[CurrentMessage()])
    found: list[House] = []
    options: dict[str, Any] = {}
    actor: dramatiq.Actor[[], Any] = dramatiq.Actor(
        lambda: found[0].play(),  # noqa: PLW0108  # looked up at each call: the code changes
        actor_name="actor",
        broker=broker,
        queue_name="default",
        priority=0,
        options=options,
    )
    found.append(House(acting_process(broker), actor))
    return found[0]


def _raise(error: Exception) -> Any:
    raise error


def test_the_same_code_does_the_same_and_nothing_is_called(house: House) -> None:
    job_id = house.record(house.mails)

    result = house.replay(job_id, house.mails)

    told = job_told(result)
    assert (result.status, result.failure, result.differences) == (CaseStatus.EVALUATED, None, ())
    assert told["recorded"]["effectDigest"] == told["replayed"]["effectDigest"]
    assert told["resultChanged"] is False
    assert house.provider.keys == ["reply:1"]


@pytest.mark.parametrize(("key", "kind"), [("reply:2", "email"), ("reply:1", "sms")])
def test_an_effect_that_was_never_recorded_would_be_sent_and_is_not(house: House, key: str, kind: str) -> None:
    job_id = house.record(house.mails)

    result = house.replay(job_id, lambda: once(key, house.provider, kind=kind))

    assert result.failure_type is FailureType.DECISION
    assert result.failure == f"would send {key}, which was never recorded"
    assert house.provider.keys == ["reply:1"]


def test_code_that_swallows_the_refusal_is_found_out_all_the_same(house: House) -> None:
    job_id = house.record(lambda: None)

    def swallowing() -> None:
        try:
            once("reply:2", house.provider, kind="email")
        except Exception:
            return

    result = house.replay(job_id, swallowing)

    assert [one.what for one in result.differences] == ["would_send"]
    assert house.provider.keys == []


def test_an_effect_that_is_left_out_changes_the_digest(house: House) -> None:
    job_id = house.record(house.mails)

    result = house.replay(job_id, lambda: None)

    assert result.failure_type is FailureType.DECISION
    assert [one.what for one in result.differences] == ["effects"]


def test_code_that_fails_where_it_worked_is_an_execution_error(house: House) -> None:
    job_id = house.record(house.mails)

    result = house.replay(job_id, lambda: (house.mails(), _raise(KeyError("x"))))

    assert result.failure_type is FailureType.EXECUTION
    assert result.failure == "outcome was SUCCEEDED/succeeded, is FAILED/pending (KeyError: 'x')"


def test_a_death_that_is_still_one_is_no_difference(house: House) -> None:
    job_id = house.record(lambda: _raise(Terminal("no such lead")))

    result = house.replay(job_id, lambda: _raise(Terminal("no such lead, still")))

    assert result.status is CaseStatus.EVALUATED


def test_another_verdict_on_the_same_outcome_is_a_wrong_decision(house: House) -> None:
    job_id = house.record(lambda: _raise(Terminal("no such lead")))

    result = house.replay(job_id, lambda: _raise(PermissionError("no")))

    assert result.status is CaseStatus.FAILED
    assert [one.what for one in result.differences] in (["verdict"], ["outcome"])


@pytest.mark.parametrize(
    "ending", [OutcomeUnknown("cut"), Refusing("no")], ids=["unknown", "refused by the other side"]
)
def test_an_effect_that_did_not_end_well_ends_so_again(house: House, ending: Exception) -> None:
    house.provider = Provider(ending)
    job_id = house.record(house.mails)

    result = house.replay(job_id, house.mails)

    assert result.status is CaseStatus.EVALUATED, result.failure
    assert house.provider.keys == ["reply:1"]


def test_an_effect_that_the_guard_refused_is_refused_as_it_was(house: House) -> None:
    def guarded() -> Any:
        done = once("reply:1", house.provider, kind="email", guard=lambda: "client_paused")
        return {"refused": done.reason} if isinstance(done, Refused) else None

    job_id = house.record(guarded)

    result = house.replay(job_id, house.mails)

    assert result.status is CaseStatus.EVALUATED
    assert result.replayed is not None
    assert result.replayed.result == {"refused": "client_paused"}
    assert house.provider.keys == []


def test_what_it_writes_is_undone_and_what_follows_a_commit_never_runs(house: House) -> None:
    seen: list[object] = []

    def writing() -> None:
        query("INSERT INTO client (id, name, sender_address) VALUES ('new', 'New', 'a@new.example')")
        with atomic():
            query("UPDATE client SET name = 'Newer'")
            after_commit(lambda: seen.append("committed"))
        seen.extend(query("SELECT name FROM client"))

    job_id = house.record(lambda: None)

    result = house.replay(job_id, writing)

    assert result.status is CaseStatus.EVALUATED, result.failure
    assert seen == [("Newer",)]


def test_a_write_from_a_thread_of_its_own_is_refused(house: House) -> None:
    refused: list[str | None] = []

    def write() -> None:
        try:
            query("INSERT INTO client (id, name, sender_address) VALUES ('new', 'New', 'a@new.example')")
        except Exception as error:
            refused.append(getattr(error, "pgcode", None))
        finally:
            close_connection()

    def threaded() -> None:
        thread = threading.Thread(target=write)
        thread.start()
        thread.join()

    job_id = house.record(lambda: None)

    house.replay(job_id, threaded)

    assert refused == ["25006"]


def test_what_it_dispatches_and_sends_is_noted_and_goes_nowhere(house: House) -> None:
    def passing_on() -> str:
        dispatch(house.actor, dispatch_key="next:1")
        house.actor.send()
        return "passed on"

    job_id = house.record(lambda: "passed on")

    result = house.replay(job_id, passing_on)

    assert result.status is CaseStatus.EVALUATED
    assert result.replayed is not None
    assert result.replayed.wanted == (("actor", "next:1"), ("actor", ""))
    assert house.actor.broker.queues["default"].qsize() == 0


def test_a_connection_of_its_own_is_stopped(house: House) -> None:
    job_id = house.record(lambda: None)

    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        result = house.replay(job_id, lambda: socket.create_connection(server.getsockname(), 1).close())
        with pytest.raises(BlockingIOError):
            server.accept()

    assert result.failure_type is FailureType.EXECUTION


def test_an_actor_that_is_gone_is_an_execution_error(house: House) -> None:
    job_id = house.record(lambda: None)
    house.actor.broker.actors.clear()

    result = house.replay(job_id, lambda: None)

    assert result.failure_type is FailureType.EXECUTION
    assert "ActorNotFound" in str(result.failure)


def test_a_job_that_is_not_over_is_skipped(house: House) -> None:
    job = dispatched(payload=house.actor.message().encode())

    result = house.replay(job.id, lambda: _raise(AssertionError("never run")))

    assert (result.status, result.failure) == (CaseStatus.SKIPPED, "it is queued, not over")
