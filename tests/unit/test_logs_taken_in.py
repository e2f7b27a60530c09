"""Lines of others are taken in: of std logging, warnings, dying threads and Dramatiq, without arguments."""

from __future__ import annotations

import io
import logging
import threading
import warnings
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path

import dramatiq
import pytest
from dramatiq.broker import Broker, MessageProxy
from dramatiq.brokers.stub import StubBroker

from middleware import log_intercept, logs
from middleware.correlation import Correlation
from policy.errors import Cancelled, Reschedule, Throttled
from tests.unit.log_stream import SECRET, lines, logging_to_stream


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Logging configured to a stream, and put back as it was."""
    with logging_to_stream() as out:
        yield out


def run(stream: io.StringIO, actor_body: Callable[[str], object], *extra: dramatiq.Middleware) -> str:
    """Run one message with a secret argument through a worker; what was written."""
    broker = StubBroker(middleware=[Correlation(), *extra])
    actor = dramatiq.actor(broker=broker, actor_name="act")(actor_body)
    broker.emit_after("process_boot")
    worker = dramatiq.Worker(broker, worker_timeout=10, worker_threads=1)
    worker.start()
    actor.send(SECRET)
    broker.join("default", timeout=5000, fail_fast=False)
    worker.join()
    worker.stop()
    return stream.getvalue()


def test_std_logging_and_warnings_are_taken_in(stream: io.StringIO) -> None:
    logging.getLogger("elsewhere").warning("%s left\nforged", 3)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning("old", DeprecationWarning, "file.py", 1)

    first, second = lines(stream)
    assert (first["logger"], first["level"], first["message"]) == ("elsewhere", "WARNING", "3 left\nforged")
    assert second["logger"] == "py.warnings"


def test_std_record_that_cannot_be_formatted_is_named_by_its_logger(stream: io.StringIO) -> None:
    logs.configure(level="INFO", format="json", stream=stream)  # the runner's own handler would raise

    logging.getLogger("elsewhere").warning("%d left", SECRET)

    (line,) = lines(stream)
    assert (line["event"], line["logger"]) == ("log_record_unreadable", "elsewhere")
    assert SECRET not in stream.getvalue()


def test_thread_that_dies_is_a_line(stream: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading, "excepthook", threading.__excepthook__)
    logs.configure(level="INFO", format="json", stream=stream)

    thread = threading.Thread(target=lambda: int("seven"), name="counting")
    thread.start()
    thread.join()

    (line,) = lines(stream)
    assert (line["event"], line["thread"], line["error_class"]) == ("thread_died", "counting", "ValueError")


@pytest.mark.parametrize("template", [*log_intercept.REWRITES, log_intercept.DISCARDED_RESULT])
def test_rewritten_template_is_still_dramatiqs(template: str) -> None:
    package = Path(dramatiq.__file__).parent
    source = "".join((package / name).read_text(encoding="utf-8") for name in ("worker.py", "broker.py", "actor.py"))

    found = [part for part in template.splitlines() if part.strip() not in source.replace('"\n', "")]

    assert found == []


def test_failing_actor_shows_neither_arguments_nor_what_it_said(stream: io.StringIO) -> None:
    def act(address: str) -> None:
        raise ValueError(f"cannot mail {address}")

    written = run(stream, act)

    (line,) = [line for line in lines(stream) if line["event"] == "actor_raised"]
    assert SECRET not in written
    assert (line["level"], line["error_class"], line["actor"]) == ("ERROR", "ValueError", "act")
    assert "error_message" not in line
    assert line["correlation_id"]


@pytest.mark.parametrize(
    "decision",
    [Cancelled("no"), Throttled(retry_after_s=1), Reschedule(run_at=datetime.now(timezone.utc))],
    ids=lambda decision: type(decision).__name__,
)
def test_decision_of_an_actor_is_no_error(stream: io.StringIO, decision: Exception) -> None:
    def act(address: str) -> None:
        raise decision

    run(stream, act)

    (line,) = [line for line in lines(stream) if line["event"].startswith("actor_raised")]
    assert (line["event"], line["level"]) == ("actor_raised_expected", "INFO")
    assert line["error_class"] == type(decision).__name__
    assert "traceback" not in line


def test_working_actor_shows_no_arguments_and_its_result_no_warning(stream: io.StringIO) -> None:
    written = run(stream, lambda address: address)

    assert SECRET not in written
    assert [line for line in lines(stream) if line["level"] == "WARNING"] == []
    assert "message_received" in {line["event"] for line in lines(stream)}


class Skip(dramatiq.Middleware):
    def before_process_message(self, broker: Broker, message: MessageProxy) -> None:
        raise dramatiq.middleware.SkipMessage("not now")


def test_skipped_message_is_no_warning(stream: io.StringIO) -> None:
    written = run(stream, lambda address: None, Skip())

    assert SECRET not in written
    assert [line for line in lines(stream) if line["level"] == "WARNING"] == []


class Break(dramatiq.Middleware):
    def before_process_message(self, broker: Broker, message: MessageProxy) -> None:
        raise RuntimeError("broken hook")


def test_swallowed_hook_failure_is_a_line_and_told_to_listeners(
    stream: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(log_intercept, "_listeners", [told.append])

    run(stream, lambda address: None, Break())

    (line,) = [line for line in lines(stream) if line["event"] == "hook_failed"]
    assert told == ["before_process_message"]
    assert (line["hook"], line["middleware"], line["level"]) == (
        "before_process_message",
        "Break",
        "CRITICAL",
    )
    assert line["error_message"] == "broken hook"
