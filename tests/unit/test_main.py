"""The console script: which command runs, and what becomes of every way it can end."""

from __future__ import annotations

import argparse
import importlib
import io
import json
import os
import signal
import subprocess
import sys
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path

import psycopg2
import pytest
import redis.exceptions

from policy.errors import CallboardError, InvariantRefused, NotFound, ServersNotFound, SettingInvalid
from scripts import main as console_script
from scripts.exits import ExitCode
from scripts.main import COMMANDS, build_parser, main
from scripts.parsing import Subparsers
from scripts.screens import as_json

Play = Callable[[Callable[[], int]], int]


class ServerShutDown(psycopg2.OperationalError):
    """PostgreSQL said goodbye (SQLSTATE 57P01). The attribute hides the C class's, which cannot be set."""

    pgcode = "57P01"


class DiskFull(psycopg2.OperationalError):
    """PostgreSQL answered with an error of its own (SQLSTATE 53100)."""

    pgcode = "53100"


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Play:
    """Run `callboard rehearse`, a command whose body is the given function."""

    def add_parser(commands: Subparsers) -> None:
        commands.add_parser("rehearse").set_defaults(run=lambda _args: body())

    def body() -> int:
        raise AssertionError("play was not given a body")

    def run(given: Callable[[], int]) -> int:
        nonlocal body
        body = given
        return main(["rehearse"])

    module = types.ModuleType("scripts.rehearse")
    monkeypatch.setattr(module, "add_parser", add_parser, raising=False)
    monkeypatch.setitem(sys.modules, "scripts.rehearse", module)
    monkeypatch.setitem(COMMANDS, "rehearse", "a command of the tests")
    return run


def raising(error: BaseException) -> Callable[[], int]:
    def body() -> int:
        raise error

    return body


def test_exit_code_of_the_command_is_the_exit_code(play: Play) -> None:
    code = play(lambda: 5)

    assert code == ExitCode.PARTLY_DONE


@pytest.mark.parametrize(
    ("error", "code"),
    [
        pytest.param(SettingInvalid("CALLBOARD_X", "y", "a number"), 2, id="a setting not of its kind"),
        pytest.param(NotFound("no job abc"), 3, id="nothing matched"),
        pytest.param(InvariantRefused("effects_unknown"), 4, id="refused by an invariant"),
        pytest.param(ServersNotFound(), 1, id="any other of ours"),
        pytest.param(CallboardError("one\n  two"), 1, id="a message of two lines"),
    ],
)
def test_error_of_ours_is_one_line_and_its_code(
    play: Play, capsys: pytest.CaptureFixture[str], error: CallboardError, code: int
) -> None:
    ended = play(raising(error))

    assert ended == code
    assert capsys.readouterr() == ("", f"callboard: {' '.join(str(error).split())}\n")


@pytest.mark.parametrize(
    ("error", "server"),
    [
        pytest.param(psycopg2.OperationalError("refused\nIs it running?"), "PostgreSQL", id="postgres away"),
        pytest.param(ServerShutDown("terminating"), "PostgreSQL", id="postgres shutting down"),
        pytest.param(psycopg2.InterfaceError("connection already closed"), "PostgreSQL", id="postgres gone"),
        pytest.param(redis.exceptions.ConnectionError("refused"), "Redis", id="redis away"),
        pytest.param(redis.exceptions.TimeoutError("timed out"), "Redis", id="redis silent"),
    ],
)
def test_unreachable_server_is_one_line_that_names_up(
    play: Play, capsys: pytest.CaptureFixture[str], error: Exception, server: str
) -> None:
    ended = play(raising(error))

    said = capsys.readouterr().err
    assert ended == ExitCode.ERROR
    assert said.startswith(f"callboard: cannot reach {server} (")
    assert "`callboard up`" in said
    assert said.count("\n") == 1


@pytest.mark.parametrize("error", [DiskFull("disk full"), BrokenPipeError("a socket's"), KeyError("x")])
def test_defect_keeps_its_traceback(play: Play, error: Exception) -> None:
    with pytest.raises(type(error)):
        play(raising(error))


def test_interrupt_ends_quietly_with_130(play: Play, capsys: pytest.CaptureFixture[str]) -> None:
    ended = play(raising(KeyboardInterrupt()))

    assert ended == 130
    assert capsys.readouterr() == ("", "")


def test_sigterm_lets_the_command_clean_up_and_ends_with_143(play: Play) -> None:
    cleaned: list[bool] = []
    before = signal.getsignal(signal.SIGTERM)

    def body() -> int:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            signal.sigtimedwait([], 5)
        finally:
            cleaned.append(True)
        return 0

    ended = play(body)

    assert ended == 143
    assert cleaned == [True]
    assert signal.getsignal(signal.SIGTERM) is before


