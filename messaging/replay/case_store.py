"""Reads past lead messages of clients and threads for the replay. It writes nothing, and ranks nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from messaging.replay.cases import HistoryLine, ReplayCase
from models.database import Row, query

#: Lead messages of a range that are looked at for one selection, the newest first: reading all of a large client's
#: would take longer than replaying it.
CANDIDATES_MAX = 2_000

_CASES = (
    "SELECT m.id, m.lead_id, lead.client_id, m.channel, m.subject, m.body, m.sent_at, m.never_answer"
    " FROM lead_message AS m JOIN lead ON lead.id = m.lead_id WHERE m.direction = 'inbound'"
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which lead messages; what is None is not asked. `since` is included, `until` is not."""

    client_id: str | None = None
    channel: str | None = None
    since: datetime | None = None
    until: datetime | None = None


def read_candidates(wanted: Wanted) -> list[ReplayCase]:
    """Inbound lead messages as wanted, the newest first, at most CANDIDATES_MAX."""
    conditions, params = _conditions(wanted)
    rows = query(f"{_CASES}{conditions} ORDER BY m.sent_at DESC, m.arrival DESC LIMIT %s", (*params, CANDIDATES_MAX))
    return [_case(row) for row in rows]


def read_of_threads(ids: Sequence[UUID], wanted: Wanted) -> list[ReplayCase]:
    """All inbound lead messages of threads, each named by its lead, or those that are named themselves."""
    conditions, params = _conditions(wanted)
    rows = query(
        f"{_CASES} AND (m.lead_id = ANY (%s::uuid[]) OR m.id = ANY (%s::uuid[])){conditions}"
        " ORDER BY m.sent_at DESC, m.arrival DESC",
        (list(ids), list(ids), *params),
    )
    return [_case(row) for row in rows]


def read_history(case: ReplayCase, limit: int) -> list[HistoryLine]:
    """The last `limit` lead messages of the thread before the case's, the oldest first."""
    rows = query(
        "SELECT before.direction = 'inbound', before.sent_at, before.body FROM lead_message AS before"
        " JOIN lead_message AS m ON m.lead_id = before.lead_id AND m.id = %s"
        " WHERE (before.sent_at, before.arrival) < (m.sent_at, m.arrival)"
        " ORDER BY before.sent_at DESC, before.arrival DESC LIMIT %s",
        (case.lead_message_id, limit),
    )
    return [HistoryLine(*row) for row in reversed(rows)]


def _conditions(wanted: Wanted) -> tuple[str, tuple[object, ...]]:
    asked = (
        ("lead.client_id = %s", wanted.client_id),
        ("m.channel = %s", wanted.channel),
        ("m.sent_at >= %s", wanted.since),
        ("m.sent_at < %s", wanted.until),
    )
    stated = [(sql, value) for sql, value in asked if value is not None]
    return "".join(f" AND {sql}" for sql, _ in stated), tuple(value for _, value in stated)


def _case(row: Row) -> ReplayCase:
    return ReplayCase(*row)
