"""One line stays one line, and shows what it holds, whatever a value is."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable

import pytest
from dramatiq.errors import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from middleware import log_lines

HEAD: dict[str, object] = {"at": "2026-01-01T00:00:00.000Z", "level": "INFO", "event": "seen"}

#: Categories of characters that end lines or are not to be seen: controls, formats, separators of lines.
UNSEEN = {"Cc", "Zl", "Zp"}


class Unprintable:
    def __str__(self) -> str:
        raise RuntimeError("no text")


def raised(raise_it: Callable[[], object]) -> BaseException:
    try:
        raise_it()
    except BaseException as error:
        return error
    raise AssertionError("nothing was raised")


@given(st.text())
def test_any_text_is_one_json_line_and_comes_back_whole(text: str) -> None:
    line = log_lines.encode_json({**HEAD, "value": text})

    body = line.removesuffix("\n")
    shown = text.encode("utf-8", "backslashreplace").decode("utf-8")
    assert body + "\n" == line
    assert not [mark for mark in body if unicodedata.category(mark) in UNSEEN]
    assert json.loads(body)["value"] in (text, shown)


@given(st.text())
def test_any_text_is_one_text_line(text: str) -> None:
    line = log_lines.encode_text({**HEAD, "value": text})

    assert line.endswith("\n")
    assert not [mark for mark in line[:-1] if unicodedata.category(mark) in UNSEEN]


@pytest.mark.parametrize("mark", ["\u202e", "\u2066", "\u200b", "\u2028", "\x85", "\x7f", "\ufeff", "\U000e0041"])
@pytest.mark.parametrize("encode", [log_lines.encode_json, log_lines.encode_text], ids=["json", "text"])
def test_mark_that_hides_or_turns_text_is_escaped(encode: log_lines.Encoder, mark: str) -> None:
    line = encode({**HEAD, "value": f"a{mark}b"})

    assert mark not in line
    assert "a\\u" in line


def test_text_value_cannot_pass_for_another_field() -> None:
    line = log_lines.encode_text({**HEAD, "value": "x level=ERROR", "other": 'say "y"'})

    assert line == '2026-01-01T00:00:00.000Z INFO     seen value="x level=ERROR" other="say \\"y\\""\n'


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        pytest.param(2**70, str(2**70), id="integer past 64 bits"),
        pytest.param("a\ud800", "a\\ud800", id="lone surrogate"),
        pytest.param(b"secret", "<bytes of 6>", id="bytes"),
        pytest.param(Unprintable(), "<Unprintable>", id="object without a text"),
        pytest.param({1: 2}, "{1: 2}", id="keys that are no texts"),
        pytest.param(ValueError("secret"), "ValueError", id="error"),
        pytest.param(float("nan"), None, id="not a number"),
    ],
)
def test_value_of_any_type_is_written(value: object, shown: object) -> None:
    line = log_lines.encode_json({**HEAD, "value": value})

    assert json.loads(line)["value"] == shown


def test_value_that_holds_itself_is_written() -> None:
    knot: list[object] = []
    knot.append(knot)

    line = log_lines.encode_json({**HEAD, "value": knot})

    assert json.loads(line)["value"] == "[[...]]"


@pytest.mark.parametrize("fields", [1, 30, 5000])
def test_long_line_is_cut_and_keeps_its_head(fields: int) -> None:
    line = log_lines.encode_json({**HEAD, **{f"f{i}": "\x00x" * 20_000 for i in range(fields)}})

    assert len(line) <= log_lines.LONGEST_LINE
    assert json.loads(line)["event"] == "seen"


def test_error_is_named_with_its_first_line_and_places() -> None:
    error = raised(lambda: int("seven\nlines"))

    fields = log_lines.error_fields(ValueError("first\nsecond").with_traceback(error.__traceback__))

    assert fields["error_class"] == "ValueError"
    assert fields["error_message"] == "first"
    assert "test_logs_lines.py" in str(fields["traceback"])


def test_text_of_an_actors_error_is_left_out_of_the_chain_too() -> None:
    def fail() -> None:
        try:
            raise KeyError("secret")
        except KeyError as cause:
            raise ValueError("secret") from cause

    fields = log_lines.error_fields(raised(fail), with_text=False)

    assert "secret" not in str(fields).replace("test_text_of_an_actors", "")
    assert "KeyError" in str(fields["traceback"])


def test_payload_that_could_not_be_read_is_not_quoted() -> None:
    unread = DecodeError("Failed", b"secret", ValueError("x"))  # type: ignore[no-untyped-call]

    fields = log_lines.error_fields(unread)

    assert fields == {"error_class": "DecodeError"}


def test_traceback_of_a_deep_recursion_is_capped() -> None:
    def dive() -> None:
        dive()

    fields = log_lines.error_fields(raised(dive))

    assert str(fields["traceback"]).count("\n") == log_lines.DEEPEST_TRACEBACK
