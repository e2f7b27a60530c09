"""Levels by actor and masking, through every way into the log; and hostile values in both formats."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable

import pytest

from middleware import correlation, logs
from middleware.correlation import Scope
from tests.unit.log_stream import lines, logging_to_stream

#: Values that would end a line, hide in it, reverse it or fill it.
HOSTILE = [
    'a\n{"event":"forged","level":"INFO"}',
    "a\r\nforged",
    "\x1b[2J\x1b[31mred",
    "\u202egnp.exe",
    "a\u2028b\u2029c\x85d",
    "\ud800 alone",
    "\x00\x07\x7f",
    "zero\u200bwidth\ufeff",
    "x" * 200_000,
    "\U000e0041tag",
]
#: What no line may show raw, besides the newline at its end.
TREACHEROUS = "\r\x1b\x00\x07\x7f\x85\u2028\u2029\u202e\u200b\ufeff\U000e0041"


def say(stream: io.StringIO, *, format: str = "json", **settings: object) -> None:
    logs.configure(level="INFO", format=format, stream=stream, **settings)  # type: ignore[arg-type]


def test_actors_own_level_holds_back_and_lets_through() -> None:
    with logging_to_stream() as stream:
        say(stream, actor_levels="quiet=WARNING,loud*=DEBUG")
        for actor in ("quiet", "loud_one", "other"):
            with correlation.bound(Scope("family", actor=actor)):
                logs.event("a_debug", "DEBUG")
                logs.event("an_info")
                logs.event("a_warning", "WARNING")
        logs.event("an_info", actor="quiet")
        logs.event("a_debug", "DEBUG", actor="loud_two")

    assert [(line["actor"], line["event"]) for line in lines(stream)] == [
        ("quiet", "a_warning"),
        ("loud_one", "a_debug"),
        ("loud_one", "an_info"),
        ("loud_one", "a_warning"),
        ("other", "an_info"),
        ("other", "a_warning"),
        ("loud_two", "a_debug"),
    ]


@pytest.mark.parametrize(
    "write",
    [
        pytest.param(lambda: logs.log.info("two words"), id="loguru"),
        pytest.param(lambda: logging.getLogger("elsewhere").info("two words"), id="std logging"),
    ],
)
def test_actors_level_holds_for_its_own_lines_too(write: Callable[[], None]) -> None:
    with logging_to_stream() as stream:
        say(stream, actor_levels="quiet=WARNING")
        with correlation.bound(Scope("family", actor="quiet")):
            write()
        write()

    assert len(lines(stream)) == 1


def test_line_that_its_actors_level_holds_back_is_not_even_made(monkeypatch: pytest.MonkeyPatch) -> None:
    with logging_to_stream() as stream:
        say(stream, actor_levels="quiet=WARNING,loud=DEBUG")
        monkeypatch.setattr(logs, "_from_caller", None)
        logs.event("an_info", actor="quiet")

    assert lines(stream) == []


@pytest.mark.parametrize(
    "write",
    [
        pytest.param(lambda text: logs.event("seen", detail=text), id="a field"),
        pytest.param(lambda text: logs.event("seen", detail={"deep": [text]}), id="a nested field"),
        pytest.param(lambda text: logs.event("seen", error=ValueError(text)), id="an error"),
        pytest.param(lambda text: logs.log.info("saw {}", text), id="prose"),
        pytest.param(lambda text: logging.getLogger("smtp").warning("saw %s", text), id="a library"),
    ],
)
def test_addresses_and_secrets_are_masked_whichever_way_they_come(write: Callable[[str], None]) -> None:
    text = "ada.lovelace@example.org, +4915112345678 at redis://:hunter2@cache/0"
    with logging_to_stream() as stream:
        say(stream)
        write(text)
        masked = stream.getvalue()
        say(stream, addresses=True)
        write(text)

    assert "a***@example.org, +4*** at" in masked
    assert "lovelace" not in masked
    assert "ada.lovelace@example.org, +4915112345678" in stream.getvalue()[len(masked) :]
    assert "hunter2" not in stream.getvalue()


def test_field_named_like_a_secret_is_masked_and_keys_are_not() -> None:
    with logging_to_stream() as stream:
        say(stream)
        key = "reply:ada@example.org:+4915112345678"
        logs.event("seen", api_key="sk-1", options={"password": "x", "n": 1}, dispatch_key=key)

    (line,) = lines(stream)
    assert (line["api_key"], line["options"]) == ("***", {"password": "***", "n": 1})
    assert line["dispatch_key"] == key


@pytest.mark.parametrize("format", ["json", "text"])
@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_value_makes_one_line_in_either_format(format: str, value: str) -> None:
    with logging_to_stream() as stream:
        say(stream, format=format)
        with correlation.bound(Scope(value, dispatch_key=value, actor=value, client_id=value)):
            logs.event("seen", source=value, error=ValueError(value), nested={"a": [value]})
            logging.getLogger("elsewhere").warning("%s", value)

    written = stream.getvalue()
    assert written.count("\n") == 2
    assert written.splitlines(keepends=True) == [line + "\n" for line in written.split("\n")[:-1]]
    assert not set(TREACHEROUS) & set(written)
    assert max(map(len, written.splitlines())) <= 20_000
    if format == "json":
        assert [json.loads(line)["level"] for line in written.splitlines()] == ["INFO", "WARNING"]


def test_traceback_of_a_thousand_frames_is_one_short_line() -> None:
    def dig(depth: int) -> None:
        if depth:
            dig(depth - 1)
        raise ValueError("deep\ndown " + "x" * 100_000)

    with logging_to_stream() as stream:
        say(stream)
        try:
            dig(900)
        except ValueError as error:
            logs.event("seen", error=error)

    (line,) = lines(stream)
    assert line["traceback"].count("\n") <= 13
    assert line["error_message"] == "deep"
