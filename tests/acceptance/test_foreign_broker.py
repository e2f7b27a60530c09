"""`middleware.stack()` on a StubBroker with an actor that is not ours: same rules, one message at a time."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dramatiq
import pytest
from dramatiq import Actor, Worker
from dramatiq.brokers.stub import StubBroker

from actors.dispatch import Dispatched, Duplicate, dispatch
from middleware import stack
from policy.errors import Terminal
from servers import embedded
from tests.acceptance.stage import Stage, fresh_stage
from tests.acceptance.waiting import always, until


class Theatre:
    """A StubBroker, its worker, and one actor whose body says when it is entered."""

    def __init__(self) -> None:
        self.broker = StubBroker(middleware=stack())
        self.worker = Worker(self.broker, worker_timeout=50, worker_threads=2)
        self.entered: list[str] = []
        self.failures_left = 0
        self.error: type[Exception] = RuntimeError
        self.gate = threading.Event()
        self.gate.set()
        declare = dramatiq.actor(broker=self.broker, actor_name="act", max_retries=3, min_backoff=20, max_backoff=50)
        self.act: Actor[..., Any] = declare(self._act)

    def _act(self, name: str) -> str:
        self.entered.append(name)
        self.gate.wait(20)
        if self.failures_left:
            self.failures_left -= 1
            raise self.error("not this time")
        return name

    def open(self) -> None:
        """Boot as Dramatiq's command line does."""
        self.broker.emit_after("process_boot")
        self.worker.start()


@pytest.fixture
def stage(breakable: embedded.Servers, tmp_path: Path) -> Iterator[Stage]:
    with fresh_stage(tmp_path, breakable.database_url, breakable.redis_url) as stage:
        yield stage


@pytest.fixture
def theatre(stage: Stage) -> Iterator[Theatre]:
    theatre = Theatre()
    yield theatre
    theatre.gate.set()
    theatre.worker.stop()
    theatre.broker.close()


def test_plain_send_is_claimed_run_and_finished(stage: Stage, theatre: Theatre) -> None:
    theatre.open()

    message = theatre.act.send("one")
    until(lambda: theatre.entered, "the run")
    stage.await_state(message.message_id, "succeeded")

    assert stage.attempts(message.message_id, "status, attempt") == [("SUCCEEDED", 1)]
    assert stage.job(message.message_id, "actor, result") == ("act", "one")
    assert stage.value("SELECT count(*) FROM worker WHERE stopped_at IS NULL") == 1


def test_dispatched_job_runs_once_and_its_key_is_held(stage: Stage, theatre: Theatre) -> None:
    theatre.open()

    first = dispatch(theatre.act, "two", dispatch_key="stub:two")
    second = dispatch(theatre.act, "two", dispatch_key="stub:two")
    stage.await_state(first.job_id, "succeeded")

    assert isinstance(first, Dispatched)
    assert isinstance(second, Duplicate)
    assert theatre.entered == ["two"]


def test_failed_attempt_comes_back_through_the_relay(stage: Stage, theatre: Theatre) -> None:
    theatre.failures_left = 2
    theatre.open()

    message = theatre.act.send("three")
    until(lambda: len(theatre.entered) == 3, "three attempts")
    stage.await_state(message.message_id, "succeeded")

    assert stage.attempts(message.message_id) == ["FAILED", "FAILED", "SUCCEEDED"]
    assert stage.job(message.message_id, "release, attempts_spent") == (2, 2)


def test_terminal_error_leaves_a_dead_letter_in_ledger_and_broker(stage: Stage, theatre: Theatre) -> None:
    theatre.failures_left, theatre.error = 1, Terminal
    theatre.open()

    message = theatre.act.send("four")
    until(lambda: theatre.broker.dead_letters, "the broker's dead letter")

    assert stage.job(message.message_id, "state") == "dead"
    assert stage.letter(message.message_id) == ("terminal", "Terminal", "OPEN")
    assert [letter.message_id for letter in theatre.broker.dead_letters] == [message.message_id]


def test_without_postgres_the_body_is_never_entered_and_the_worker_stops_in_time(
    stage: Stage, theatre: Theatre, breakable: embedded.Servers
) -> None:
    breakable.postgres.stop()
    try:
        theatre.open()
        for number in range(4):
            theatre.act.send(f"never-{number}")
        always(lambda: not theatre.entered, "the body unentered", for_s=2)
        began_s = time.monotonic()
        theatre.worker.stop(timeout=20_000)
        stopped_s = time.monotonic() - began_s
    finally:
        breakable.postgres.start()

    assert theatre.entered == []
    assert stopped_s < 10
    assert stage.value("SELECT count(*) FROM background_job") == 0


def test_postgres_stopped_under_a_running_worker_delays_the_work_and_loses_none(
    stage: Stage, theatre: Theatre, breakable: embedded.Servers
) -> None:
    theatre.open()
    until(lambda: stage.value("SELECT count(*) FROM worker"), "the worker's registration")

    breakable.postgres.stop()
    try:
        messages = [theatre.act.send(f"late-{number}") for number in range(4)]
        always(lambda: not theatre.entered, "the body unentered", for_s=1)
    finally:
        breakable.postgres.start()
    until(lambda: len(theatre.entered) == 4, "the work afterwards")
    stage.await_state([message.message_id for message in messages], "succeeded")

    assert sorted(theatre.entered) == [f"late-{number}" for number in range(4)]
    assert stage.value("SELECT count(*) FROM background_function_run") == 4


def test_finish_waits_for_postgres_and_the_actor_is_not_run_again(
    stage: Stage, theatre: Theatre, breakable: embedded.Servers
) -> None:
    theatre.gate.clear()
    theatre.open()
    message = theatre.act.send("five")
    until(lambda: theatre.entered, "the run")

    breakable.postgres.stop()
    try:
        theatre.gate.set()
        always(lambda: theatre.entered == ["five"], "one run", for_s=1)
    finally:
        breakable.postgres.start()
    stage.await_state(message.message_id, "succeeded")

    assert theatre.entered == ["five"]
    assert stage.attempts(message.message_id) == ["SUCCEEDED"]
