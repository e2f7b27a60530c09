"""What a command's end means to the shell: the exit codes, and the one line that an error becomes.

Knows our errors by class and drivers' errors by name: importing a driver would slow every `--help`.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from policy.errors import Ambiguous, CallboardError, InvariantRefused, NotFound, SettingInvalid


class ExitCode(IntEnum):
    """The stable exit codes of every command."""

    DONE = 0
    ERROR = 1
    USAGE = 2
    NOTHING_MATCHED = 3
    REFUSED = 4
    PARTLY_DONE = 5
    #: 128 + the signal's number, as shells have it.
    INTERRUPTED = 130
    BROKEN_PIPE = 141
    TERMINATED = 143


#: The first class that fits decides; any other CallboardError is ERROR.
_CODES: Final[tuple[tuple[type[CallboardError], ExitCode], ...]] = (
    (SettingInvalid, ExitCode.USAGE),
    (Ambiguous, ExitCode.USAGE),
    (NotFound, ExitCode.NOTHING_MATCHED),
    (InvariantRefused, ExitCode.REFUSED),
)

#: Drivers' classes for "no answer", by module and name; every subclass of one is meant too.
_UNREACHABLE: Final[dict[str, str]] = {
    "psycopg2.OperationalError": "PostgreSQL",
    "psycopg2.InterfaceError": "PostgreSQL",
    "peewee.OperationalError": "PostgreSQL",
    "peewee.InterfaceError": "PostgreSQL",
    "redis.exceptions.ConnectionError": "Redis",
    "redis.exceptions.TimeoutError": "Redis",
}


def code_for(error: CallboardError) -> ExitCode:
    """The exit code of an error of our own."""
    return next((code for kind, code in _CODES if isinstance(error, kind)), ExitCode.ERROR)


def unreachable_server(error: BaseException) -> str | None:
    """Which server did not answer, or None when the error means something else.

    A SQLSTATE (psycopg2's `pgcode`) says that PostgreSQL did answer, unless its class is
    08 (connection) or 57 (shut down).
    """
    names = (f"{kind.__module__}.{kind.__qualname__}" for kind in type(error).__mro__)
    server = next((_UNREACHABLE[name] for name in names if name in _UNREACHABLE), None)
    sqlstate = getattr(error, "pgcode", None)
    if isinstance(sqlstate, str) and sqlstate[:2] not in ("08", "57"):
        return None
    return server


def unreachable_line(server: str, error: BaseException) -> str:
    """One line: who did not answer, what the driver said first, and what to do."""
    said = one_line(str(error).strip().partition("\n")[0]) or type(error).__name__
    return f"cannot reach {server} ({said}): start the servers with `callboard up`, or correct their URLs"


def one_line(text: str) -> str:
    """The text with every run of white space, line ends too, as one space."""
    return " ".join(text.split())
