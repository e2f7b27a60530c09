"""A stranger's module under `dramatiq actors.broker:setup`: it runs, every step is a row, and a stop loses nothing."""

from __future__ import annotations

from types import ModuleType

import pytest

from actors.dispatch import Dispatched, Duplicate, Job, dispatch, dispatch_many
from tests.acceptance.stage import Stage, own_ports
from tests.acceptance.waiting import always, until
from tests.acceptance.worker_processes import Workers


@pytest.fixture(scope="module")
def play(stage: Stage) -> ModuleType:
    return stage.bring("repertoire")


@pytest.fixture(scope="module")
def workers(stage: Stage, play: ModuleType) -> Workers:
    return stage.start("repertoire")


@pytest.mark.usefixtures("workers")
def test_plain_send_runs_and_becomes_a_job_with_one_attempt(stage: Stage, play: ModuleType) -> None:
    message = play.greet.send("Ada")

    until(lambda: stage.value("SELECT count(*) FROM background_job WHERE id = %s", message.message_id), "its row")
    stage.await_end(message.message_id)

    assert stage.job(message.message_id, "actor, state, attempts, result") == ("greet", "succeeded", 1, "hello Ada")
    assert stage.attempts(message.message_id, "function_name, status, attempt") == [("greet", "SUCCEEDED", 1)]
    assert "Ada" in stage.trace("greeted")


@pytest.mark.usefixtures("workers")
def test_dispatched_job_says_who_ran_it_when_and_why(stage: Stage, play: ModuleType) -> None:
    answer = dispatch(play.greet, "Grace", dispatch_key="greet:grace", client_id="acme", source="test")

    assert isinstance(answer, Dispatched)
    stage.await_end(answer.job_id)

    columns = "run_key, run_id::text, source, client_id, dispatch_key, correlation_id, status"
    assert stage.attempts(answer.job_id, columns) == [
        (
            f"greet:{answer.job_id}:1",
            answer.job_id,
            "test",
            "acme",
            "greet:grace",
            answer.correlation_id,
            "SUCCEEDED",
        )
    ]
    (times,) = stage.attempts(answer.job_id, "requested_at, claimed_at, started_at, finished_at, duration_ms, queue_ms")
    assert list(times[:4]) == sorted(times[:4])
    assert 0 <= times[4] < 15_000
    assert 0 <= times[5] < 15_000
    (holder,) = stage.attempts(answer.job_id, "worker_id, host, pid")
    assert holder in stage.rows("SELECT id, host, pid FROM worker WHERE stopped_at IS NULL")


@pytest.mark.usefixtures("workers")
def test_second_dispatch_of_a_key_is_a_duplicate_also_after_success(stage: Stage, play: ModuleType) -> None:
    first = dispatch(play.greet, "Edsger", dispatch_key="greet:edsger")
    stage.await_end(first.job_id)

    again = dispatch(play.greet, "Edsger", dispatch_key="greet:edsger")

    assert isinstance(again, Duplicate)
    assert (again.job_id, again.state) == (first.job_id, "succeeded")
    assert stage.job(first.job_id, "duplicates_suppressed") == 1
    assert stage.trace("greeted").count("Edsger") == 1


@pytest.mark.usefixtures("workers")
def test_plain_sends_of_one_key_run_once(stage: Stage, play: ModuleType) -> None:
    messages = [play.greet.send_with_options(args=("Barbara",), dispatch_key="greet:barbara") for _ in range(5)]

    until(lambda: stage.in_redis() == 0, "all copies settled")

    assert stage.trace("greeted").count("Barbara") == 1
    rows = stage.rows("SELECT id::text, duplicates_suppressed FROM background_job WHERE dispatch_key = 'greet:barbara'")
    ((winner, suppressed),) = rows
    assert winner in {message.message_id for message in messages}
    assert suppressed == 4


@pytest.mark.usefixtures("workers")
def test_delayed_job_waits_in_postgres_and_runs_in_time(stage: Stage, play: ModuleType) -> None:
    answer = dispatch(play.greet, "Kathleen", delay_ms=700)

    assert isinstance(answer, Dispatched)
    waiting = stage.job(answer.job_id, "state"), stage.in_redis("default.DQ")
    stage.await_end(answer.job_id)

    assert waiting == ("pending", 0)
    late_s = stage.value(
        "SELECT extract(epoch FROM run.claimed_at - job.run_at)::float8 FROM background_job AS job"
        " JOIN background_function_run AS run ON run.job_id = job.id WHERE job.id = %s",
        answer.job_id,
    )
    assert 0 <= late_s < 5


@pytest.mark.usefixtures("workers")
def test_native_delay_of_a_plain_send_is_claimed_at_its_promotion(stage: Stage, play: ModuleType) -> None:
    message = play.greet.send_with_options(args=("Radia",), delay=500)

    before = stage.value("SELECT count(*) FROM background_job WHERE id = %s", message.message_id)
    until(lambda: "Radia" in stage.trace("greeted"), "the delayed run")
    stage.await_end(message.message_id)

    assert before == 0
    assert stage.attempts(message.message_id) == ["SUCCEEDED"]


