"""Every line of a process goes through one sink, with the scope's ids and the fields it was given."""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Iterator

import pytest

from middleware import correlation, log_lines, logs
from middleware.correlation import Scope
from middleware.log_sink import Sink
from tests.unit.log_stream import SECRET, lines, logging_to_stream


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Logging configured to a stream, and put back as it was."""
    with logging_to_stream() as out:
        yield out


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


def test_lines_of_a_batch_come_in_order_with_the_fields_of_each(stream: io.StringIO) -> None:
    logs.events("attempt_closed", [{"actor": "a", "attempt": 1}, {"actor": "b", "attempt": 2}])

    assert [(line["event"], line["actor"], line["attempt"]) for line in lines(stream)] == [
        ("attempt_closed", "a", 1),
        ("attempt_closed", "b", 2),
    ]
    assert all(line["level"] == "INFO" and "each" not in line for line in lines(stream))


def test_batch_without_lines_writes_none(stream: io.StringIO) -> None:
    logs.events("attempt_closed", [])

    assert lines(stream) == []


def test_line_of_a_batch_is_held_to_its_own_actors_level(stream: io.StringIO) -> None:
    logs.configure(level="INFO", format="json", stream=stream, actor_levels="quiet=WARNING")

    logs.events("attempt_closed", [{"actor": "quiet"}, {"actor": "loud"}])

    assert [line["actor"] for line in lines(stream)] == ["loud"]


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
    sink = Sink(log_lines.encode_json, closed)
    logs._replace_sink(sink, "INFO")

    logs.event("seen", value=SECRET)
    logs.events("seen", [{"number": 1}, {"number": 2}])

    logs.log.remove(logs._sink_id)
    logs._sink_id = None
    assert (sink.lost, logs.lost_lines()) == (3, 3)
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
