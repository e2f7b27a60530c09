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
#: Of a thread that is named, at least so many are looked at, however many are named: a thousand threads are 20,000.
THREAD_CANDIDATES_MIN = 20

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


def candidates_of_each(threads: int) -> int:
    """Inbound lead messages that are looked at of each of so many named threads: together CANDIDATES_MAX or so."""
    return max(THREAD_CANDIDATES_MIN, CANDIDATES_MAX // max(threads, 1))


def read_of_threads(ids: Sequence[UUID], wanted: Wanted) -> list[ReplayCase]:
    """The newest inbound lead messages of threads, each named by its lead, and those that are named themselves."""
    conditions, params = _conditions(wanted)
    named = list(set(ids))
    rows = query(
        "SELECT newest.* FROM unnest(%s::uuid[]) AS named (id) CROSS JOIN LATERAL"
        f" ({_CASES} AND m.lead_id = named.id{conditions} ORDER BY m.sent_at DESC, m.arrival DESC LIMIT %s) AS newest"
        f" UNION {_CASES} AND m.id = ANY (%s::uuid[]){conditions}",
        (named, *params, candidates_of_each(len(named)), named, *params),
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