@contextmanager
def deaf_stdout() -> Iterator[None]:
    """Standard output as a pipe whose reader has gone."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as pipe, redirect_stdout(pipe):
        yield


@pytest.mark.parametrize("flush", [False, True], ids=["at the end", "in the middle"])
def test_reader_that_has_gone_is_met_quietly(play: Play, capsys: pytest.CaptureFixture[str], flush: bool) -> None:
    def body() -> int:
        print("a line", flush=flush)
        return 0

    with deaf_stdout():
        ended = play(body)

    assert ended == ExitCode.BROKEN_PIPE
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("flush", [False, True], ids=["at the end", "in the middle"])
def test_output_that_is_full_is_one_line_and_exit_1(
    play: Play, capsys: pytest.CaptureFixture[str], flush: bool
) -> None:
    def body() -> int:
        print("a line", flush=flush)
        return 0

    with open("/dev/full", "w", encoding="utf-8") as full, redirect_stdout(full):
        ended = play(body)

    assert ended == ExitCode.ERROR
    assert capsys.readouterr().err == "callboard: cannot write to standard output: No space left on device\n"


def test_help_that_cannot_be_written_is_exit_1(capsys: pytest.CaptureFixture[str]) -> None:
    with open("/dev/full", "w", encoding="utf-8") as full, redirect_stdout(full):
        ended = main(["--help"])

    assert ended == ExitCode.ERROR
    assert capsys.readouterr().err.count("\n") == 1


def test_closed_output_is_said_before_anything_is_done(play: Play, capsys: pytest.CaptureFixture[str]) -> None:
    with redirect_stdout(None):
        ended = play(raising(AssertionError("nothing may be done")))

    assert ended == ExitCode.ERROR
    assert capsys.readouterr().err.startswith("callboard: Standard output is closed")


def test_signs_that_the_output_does_not_know_are_replaced(play: Play) -> None:
    written = io.BytesIO()

    def body() -> int:
        print("cut…", as_json({"name": "Zoë"}))
        return 0

    with redirect_stdout(io.TextIOWrapper(written, encoding="ascii")):
        ended = play(body)
        told = written.getvalue()

    assert ended == ExitCode.DONE
    assert told.startswith(b"cut? {")
    assert json.loads(told[5:]) == {"name": "Zoë"}


@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])
@pytest.mark.parametrize("onto", [">/dev/full", ">&-", "1</dev/null"])
def test_process_without_an_output_ends_with_one_line_and_1(onto: str, unbuffered: str) -> None:
    command = f'exec "$0" -m scripts.main config {onto}'
    environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}

    ended = subprocess.run(
        ["sh", "-c", command, sys.executable], capture_output=True, text=True, check=False, env=environment
    )

    assert ended.returncode == ExitCode.ERROR
    assert ended.stderr.startswith("callboard: ")
    assert ended.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param([], id="no command"),
        pytest.param(["rehearsal"], id="an unknown command"),
        pytest.param(["config", "--yaml"], id="an unknown option"),
        pytest.param(["config", "--js"], id="a shortened option"),
    ],
)
def test_usage_error_is_one_line_and_two(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    ended = main(arguments)

    said = capsys.readouterr()
    assert ended == ExitCode.USAGE
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert "--help" in said.err


def test_help_lists_every_command_without_importing_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(COMMANDS, "unwritten", "a command without a module")

    ended = main(["--help"])

    listed = " ".join(capsys.readouterr().out.split())
    assert ended == ExitCode.DONE
    assert [name for name, summary in COMMANDS.items() if f"{name} {summary}" not in listed] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_command_has_help_and_something_to_run(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    ended = main([name, "--help"])

    assert ended == ExitCode.DONE
    assert f"callboard {name}" in capsys.readouterr().out
    assert (Path(console_script.__file__).parent / f"{name}.py").is_file()


def test_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    ended = main(["--version"])

    assert ended == ExitCode.DONE
    assert capsys.readouterr().out.startswith("callboard ")


def test_only_the_wanted_command_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    imported: list[str] = []
    real = importlib.import_module

    def noted(name: str) -> types.ModuleType:
        imported.append(name)
        return real(name)

    monkeypatch.setattr(importlib, "import_module", noted)

    parsed = build_parser(["config", "--json"]).parse_args(["config", "--json"])

    assert isinstance(parsed, argparse.Namespace)
    assert imported == ["scripts.config"]
