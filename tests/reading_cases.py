"""Pages, windows, effects and chains for tests of the readings."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from models.database import query
from models.ledger import effects
from models.ledger.claim import Claimed, Holder
from models.readings.chain import Chain, gather
from models.readings.identity import identify
from models.readings.paging import Cursor, Page, Span
from policy.keys import run_key
from policy.states import EffectState


def all_pages(read: Callable[[Span], Page[Any]], limit: int) -> list[list[Any]]:
    """Every page of a list, each read behind the one before."""
    pages: list[list[Any]] = []
    after: Cursor | None = None
    while len(pages) < 50:
        page = read(Span(limit=limit, after=after))
        pages.append(page.rows)
        if page.next is None:
            return pages
        after = Cursor.parse(str(page.next))
    raise AssertionError("the pages do not end")


def window(start: datetime, status: str = "ENQUEUED", key: str | None = None, source: str = "cron") -> str:
    """A window's row; gives its key."""
    name = key or f"background-jobs:v1:60:{start.isoformat()}"
    query(
        "INSERT INTO background_dispatch_window (dispatch_key, source, requested_at, window_start, window_seconds,"
        " correlation_id, status, process_dispatch_id, maintenance_dispatch_id, error_message)"
        " VALUES (%s, %s, %s, %s, 60, %s, %s, %s, %s, %s)",
        (name, source, start, start, f"corr-{name}", status, f"p-{name}", f"m-{name}", "no Redis"),
    )
    return name


def effect(claim: Claimed, holder: Holder, key: str, state: EffectState | None) -> None:
    """An effect of this claim, settled unless `state` is None."""
    intent = effects.Intent(
        key, "email", claim.job_id, run_key("actor", claim.job_id, claim.attempt), claim.fence, holder.id, None
    )
    taken = effects.intend(intent, seen=None, guard=None)
    assert isinstance(taken, effects.IntentTaken)
    if state is not None:
        effects.settle(key, taken.intent, state, '{"provider_reference": "<bell@17>"}')


def letter_of(job_id: UUID) -> UUID:
    found: UUID = query("SELECT id FROM dead_letter WHERE job_id = %s AND resolution = 'OPEN'", (job_id,))[0][0]
    return found


def chain_of(text: object) -> Chain:
    return gather(identify(str(text)), lease_s=30.0)
