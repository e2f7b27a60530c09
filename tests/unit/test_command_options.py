"""What the commands make of their command lines, and of several outcomes."""

from __future__ import annotations

import argparse
from datetime import datetime, timedelta, timezone
from uuid import UUID

import pytest
from dramatiq.cli import make_argument_parser
from hypothesis import given
from hypothesis import strategies as st

from models.readings.paging import Cursor
from policy.errors import Ambiguous, InvariantRefused, NotFound
from scripts import several
from scripts.exits import ExitCode
from scripts.listing import moment_ahead, moment_given
from scripts.main import build_parser
from scripts.several import Outcome, Result, each, exit_code
from scripts.worker import arguments


def parsed(*words: str) -> argparse.Namespace:
    return build_parser(words).parse_args(words)


def test_worker_runs_our_broker_and_families_and_the_modules_given() -> None:
    line = arguments(parsed("worker", "mine", "ours.too", "--processes", "2", "--threads", "3", "--queues", "a", "b"))

    assert line[:4] == ["actors.broker:setup", "actors", "mine", "ours.too"]
    assert line[4:] == (
        [
            "--skip-logging",
            "--processes",
            "2",
            "--threads",
            "3",
            "--worker-shutdown-timeout",
            "600000",
            "--queues",
            "a",
            "b",
        ]
    )


def test_worker_has_one_process_of_eight_threads_unless_told() -> None:
    line = arguments(parsed("worker"))

    assert line[line.index("--processes") + 1] == "1"
    assert line[line.index("--threads") + 1] == "8"
    assert "--queues" not in line


def test_dramatiq_takes_the_command_line_that_is_made_for_it() -> None:
    line = arguments(parsed("worker", "mine", "--queues", "a", "--pid-file", "p", "--shutdown-timeout", "5"))

    taken = make_argument_parser().parse_args(line)  # type: ignore[no-untyped-call]

    assert (taken.broker, taken.modules) == ("actors.broker:setup", ["actors", "mine"])
    assert (taken.queues, taken.pid_file, taken.worker_shutdown_timeout) == (["a"], "p", 5_000)
    assert taken.skip_logging


@pytest.mark.parametrize("words", [["--processes", "0"], ["--threads", "-1"], ["--threads", "many"]])
def test_worker_wants_numbers_above_zero(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        parsed("worker", *words)

    assert left.value.code == ExitCode.USAGE
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30), ("15m", 900), ("2h", 7_200), ("3d", 259_200)], ids=["s", "m", "h", "d"]
)
def test_time_before_now_is_understood(text: str, seconds: int) -> None:
    expected = datetime.now(timezone.utc) - timedelta(seconds=seconds)

    assert abs(moment_given(text) - expected) < timedelta(seconds=5)


@pytest.mark.parametrize(
    "text", ["2026-02-17T21:52:00Z", "2026-02-17T22:52:00+01:00", "2026-02-17T21:52", "2026-02-17 21:52:00"]
)
def test_moment_without_a_zone_is_utc(text: str) -> None:
    assert moment_given(text) == datetime(2026, 2, 17, 21, 52, tzinfo=timezone.utc)


def test_time_ahead_is_understood_where_something_is_to_happen() -> None:
    expected = datetime.now(timezone.utc) + timedelta(minutes=10)

    assert abs(moment_ahead("10m") - expected) < timedelta(seconds=5)
    assert moment_ahead("2026-02-17T21:52:00Z") == moment_given("2026-02-17T21:52:00Z")


@pytest.mark.parametrize("text", ["", "soon", "5", "999999d", "5 minutes", "2026-13-01", "m"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="is no time"):
        moment_given(text)


@given(st.datetimes(timezones=st.just(timezone.utc)), st.text(min_size=1))
def test_cursor_is_read_as_it_was_written(at: datetime, row_id: str) -> None:
    cursor = Cursor(at, row_id)

    assert Cursor.parse(str(cursor)) == cursor


@pytest.mark.parametrize("text", ["", "here", "2026-02-17T21:52:00Z", "2026-02-17T21:52:00/1", "2026-02-17T21:52:00Z/"])
def test_text_that_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"cursor|isoformat"):
        Cursor.parse(text)


@pytest.mark.parametrize(
    ("results", "code"),
    [
        ([Result.DONE], ExitCode.DONE),
        ([Result.WOULD_BE_DONE, Result.WOULD_BE_DONE], ExitCode.DONE),
        ([Result.DONE, Result.REFUSED], ExitCode.PARTLY_DONE),
        ([Result.DONE, Result.NOT_FOUND], ExitCode.PARTLY_DONE),
        ([Result.REFUSED, Result.NOT_FOUND], ExitCode.REFUSED),
        ([Result.NOT_FOUND, Result.NOT_FOUND], ExitCode.NOTHING_MATCHED),
    ],
)
def test_exit_code_of_several_outcomes(results: list[Result], code: ExitCode) -> None:
    assert exit_code(results) is code


def number(text: str) -> UUID:
    if text == "shared":
        raise Ambiguous("several")
    if not text.isdigit():
        raise NotFound(f"no {text}")
    return UUID(int=int(text))


def test_each_target_is_acted_on_once_in_order_whatever_became_of_the_others() -> None:
    acted: list[int] = []

    def act(target: UUID) -> Outcome:
        acted.append(target.int)
        if target.int == 2:
            raise InvariantRefused("not_open")
        if target.int == 3:
            raise NotFound("gone meanwhile")
        return Outcome(str(target.int), Result.DONE, "done")

    outcomes = each(["1", "x", "2", "01", "3", "4"], number, act)

    assert acted == [1, 2, 3, 4]
    assert [outcome.result.value for outcome in outcomes] == ["done", "not_found", "refused", "not_found", "done"]
    assert outcomes[2].reason == "not_open"


def test_ambiguous_beginning_stops_everything_before_anything_is_done() -> None:
    def act(target: UUID) -> Outcome:
        raise AssertionError("nothing may be done")

    with pytest.raises(Ambiguous):
        each(["1", "shared"], number, act)


def test_user_without_a_login_name_is_known_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise KeyError("getpwuid(): uid not found")

    monkeypatch.setattr("getpass.getuser", nobody)

    assert several.login_name().isdigit()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["dlq", "apply"], "one object instead of lines"),
        (["clients", "set"], "one object instead of lines"),
        (["dlq", "adopt"], "a list of objects (with --all one: adopted, would_adopt) instead of lines"),
        (["dlq", "requeue"], "a list of objects instead of lines"),
    ],
    ids=["apply", "set", "adopt", "requeue"],
)
def test_help_says_whether_json_is_a_list(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parsed(*words, "--help")

    assert said in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("words", "allowed"),
    [
        (["chaos", "--minutes", "x"], "a number of minutes up to a day"),
        (["latency", "--gap", "nan"], "a number of seconds up to an hour"),
        (["throughput", "--rounds", "0"], "a whole number from 1 to a million"),
        (["dispatch", "--count", "many"], "a whole number from 1 to a million"),
    ],
)
def test_benchmark_that_is_given_no_number_says_what_one_is(
    words: list[str], allowed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parsed("bench", *words)

    said = capsys.readouterr().err
    assert ended.value.code == ExitCode.USAGE
    assert f"{words[-1]!r} is not {allowed}" in said
    assert said.count("\n") == 1
