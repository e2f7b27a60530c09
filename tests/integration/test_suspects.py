"""A claim between start and actor, and between actor and outcome: suspects, slots, and interrupts that land there."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

import dramatiq
import psycopg2
import pytest
from dramatiq import MessageProxy
from dramatiq.brokers.stub import StubBroker
from dramatiq.middleware import SkipMessage, TimeLimitExceeded

from middleware import single_claims
from middleware.claimed_message import held_of
from middleware.claims import Claims
from middleware.finish_writer import FinishWriter
from middleware.in_hand import Held, Phase, current_held
from middleware.started_slots import read_started
from middleware.worker_process import WorkerProcess, current_process
from models.database import query
from models.ledger import workers
from models.ledger.claim import Claimed
from models.ledger.finish import give_back, mark_started
from models.ledger.workers import recover_jobs, register
from tests.broker_cases import acting_process, actor_on, broker_on, held_by_process
from tests.ledger_cases import attempts_of, claimed, dispatched, in_threads, job_row, lose, registered, state_of, until

pytestmark = pytest.mark.usefixtures("ledger_database")


@pytest.fixture(autouse=True)
def nothing_in_hand_afterwards() -> Iterator[None]:
    """Not every test lets the after-hooks run, which end what the before-hook has begun."""
    yield
    current_held.set(None)
    current_process.set(None)


@pytest.fixture
def broker() -> StubBroker:
    """A broker that is not ours, with one actor."""
    broker = StubBroker(middleware=[])
    actor_on(broker)
    return broker


@pytest.fixture
def process(broker: StubBroker) -> WorkerProcess:
    """A worker process of that broker that may act."""
    return acting_process(broker)


def sent() -> MessageProxy:
    """A plain send as a worker thread meets it."""
    return MessageProxy(dramatiq.Message("default", "actor", (), {}, {}))


def suspect_that_meets_an_outage(
    process: WorkerProcess, monkeypatch: pytest.MonkeyPatch, meanwhile: Callable[[], object]
) -> MessageProxy:
    """A suspect about to start; its start cannot be committed at first, and `meanwhile` something happens."""
    job = dispatched()
    query("UPDATE background_job SET suspect = true")
    message = sent()
    message.held = held_by_process(process, job)  # type: ignore[attr-defined]
    first = [True]

    def marked(begun: Sequence[tuple[Claimed, float]]) -> None:
        if first.pop() if first else False:
            meanwhile()
            raise psycopg2.OperationalError("server closed the connection unexpectedly")
        mark_started(begun)

    monkeypatch.setattr(single_claims, "mark_started", marked)
    return message


def test_suspect_whose_worker_was_lost_before_its_start_was_committed_does_not_run(
    broker: StubBroker, process: WorkerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost() -> None:
        lose(process.holder)
        recover_jobs(process.holder.id, crashed=[], suspects=[], max_crashes=3)
        process.renew()
        process.beaten(time.monotonic())

    message = suspect_that_meets_an_outage(process, monkeypatch, lost)

    with pytest.raises(SkipMessage):
        Claims().before_process_message(broker, message)
    Claims().after_skip_message(broker, message)

    held = held_of(message)
    assert held is not None
    assert state_of(held.claim.job_id) == "pending"
    assert attempts_of(held.claim.job_id) == ["LOST"]
    assert process.in_hand.all() == []


def test_suspect_whose_worker_stops_before_its_start_was_committed_goes_back(
    broker: StubBroker, process: WorkerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = suspect_that_meets_an_outage(process, monkeypatch, process.stopping.set)

    with pytest.raises(SkipMessage):
        Claims().before_process_message(broker, message)
    Claims().after_skip_message(broker, message)

    held = held_of(message)
    assert held is not None
    assert state_of(held.claim.job_id) == "pending"
    assert attempts_of(held.claim.job_id) == ["CANCELLED"]


def test_suspect_takes_nobody_with_it(broker: StubBroker, process: WorkerProcess) -> None:
    job = dispatched()
    query("UPDATE background_job SET suspect = true")
    message = sent()
    message.held = held_by_process(process, job)  # type: ignore[attr-defined]
    innocents = [held_by_process(process) for _ in range(3)]

    Claims().before_process_message(broker, message)

    assert {state_of(one.claim.job_id) for one in innocents} == {"pending"}
    assert state_of(job.id) == "running"
    assert process.in_hand.suspect_in_hand(), "and nothing more is fetched beside it"


def suspect_in_hand(process: WorkerProcess, waited_s: float) -> MessageProxy:
    """A suspect that a process had in hand so many seconds ago, and that was lost before; as a thread meets it now."""
    job, former = dispatched(), registered()
    claimed(former, job)
    lose(former)
    recover_jobs(former.id, crashed=[], suspects=[job.id], max_crashes=3)
    query("UPDATE background_job SET state = 'queued', release = 3, released_at = now()")
    give_back(process.holder.id, [claimed(process.holder, job, 3)])
    query("UPDATE background_job SET state = 'queued', release = 4, released_at = now()")
    query("SELECT make_attempt_partition(now() - make_interval(secs => %s))", (waited_s,))
    query(
        "UPDATE background_function_run SET claimed_at = now() - make_interval(secs => %s) WHERE status = 'CANCELLED'",
        (waited_s,),
    )
    message = sent()
    message.held = held_by_process(process, job, 4)  # type: ignore[attr-defined]
    return message


def running_for(process: WorkerProcess, seconds: float) -> Held:
    """A job that this process has been running for so long."""
    held = held_by_process(process)
    assert process.in_hand.start(held, lambda: True, timeout_s=0) is True
    assert held.started_s is not None
    held.started_s -= seconds
    return held


@pytest.mark.parametrize(("waited_s", "beside_s"), [(1, 4), (30, 4), (600, 61)])
def test_suspect_gives_way_to_what_has_run_for_longer_than_it_may_hold_others_up(
    broker: StubBroker, process: WorkerProcess, waited_s: float, beside_s: float
) -> None:
    message = suspect_in_hand(process, waited_s)
    long, other = running_for(process, beside_s), held_by_process(process)

    with pytest.raises(SkipMessage):
        Claims().before_process_message(broker, message)
    Claims().after_skip_message(broker, message)

    held = held_of(message)
    assert held is not None
    (due_s,) = job_row(held.claim.job_id, "extract(epoch FROM run_at - clock_timestamp())::float8")
    wait_s = min(max(3, waited_s / 10), 30)
    assert wait_s - 2 < due_s < wait_s + 2
    assert attempts_of(held.claim.job_id) == ["LOST", "CANCELLED", "CANCELLED"]
    columns = ("state", "suspect", "attempts_spent", "crashes", "throttles", "holds_key")
    assert job_row(held.claim.job_id, *columns) == ("pending", True, 0, 0, 0, True)
    assert process.in_hand.all() == [long, other]
    assert process.in_hand.start(other, lambda: True, timeout_s=0) is True, "and the others go on"


@pytest.mark.parametrize(("waited_s", "beside_s"), [(1, 1), (100, 5), (600, 59)])
def test_suspect_holds_up_what_has_run_for_less_until_it_can_be_alone(
    broker: StubBroker, process: WorkerProcess, waited_s: float, beside_s: float
) -> None:
    message = suspect_in_hand(process, waited_s)
    short = running_for(process, beside_s)

    def end_once_it_is_waited_for() -> None:
        until(process.in_hand.suspect_in_hand, "a suspect that waits for its turn")
        process.in_hand.finishing(short)

    in_threads([lambda: Claims().before_process_message(broker, message), end_once_it_is_waited_for])

    held = held_of(message)
    assert held is not None
    assert held.phase is Phase.STARTED
    assert attempts_of(held.claim.job_id) == ["LOST", "CANCELLED", "RUNNING"]


def test_suspect_keeps_waiting_while_nobody_can_say_for_how_long_it_has(
    process: WorkerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = held_of(suspect_in_hand(process, 1))
    running_for(process, 4)
    assert held is not None

    def away(*_: object) -> float:
        raise psycopg2.OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(workers, "first_claimed_s", away)
    single_claims.give_way(process, held)

    assert held.phase is Phase.WAITING
    assert state_of(held.claim.job_id) == "running"


def test_claim_of_a_lost_identity_goes_back_though_a_later_claim_on_its_job_has_its_place(
    broker: StubBroker, process: WorkerProcess
) -> None:
    job = dispatched()
    query("UPDATE background_job SET suspect = true")
    message = sent()
    message.held = held = held_by_process(process, job)  # type: ignore[attr-defined]
    held.taken_up = True  # a thread waits with it for its turn alone
    lose(process.holder)
    recover_jobs(process.holder.id, crashed=[], suspects=[], max_crashes=3)
    process.renew()
    register(process.holder, ["default"], 4)
    process.beaten(time.monotonic())
    query("UPDATE background_job SET state = 'queued', release = 2, released_at = now()")
    later = held_by_process(process, job, 2)

    with pytest.raises(SkipMessage):
        Claims().before_process_message(broker, message)

    assert process.in_hand.all() == [later]
    assert state_of(job.id) == "running"


def test_job_whose_result_crashes_the_process_while_it_is_written_out_is_still_in_its_slot(
    broker: StubBroker, process: WorkerProcess
) -> None:
    message = sent()
    Claims().before_process_message(broker, message)
    held = held_of(message)
    assert held is not None
    in_the_slot: list[object] = []

    class Deadly:
        def __repr__(self) -> str:
            in_the_slot.append(read_started(process.slots_folder, process.holder.id))
            return "deadly"

    Claims().after_process_message(broker, message, result=Deadly())

    assert in_the_slot == [{held.claim.job_id: held.claim.fence}]
    assert read_started(process.slots_folder, process.holder.id) == {}


def test_interrupt_that_lands_while_an_outcome_is_handed_over_leaves_no_claim_that_nobody_finishes(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = broker_on(redis_url)
    actor_on(broker)
    process = acting_process(broker)
    process.writer = FinishWriter(process)
    message = sent()
    Claims().before_process_message(broker, message)
    held, finishing, lands = held_of(message), process.in_hand.finishing, [True]
    assert held is not None

    def interrupted(one: Held) -> None:
        finishing(one)
        if lands.pop() if lands else False:
            raise TimeLimitExceeded

    monkeypatch.setattr(process.in_hand, "finishing", interrupted)
    with pytest.raises(TimeLimitExceeded):
        Claims().after_process_message(broker, message, result="done")
    # Dramatiq calls the hooks again, with what was raised.
    Claims().after_process_message(broker, message, exception=TimeLimitExceeded())

    process.writer.start()
    process.writer.end(10)

    assert state_of(held.claim.job_id) == "succeeded"
    assert attempts_of(held.claim.job_id) == ["SUCCEEDED"]
    assert process.in_hand.all() == []
