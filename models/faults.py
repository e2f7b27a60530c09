"""Which errors mean that a server is away (wait, spend nothing) rather than that a statement was wrong."""

from __future__ import annotations

import peewee
import psycopg2
import psycopg2.errors

from policy.errors import DispatchContended, LedgerUnavailable

#: SQLSTATE classes: connection, insufficient resources (disk full, too many connections), operator intervention; and
#: the contention that passes by itself (lock timeout, deadlock, serialisation); 25006: a server that was made a
#: replica meanwhile; 25P03: a session ended for its idleness.
_CLASSES = ("08", "53", "57", "58", "40", "55P03", "25006", "25P03")


def connection_broke(error: psycopg2.Error) -> bool:
    """Whether the connection ended under a statement, so that nobody can say what became of it; a new one may serve."""
    if error.pgcode is not None:
        return error.pgcode.startswith(("08", "57P01", "57P02"))
    return (
        isinstance(error, (psycopg2.OperationalError, psycopg2.InterfaceError)) or type(error) is psycopg2.DatabaseError
    )


def is_contention(error: BaseException) -> bool:
    """Whether somebody's open transaction holds a row or a key: only who wants that one has to wait."""
    return isinstance(error, (DispatchContended, psycopg2.errors.LockNotAvailable))


def is_infrastructure(error: BaseException) -> bool:
    """Whether waiting may help: connections, resources, time-outs, shutdowns, contention."""
    if isinstance(error, peewee.PeeweeException):
        # It wraps the driver's own error.
        error = getattr(error, "orig", None) or error
    if isinstance(error, (LedgerUnavailable, DispatchContended)):
        return True
    if isinstance(error, psycopg2.InterfaceError):
        return True
    if not isinstance(error, psycopg2.Error):
        return False
    if error.pgcode is None:
        # A connection that breaks inside a result is the bare DatabaseError, without a code: nobody refused anything.
        return isinstance(error, psycopg2.OperationalError) or type(error) is psycopg2.DatabaseError
    return error.pgcode.startswith(_CLASSES)
