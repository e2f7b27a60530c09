"""Which errors mean that a server is away (wait, spend nothing) rather than that a statement was wrong."""

from __future__ import annotations

import peewee
import psycopg2

from policy.errors import DispatchContended, LedgerUnavailable

#: SQLSTATE classes: connection, insufficient resources (disk full, too many connections), operator intervention; and
#: the contention that passes by itself (lock timeout, deadlock, serialisation).
_CLASSES = ("08", "53", "57", "58", "40", "55P03", "25006")


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
        return isinstance(error, psycopg2.OperationalError)
    return error.pgcode.startswith(_CLASSES)
