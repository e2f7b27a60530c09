"""Every line of a process goes through one sink, with the scope's ids and without arguments."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import dramatiq
import pytest
from dramatiq.broker import Broker, MessageProxy
from dramatiq.brokers.stub import StubBroker

from middleware import correlation, log_intercept, log_lines, logs
from middleware.correlation import Correlation, Scope

SECRET = "bob@example.org"


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Logging configured to a stream, and put back as it was."""
    root, hook = logging.getLogger(), threading.excepthook
    handlers, level = list(root.handlers), root.level
    root.handlers.clear()
    out = io.StringIO()
    logs.configure(level="DEBUG", format="json", stream=out)
    yield out
    logging.captureWarnings(False)
    with suppress(ValueError):
        logs.log.remove(logs._sink_id)
    logs._sink_id = None
    root.handlers[:] = handlers
    root.setLevel(level)
    threading.excepthook = hook


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


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


def test_line_holds_time_level_event_ids_and_fields(stream: io.StringIO) -> None:
    with correlation.bound(Scope("family", "job", "key", "act", 2, "client")):
        logs.event("reply_sent", part=1)

    (line,) = lines(stream)
    ids = [line[name] for name in ("correlation_id", "job_id", "dispatch_key", "actor", "attempt", "client_id")]
    assert ids == ["family", "job", "key", "act", 2, "client"]
    assert (line["level"], line["event"], line["logger"], line["part"]) == ("INFO", "reply_sent", __name__, 1)
    assert len(line["at"]) == len("2026-01-01T00:00:00.000Z")
    assert line["at"].endswith("Z")
    assert "message" not in line


def test_bound_field_goes_before_the_scopes(stream: io.StringIO) -> None:
    with correlation.bound(Scope("family", "relay")):
        logs.event("released", job_id="released job")

    assert lines(stream)[0]["job_id"] == "released job"


def test_field_cannot_take_the_place_of_time_level_or_process(stream: io.StringIO) -> None:
    logs.event("seen", at="yesterday", pid=1)

    (line,) = lines(stream)
    assert line["at"].startswith("20")
    assert line["pid"] != 1
    assert (line["field_at"], line["field_pid"]) == ("yesterday", 1)


def test_prose_is_a_message_of_an_event_called_log(stream: io.StringIO) -> None:
    logs.log.info("Two words {}", "more")

    (line,) = lines(stream)
    assert (line["event"], line["message"]) == ("log", "Two words more")


def test_error_given_to_an_event_becomes_fields(stream: io.StringIO) -> None:
    try:
        int("seven")
    except ValueError as error:
        logs.event("unreadable", "ERROR", error=error)

    (line,) = lines(stream)
    assert (line["level"], line["error_class"]) == ("ERROR", "ValueError")
    assert "test_error_given_to_an_event_becomes_fields" in line["traceback"]


def test_error_logged_by_loguru_itself_becomes_fields(stream: io.StringIO) -> None:
    try:
        int("seven")
    except ValueError:
        logs.log.exception("unreadable")

    assert lines(stream)[0]["error_class"] == "ValueError"


def test_lines_written_together_come_in_order_at_the_end_of_the_block(stream: io.StringIO) -> None:
    with logs.together():
        logs.event("one")
        logs.event("two")
        before = stream.getvalue()

    assert before == ""
    assert [line["event"] for line in lines(stream)] == ["one", "two"]


def test_lines_written_together_are_not_lost_when_the_block_raises(stream: io.StringIO) -> None:
    with contextlib.suppress(RuntimeError), logs.together():
        logs.event("one")
        raise RuntimeError

    assert [line["event"] for line in lines(stream)] == ["one"]


def test_configuring_twice_writes_a_line_once(stream: io.StringIO) -> None:
    logs.configure(level="INFO", format="json", stream=stream)

    logs.event("seen")
    logging.getLogger("elsewhere").info("also")

    assert [line["event"] for line in lines(stream)] == ["seen", "also"]


def test_line_below_the_level_is_not_written(stream: io.StringIO) -> None:
    logs.configure(level="WARNING", format="json", stream=stream)

    logs.event("seen")
    logging.getLogger("elsewhere").info("also")

    assert stream.getvalue() == ""


@pytest.mark.parametrize("level", ["TRACE", "SUCCESS"])
def test_every_level_of_the_setting_is_taken(stream: io.StringIO, level: str) -> None:
    logs.configure(level=level, format="text", stream=stream)

    logs.event("seen", "WARNING")
    logging.getLogger("elsewhere").warning("also")

    assert len(stream.getvalue().splitlines()) == 2


def test_unknown_format_is_refused(stream: io.StringIO) -> None:
    with pytest.raises(ValueError, match=r"xml.*json, text"):
        logs.configure(level="INFO", format="xml")


def test_stderr_is_looked_up_when_a_line_is_written(stream: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    logs.configure(level="INFO", format="json")
    swapped = io.StringIO()
    monkeypatch.setattr(sys, "stderr", swapped)

    logs.event("seen")

    assert lines(swapped)[0]["event"] == "seen"


def test_sink_that_cannot_write_raises_nothing_and_counts_the_line(capfd: pytest.CaptureFixture[str]) -> None:
    closed = io.StringIO()
    closed.close()
    sink = logs.Sink(log_lines.encode_json, closed)
    logs._replace_sink(sink, "INFO")

    logs.event("seen", value=SECRET)

    logs.log.remove(logs._sink_id)
    logs._sink_id = None
    assert sink.lost == 1
    assert capfd.readouterr().err == ""


class Talkative:
    def __str__(self) -> str:
        logs.event("inner", value=SECRET)
        logging.getLogger("elsewhere").warning("inner")
        return "said"


def test_line_from_within_a_line_is_given_up_quietly(stream: io.StringIO, capfd: pytest.CaptureFixture[str]) -> None:
    logs.event("outer", value=Talkative())
    logs.event("next")

    assert [line["event"] for line in lines(stream)] == ["outer", "next"]
    assert capfd.readouterr().err == ""


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
