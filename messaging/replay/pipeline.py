"""Takes a case through the road that live lead messages take, and stops before its first effect.

It must not know judges or artifacts. What it is asked twice it does twice: nothing of it is stored.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, time, timedelta, tzinfo

from messaging.draft_store import read_inbound
from messaging.drafting import context_for, write_reply
from messaging.drafts import Drafter
from messaging.replay.cases import Produced, ReplayCase
from messaging.send_time import zone_named

#: What a calendar would offer: the next working days, at these times of the lead's client.
_OFFERED = ((1, time(10)), (1, time(14)), (2, time(15, 30)))
#: Rules of risk that say that the lead wants a time.
_WANTS_TIME = frozenset({"meeting_requested", "times_named"})

#: Answers a case: a draft, or why there is to be none.
Pipeline = Callable[[ReplayCase], Produced]


def pipeline_of(drafter: Drafter, *, offer_slots: bool) -> Pipeline:
    """The road with this drafter. `offer_slots`: leads who ask for a meeting are offered times, as by a calendar."""

    def answer(case: ReplayCase) -> Produced:
        message = read_inbound(case.lead_message_id)
        if message.never_answer is not None:
            return Produced(None, refusal=message.never_answer)
        wants = offer_slots and bool(_WANTS_TIME.intersection(case.risk.reasons))
        slots = slots_after(message.sent_at, zone_named(message.timezone)) if wants else ()
        # Written as on that day: what the lead called tomorrow is tomorrow.
        written = write_reply(message, drafter, offered_slots=slots, as_of=message.sent_at)
        context = context_for(written.request, message.sent_at)
        return Produced(written.draft, context, revision=written.revision)

    return answer


def slots_after(moment: datetime, zone: tzinfo) -> tuple[datetime, ...]:
    """Three times on the two working days after `moment`, on the clock of `zone`."""
    today = moment.astimezone(zone).date()
    days = [day for day in (today + timedelta(days=ahead) for ahead in range(1, 8)) if day.weekday() < 5]
    return tuple(datetime.combine(days[place - 1], at, zone) for place, at in _OFFERED)
