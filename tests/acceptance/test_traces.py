"""Spans over OTLP from real processes: producer, worker and retries; and jobs that run although nobody collects."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.acceptance.otlp_receiver import Receiver, receiving, said
from tests.acceptance.stage import Stage, free_port

SECRET = "s3cret-argument"
DISPATCH = f"""
from actors.broker import setup
setup()
import repertoire
from actors.dispatch import dispatch
dispatch(repertoire.reserve, "stalls-1", dispatch_key="reserve:1")
dispatch(repertoire.work_on_third_try, {SECRET!r}, dispatch_key="third:1")
"""


@pytest.fixture(scope="module")
def received(stage: Stage) -> Iterator[Receiver]:
    """What arrived of a producer and a worker that both have ended in good order."""
    stage.bring("repertoire")
    with receiving() as receiver:
        # So long a delay that only the flush at the end can have sent what a short-lived process made.
        stage.environ |= {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url, "OTEL_BSP_SCHEDULE_DELAY": "600000"}
        workers = stage.command("worker", "repertoire", "--threads", "2").ready()
        assert stage.run(["-c", DISPATCH]).wait() == 0
        stage.await_state([str(row[0]) for row in stage.rows("SELECT id FROM background_job")], "succeeded")
        assert workers.stop() == 0
        yield receiver


def test_each_attempt_is_a_root_linked_to_the_dispatch_that_asked_for_it(received: Receiver) -> None:
    producers = {span.span_id for span in received.spans("dispatch")}

    attempts = received.spans("attempt work_on_third_try")

    assert len(attempts) == 3
    assert len({span.trace_id for span in attempts}) == 3
    assert {span.parent_span_id for span in attempts} == {b""}
    assert {link.span_id for span in attempts for link in span.links} <= producers
    assert sorted(said(span, "outcome") for span in attempts) == ["FAILED", "FAILED", "SUCCEEDED"]


def test_rows_name_the_dispatch_spans(stage: Stage, received: Receiver) -> None:
    stored = {row[0].split("-")[2] for row in stage.rows("SELECT traceparent FROM background_job")}

    assert stored == {span.span_id.hex() for span in received.spans("dispatch")}


def test_waits_and_releases_are_in_the_producers_traces(received: Receiver) -> None:
    producers = {span.trace_id for span in received.spans("dispatch")}

    waits, releases = received.spans("queue wait"), received.spans("release")

    assert len(waits) == 4
    assert {span.trace_id for span in waits} == producers
    assert producers <= {span.trace_id for span in releases}


def test_effect_is_inside_its_attempt(received: Receiver) -> None:
    (effect,), (attempt,) = received.spans("effect"), received.spans("attempt reserve")

    assert (effect.trace_id, effect.parent_span_id) == (attempt.trace_id, attempt.span_id)
    assert said(effect, "effect") == "confirmed"


def test_spans_come_from_one_service_and_say_nothing_of_arguments(received: Receiver) -> None:
    text = "".join(str(span) for span in received.spans())

    assert received.services() == {"callboard"}
    assert SECRET not in text


def test_lines_of_an_attempt_lead_to_its_trace(stage: Stage, received: Receiver) -> None:
    workers = [one for one in stage.started if one.lines("effect_settled")]

    lines = [line for one in workers for line in one.lines("effect_settled")]

    traces = {span.trace_id.hex() for span in received.spans("attempt reserve")}
    assert {line["traceparent"].split("-")[1] for line in lines} == traces


def test_jobs_run_although_the_collector_is_away(stage: Stage, received: Receiver) -> None:
    away = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{free_port()}", "OTEL_BSP_SCHEDULE_DELAY": "50"}
    stage.environ |= away
    workers = stage.command("worker", "repertoire", "--threads", "2").ready()

    job_id = stage.broker.get_actor("greet").send("you").message_id

    stage.await_state(job_id, "succeeded")
    assert workers.stop() == 0
