"""Whether a reply that nothing forbids may go out at this hour, and at this rate; if not, when.

It must not know the gate's conditions, nor jobs beyond how many wait. To be asked under the gate's locks: client
(shared), lead (update); the row of the client's own rate is the third, and makes its sends count one after the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from messaging.send_time import zone_named
from models.database import query
from policy.errors import Terminal
from policy.sending_hours import SendingHours, next_opening, read_hours
from policy.sending_rates import Rate, free_at, turn

#: Hours that never open are looked at again after so long: somebody may have changed them.
_NEVER_OPEN = timedelta(days=1)

#: What a wait is called in logs and by commands.
OUTSIDE_HOURS = "outside_sending_hours"
OVER_RATE = "over_sending_rate"


@dataclass(frozen=True, slots=True)
class Hours:
    """Sending hours as their row has them, and the clock by which they are meant. No text: at any hour."""

    text: str | None
    timezone: str


@dataclass(frozen=True, slots=True)
class Reply:
    """The reply that wants to go out: its draft, lead and client. A new try of it does not count beside the former."""

    draft_id: UUID
    lead_id: UUID
    client_id: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Not before `until`, because of `why`."""

    why: str
    until: datetime


def wait_for(reply: Reply, hours: Hours) -> Wait | None:
    """How long the reply has to wait; None if it may go now. Raises Terminal for hours that cannot be read."""
    rates = _rates(reply.client_id)
    if not rates and hours.text is None:
        return None
    # First the lock, then the clock: whoever was waited for has an earlier time than ours.
    now: datetime = query("SELECT clock_timestamp()")[0][0]
    free = max((_free_at(reply, scope, rate, now) for scope, rate in rates.items()), default=now)
    opening = _opening(hours, free)
    if opening > free:
        return Wait(OUTSIDE_HOURS, opening)
    return Wait(OVER_RATE, free) if free > now else None


def allowed_at(moment: datetime, hours: Hours) -> datetime:
    """The first time from `moment` (aware) on at which the hours let a reply go, whatever the rates say.

    Hours that never open or cannot be read allow `moment` itself: this is asked of a reply that has gone.
    """
    if hours.text is None:
        return moment
    try:
        return next_opening(read_hours(hours.text), moment, zone_named(hours.timezone)) or moment
    except ValueError:
        return moment


def note_departure(reply: Reply) -> None:
    """Write down that the gate lets the reply out now: what the rates count."""
    query(
        "UPDATE draft SET client_id = %s, let_out_at = clock_timestamp() WHERE id = %s",
        (reply.client_id, reply.draft_id),
    )


def _rates(client_id: str) -> dict[str, Rate]:
    """The client's rates by scope; its own is locked until the transaction ends, for the client's row is only shared:
    two sends of one client would each see the last place free.
    """
    # Nobody changes a rate while the client's row is held, so that it can be read before it is locked.
    rows = query("SELECT scope, most, period_s FROM sending_rate WHERE client_id = %s", (client_id,))
    rates = {scope: Rate(most, period_s) for scope, most, period_s in rows}
    if "client" in rates:
        query("SELECT FROM sending_rate WHERE client_id = %s AND scope = 'client' FOR UPDATE", (client_id,))
    return rates


def _free_at(reply: Reply, scope: str, rate: Rate, now: datetime) -> datetime:
    oldest = _departure(reply, scope, rate, now, newest=rate.most)
    if oldest is None:
        return now
    first = oldest + timedelta(seconds=rate.period_s)
    place = turn(rate, _waiting(reply.client_id, first) if scope == "client" else 0)
    freed_by = _departure(reply, scope, rate, now, newest=place.newest)
    return max(first, free_at(rate, place, freed_by or oldest))


def _departure(reply: Reply, scope: str, rate: Rate, now: datetime, *, newest: int) -> datetime | None:
    """When the `newest`-th last reply within the period was let out; those that certainly never went do not count."""
    column, value = ("client_id", reply.client_id) if scope == "client" else ("lead_id", reply.lead_id)
    rows = query(
        f"SELECT draft.let_out_at FROM draft WHERE draft.{column} = %s AND draft.let_out_at > %s AND draft.id <> %s"
        " AND NOT EXISTS (SELECT FROM side_effect AS effect"
        "   WHERE effect.effect_key = 'reply:' || draft.lead_message_id || ':1'"
        "   AND effect.state IN ('FAILED', 'REFUSED'))"
        " ORDER BY draft.let_out_at DESC OFFSET %s LIMIT 1",
        (value, now - timedelta(seconds=rate.period_s), reply.draft_id, newest - 1),
    )
    return rows[0][0] if rows else None


def _waiting(client_id: str, since: datetime) -> int:
    """Sends of the client that have asked before and wait for a place from `since` on."""
    return int(
        query(
            "SELECT count(*) FROM background_job WHERE client_id = %s AND state = 'pending' AND run_at >= %s"
            " AND actor = 'auto_send' AND attempts > 0",
            (client_id, since),
        )[0][0]
    )


def _opening(hours: Hours, moment: datetime) -> datetime:
    if hours.text is None:
        return moment
    return next_opening(_read(hours.text), moment, zone_named(hours.timezone)) or moment + _NEVER_OPEN


def _read(text: str) -> SendingHours:
    try:
        return read_hours(text)
    except ValueError as error:
        # Fail closed, where an operator sees it: the row was edited by hand.
        raise Terminal(f"the sending hours cannot be read: {error}") from error
