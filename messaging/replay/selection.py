"""Picks the cases of a replay: one a thread, the riskiest first, in a range that is widened when nothing is in it.

It must not know how a case is run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

from messaging.replay.case_store import CANDIDATES_MAX, Wanted, candidates_of_each, read_candidates, read_of_threads
from messaging.replay.cases import ReplayCase
from messaging.replay.risk import risk_of
from messaging.store import read_client

#: The range of a selection that names none, and the wider ones that are tried when it is empty; then all time.
DEFAULT_DAYS = 30
WIDER_DAYS = (90, 365)


@dataclass(frozen=True, slots=True)
class Ask:
    """What is to be replayed. Threads are named by their lead's id, or by one of their lead messages'.

    `now` ends a range that names no end. With threads named, only a range that is named counts.
    `limit` is of cases; None: all of them.
    """

    now: datetime
    client_id: str | None = None
    thread_ids: tuple[UUID, ...] = ()
    channel: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    limit: int | None = 20


@dataclass(frozen=True, slots=True)
class Selection:
    """The cases in order, the range that they came from, and what had to be said about it."""

    cases: list[ReplayCase]
    since: datetime | None
    until: datetime | None
    candidates: int = 0
    widened: bool = False
    warnings: list[str] = field(default_factory=list)
    #: Threads that were named and have no case: unknown, another client's, or without an inbound lead message.
    missing: list[UUID] = field(default_factory=list)


def select(ask: Ask) -> Selection:
    """The cases that are asked for. Raises NotFound for an unknown client."""
    if ask.client_id is not None:
        read_client(ask.client_id)
    wanted = Wanted(ask.client_id, ask.channel, ask.since, ask.until)
    if ask.thread_ids:
        return _of_threads(ask, wanted)
    return _of_client(ask, replace(wanted, until=ask.until or ask.now))


def _of_threads(ask: Ask, wanted: Wanted) -> Selection:
    found = read_of_threads(ask.thread_ids, wanted)
    named = set(ask.thread_ids)
    # A lead message that is named is the case itself; its thread has no other.
    pinned = {one.thread_id for one in found if one.lead_message_id in named}
    eligible = [one for one in found if one.lead_message_id in named or one.thread_id not in pinned]
    known = {one.lead_message_id for one in found} | {one.thread_id for one in found}
    missing = [thread_id for thread_id in dict.fromkeys(ask.thread_ids) if thread_id not in known]
    cases = ranked(eligible, None, each_pinned=named)
    kept = cases[: ask.limit]
    warnings = [_cut(len(cases), len(kept))] if len(kept) < len(cases) else []
    each = candidates_of_each(len(named))
    if max(Counter(one.thread_id for one in found).values(), default=0) >= each:
        warnings.append(f"only the newest {each} lead messages of each thread were looked at, and those that are named")
    return Selection(kept, ask.since, ask.until, len(found), warnings=warnings, missing=missing)


def _of_client(ask: Ask, wanted: Wanted) -> Selection:
    first = replace(wanted, since=ask.since or (ask.until or ask.now) - timedelta(days=DEFAULT_DAYS))
    found, used = read_candidates(first), first
    for wider in _wider(first, ask):
        if found:
            break
        found, used = read_candidates(wider), wider
    warnings = []
    if used is not first:
        warnings.append(f"nothing between {_day(first.since)} and {_day(first.until)}: {_widened_to(used, found)}")
    if len(found) == CANDIDATES_MAX:
        warnings.append(f"only the newest {CANDIDATES_MAX} lead messages of the range were looked at")
    return Selection(
        ranked(found, ask.limit), used.since, used.until, len(found), used is not first and bool(found), warnings
    )


def _wider(first: Wanted, ask: Ask) -> list[Wanted]:
    """Ranges around the first one, each wider than the one before; the last is all time up to now."""
    assert first.since is not None
    assert first.until is not None
    earlier = [first.until - timedelta(days=days) for days in WIDER_DAYS]
    return [
        *(replace(first, since=since) for since in earlier if since < first.since),
        Wanted(ask.client_id, ask.channel, None, max(ask.now, first.until)),
    ]


def ranked(found: Sequence[ReplayCase], limit: int | None, each_pinned: set[UUID] | None = None) -> list[ReplayCase]:
    """The riskiest lead message of each thread, the riskiest thread first, the newest first among equals.

    Every one of `each_pinned` is a case, whatever its thread has beside it.
    """
    judged = [replace(one, risk=risk_of(one.body, never_answer=one.never_answer)) for one in found]
    judged.sort(key=lambda one: (-one.risk.score, -one.sent_at.timestamp(), one.lead_message_id))
    kept: list[ReplayCase] = []
    threads: set[UUID] = set()
    for one in judged:
        if one.thread_id in threads and one.lead_message_id not in (each_pinned or ()):
            continue
        threads.add(one.thread_id)
        kept.append(one)
    return kept[:limit]


def _cut(cases: int, limit: int) -> str:
    return f"the threads that are named have {cases} cases: --limit {limit} leaves out {cases - limit} of them"


def _widened_to(used: Wanted, found: Sequence[ReplayCase]) -> str:
    if not found:
        return "and nothing at any other time"
    return f"widened to all since {_day(used.since)}" if used.since else "widened to all time"


def _day(moment: datetime | None) -> str:
    return "ever" if moment is None else moment.strftime("%Y-%m-%d")
