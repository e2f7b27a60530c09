"""Makes the sample: leads, each with one thread, over the year before a day. Pure: seed and day decide everything."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from random import Random
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from messaging.sample_data.exchanges import EMAIL, LINKEDIN, MEETING, QUESTIONS, SMS, Exchange, Line
from messaging.sample_data.people import SENDER, TIMEZONE, Person, invent_person
from messaging.sample_data.refusals import CORRECTIONS, DECLINES, MACHINES, OPT_OUTS
from messaging.sample_data.wording import worded

#: Under this namespace lie the ids of everything in a sample. Never change it.
_NAMESPACE = UUID("b0a54f0e-2d7c-5f58-9a43-7b7be0f6c1d5")
#: Every pattern occurs once before any occurs again.
EXCHANGES: tuple[Exchange, ...] = (*MEETING, *QUESTIONS, *OPT_OUTS, *DECLINES, *MACHINES, *CORRECTIONS)
#: The campaigns of a sample, by whether they send by themselves; two leads of three are in the first.
CAMPAIGNS = (("Spring vans", True), ("Partners", False))

#: What may be asked for: the number of a lead is made of both.
SEEDS = range(1000)
THREADS_MAX = 1000

#: Days back of threads that ended of late (three of five), and of the others.
_RECENT_DAYS = (0.1, 28.0)
_OLDER_DAYS = (31.0, 355.0)


@dataclass(frozen=True, slots=True)
class SampleMessage:
    """One lead message as its row has it. `open` says that it waits for an answer."""

    id: UUID
    inbound: bool
    identity: str
    internet_message_id: str | None
    in_reply_to: str | None
    reference_ids: tuple[str, ...]
    subject: str
    body: str
    never_answer: str | None
    sent_at: datetime
    open: bool


@dataclass(frozen=True, slots=True)
class SampleThread:
    """A lead with all that was written. `kind` names its pattern, `campaign` is one of CAMPAIGNS by name."""

    lead_id: UUID
    kind: str
    channel: str
    campaign: str
    name: str
    address: str
    opted_out_at: datetime | None
    messages: tuple[SampleMessage, ...]


def invent_threads(client_id: str, *, seed: int, count: int, today: date) -> list[SampleThread]:
    """`count` threads (at most THREADS_MAX) of a seed (of SEEDS), all before `today` (UTC) began.

    A longer sample of a seed begins with the shorter one.
    """
    return [_thread(client_id, seed, number, exchange, today) for number, exchange in _dealt(client_id, seed, count)]


def _dealt(client_id: str, seed: int, count: int) -> Iterator[tuple[int, Exchange]]:
    """Patterns as cards are dealt: shuffled, to the last one, then shuffled anew."""
    rand = Random(f"{client_id}:{seed}")
    deck: list[Exchange] = []
    for number in range(count):
        if not deck:
            deck = list(EXCHANGES)
            rand.shuffle(deck)
        yield number, deck.pop()


def _thread(client_id: str, seed: int, number: int, exchange: Exchange, today: date) -> SampleThread:
    rand = Random(f"{client_id}:{seed}:{number}")
    lead_id = uuid5(_NAMESPACE, f"{client_id}:{seed}:{number}")
    person = invent_person(rand, THREADS_MAX * seed + number)
    channel = rand.choice(exchange.channels)
    messages = _messages(lead_id, exchange, channel, person, _moments(rand, exchange.lines, number, today))
    return SampleThread(
        lead_id=lead_id,
        kind=exchange.kind,
        channel=channel,
        campaign=CAMPAIGNS[number % 3 == 2][0],
        name=f"{person.first} {person.last}",
        address=_address(channel, person),
        opted_out_at=messages[-1].sent_at if exchange.opted_out else None,
        messages=tuple(messages),
    )


def _moments(rand: Random, lines: Sequence[Line], number: int, today: date) -> list[datetime]:
    """When each line was written: the last one as far back as drawn, the others before it."""
    midnight = datetime.combine(today, time(), timezone.utc)
    at = midnight - timedelta(days=rand.uniform(*(_RECENT_DAYS if number % 5 < 3 else _OLDER_DAYS)))
    moments: list[datetime] = []
    for line in reversed(lines):
        moments.insert(0, at.replace(microsecond=0))
        at -= timedelta(hours=line.hours * rand.uniform(0.5, 1.5), seconds=1)
    return moments


def _messages(
    lead_id: UUID, exchange: Exchange, channel: str, person: Person, moments: Sequence[datetime]
) -> list[SampleMessage]:
    zone = ZoneInfo(TIMEZONE)
    made: list[SampleMessage] = []
    for place, (line, at) in enumerate(zip(exchange.lines, moments, strict=True)):
        day, day_before = at.astimezone(zone).date(), moments[max(0, place - 1)].astimezone(zone).date()
        message_id = uuid5(_NAMESPACE, f"{lead_id}:{place}")
        mail_id = f"<{message_id}@{person.domain if line.inbound else SENDER.partition('@')[2]}>"
        mail_ids = tuple(one.internet_message_id for one in made if one.internet_message_id)
        made.append(
            SampleMessage(
                id=message_id,
                inbound=line.inbound,
                identity=mail_id if channel == EMAIL else f"{channel}:{message_id}",
                internet_message_id=mail_id if channel == EMAIL else None,
                in_reply_to=mail_ids[-1] if mail_ids else None,
                reference_ids=mail_ids,
                subject=worded(exchange.subject, person, day, day_before) if channel == EMAIL else "",
                body=worded(line.text, person, day, day_before),
                never_answer=line.never_answer,
                sent_at=at,
                open=place == len(moments) - 1 and line.inbound and not line.never_answer and not exchange.opted_out,
            )
        )
    return made


def _address(channel: str, person: Person) -> str:
    """Where the lead is reached. No country has the code 999."""
    if channel == SMS:
        return f"+999{person.number:09d}"
    return f"linkedin:{person.slug}" if channel == LINKEDIN else person.address