def test_sigterm_finishes_what_runs_gives_back_the_rest_and_leaves_nothing_behind(
    stage: Stage, play: ModuleType, workers: Workers
) -> None:
    workers.stop()
    soloist = stage.start("repertoire", threads=2)
    ids = [one.job_id for one in dispatch_many([Job(play.linger, ("stop", f"job-{n}")) for n in range(12)])]
    until(lambda: len(stage.trace("lingering")) == 2, "two jobs running")

    soloist.terminate()
    until(lambda: stage.states(ids).get("running") == 2, "the unstarted given back while two still run")
    stage.open_gate("stop")
    code = soloist.wait()

    assert code == 0
    assert stage.value("SELECT count(*) FROM worker WHERE stopped_at IS NULL OR lost_at IS NOT NULL") == 0
    states = stage.states(ids)
    assert states.pop("succeeded") == 2
    assert set(states) <= {"pending", "queued"}
    assert sum(states.values()) == 10
    assert stage.value("SELECT count(*) FROM background_job WHERE attempts_spent > 0") == 0
    assert _fetched_and_unsettled(stage) == 0
    assert _connections_of_others(stage) == (0, 0)

    stage.start("repertoire")
    stage.await_state(ids, "succeeded")
    assert sorted(stage.trace("lingered")) == sorted(f"job-{n}" for n in range(12))
    stage.end_all()


def test_actor_told_of_the_stop_is_done_by_the_next_worker_and_nothing_is_spent(stage: Stage, play: ModuleType) -> None:
    first = stage.start("repertoire")
    job = dispatch(play.endure, "shutdown")
    until(lambda: stage.trace("enduring"), "the run")

    code = first.stop()
    between = stage.job(job.job_id, "state, attempts_spent")
    stage.start("repertoire")
    stage.await_state(job.job_id, "succeeded")

    assert code == 0
    assert between == ("pending", 0)
    assert stage.attempts(job.job_id, "status, rule") == [("RESCHEDULED", "shutdown"), ("SUCCEEDED", None)]
    # A worker killed between its commit and its ack would leave the copy to the next test.
    until(lambda: stage.in_redis() == 0, "the ack")
    stage.end_all()


def test_idle_worker_stops_at_once_with_nothing_left_in_redis(stage: Stage, play: ModuleType) -> None:
    idle = stage.start("repertoire", processes=2)

    code = idle.stop(within_s=10)

    assert code == 0
    assert stage.in_redis() == 0
    assert _connections_of_others(stage) == (0, 0)
    always(lambda: _connections_of_others(stage) == (0, 0), "no connection comes back", 0.2)


@pytest.mark.parametrize(
    ("settings", "code", "said"),
    [
        pytest.param(
            {"DISPATCH_WINDOW_SECONDS": "sixty"},
            2,
            "callboard: CALLBOARD_DISPATCH_WINDOW_SECONDS='sixty' is not valid: allowed is a whole number from 15 to",
            id="a setting not of its kind",
        ),
        pytest.param(
            {"REDIS_URL": "redis://:s3cret@h:6379/abc"},
            2,
            "callboard: CALLBOARD_REDIS_URL='redis://:***@h:6379/abc' is not valid: allowed is a URL",
            id="a URL that is none",
        ),
        pytest.param(
            {"DATABASE_URL": "", "REDIS_URL": "", "HOME": "nowhere"},
            1,
            "callboard: No servers found: run `callboard up`",
            id="no servers",
        ),
    ],
)
def test_dramatiq_ends_with_one_line_of_ours_where_there_is_no_broker(
    stage: Stage, settings: dict[str, str], code: int, said: str
) -> None:
    workers = stage.run(["-m", "dramatiq", "-p", "1", "-t", "1", "actors.broker:setup", "actors"], settings)

    ended = workers.wait()

    # Dramatiq's master says in lines of its own that it boots, and that a process has ended.
    ours = [line for line in workers.text.splitlines() if "[dramatiq.MainProcess]" not in line]
    assert ended == code
    assert len(ours) == 1
    assert ours[0].startswith(said)


@pytest.mark.parametrize("words", [["worker", "--processes", "2"], ["tick", "--every", "0.2"]], ids=["worker", "tick"])
def test_clamped_setting_is_told_of_once_a_command(stage: Stage, words: list[str]) -> None:
    command = stage.command(*words, settings={"LEASE_SECONDS": 0.1, "LOG_FORMAT": "json"})
    if words[0] == "worker":
        command.ready(processes=2)
    else:
        until(lambda: stage.value("SELECT count(*) FROM background_dispatch_window"), "a tick")

    code = command.stop()

    assert code == 0
    assert command.text.count("CALLBOARD_LEASE_SECONDS=0.1") == 1
    assert len(command.lines("setting_clamped")) == (words[0] == "worker")


def test_model_configured_by_half_is_warned_of_once_a_worker(stage: Stage) -> None:
    worker = stage.command(
        "worker", "--processes", "2", settings={"LLM_BASE_URL": "http://127.0.0.1:1/v1", "LOG_FORMAT": "json"}
    )
    worker.ready(processes=2)

    code = worker.stop()

    (line,) = worker.lines("settings_contradict")
    assert code == 0
    assert line["level"] == "WARNING"
    assert line["problem"].startswith("CALLBOARD_LLM_BASE_URL without CALLBOARD_LLM_MODEL: ")


def _fetched_and_unsettled(stage: Stage) -> int:
    return sum(int(stage.redis.scard(key)) for key in stage.redis.scan_iter("dramatiq:__acks__*"))


def _connections_of_others(stage: Stage) -> tuple[int, int]:
    """Connections to this database, and to Redis, of other processes than the test's."""
    postgres = stage.value(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND backend_type = 'client backend' AND pid <> pg_backend_pid() AND client_port <> ALL (%s)",
        own_ports(),
    )
    redis_ports = {int(client["addr"].rpartition(":")[2]) for client in stage.redis.client_list()}
    return int(postgres), len(redis_ports - set(own_ports()))
