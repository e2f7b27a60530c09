"""Which times and dates a draft names, and which ones it may: those offered, and those the lead named.

Joins the readers of times, dates, zones and windows; the rules that judge with them stand in `messaging.invariants`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta, tzinfo

from messaging.guardrails.calendar_dates import LEAD_WEEKS, DateMention, find_dates
from messaging.guardrails.calendar_days import whole_week
from messaging.guardrails.clock_times import DATE_MARK, TimeMention, find_times
from messaging.guardrails.moments import Moment, moments
from messaging.guardrails.plain_text import clauses, piece_at, sentences
from messaging.guardrails.stances import arranges, asks, declines, is_administrative, settles_firmly
from messaging.guardrails.windows import Window, days_named, find_windows
from messaging.guardrails.zone_labels import converted, zone_of_all_times
from messaging.patterns import regex

#: When the writer is in, or by when an answer is wanted: no time for a meeting.
_ASIDE_TIMES = regex(
    r"\b(?:office|business|opening|working|support|store) hours\b"
    r"|\b(?:we|I|team|office|desk|line|lines|phones?|shop|store|support|staff|everyone)(?:'re|'m| are| am| is)"
    r" (?:always |usually |generally |normally )?(?:open|in|here|staffed|reachable|manned|around|available)\b"
    r"[^.!?\n]{0,30}\b(?:mon(?:day)?s? ?(?:to|-|through|until) ?fri(?:day)?s?|weekdays?|every day|daily|all week"
    r"|from \d{1,2}[^.!?\n]{0,12} (?:to|until) \d)"
    r"|\b(?:mon(?:day)?|weekdays?) ?(?:-|to|through|until) ?(?:thu|fri|sat|sun)\w*,?:? ?(?:from )?\d"
    r"|\d ?(?:[ap]m)?,? (?:on |from )?mon(?:day)?s? ?(?:-|to|through|until) ?(?:thu|fri|sat|sun)"
    r"|\bwe(?:'re| are) open\b|\b(?:Öffnungszeiten|Bürozeiten|werktags|täglich)\b"
    r"|\b(?:let (?:me|us) know|get back to (?:me|us)|come back to (?:me|us)|repl(?:y|ies)|respond|answer|decide"
    r"|hear (?:back )?from you|tell (?:me|us)|write (?:back )?to (?:me|us)|need (?:it|this|that|to know))\b"
    r"[^.!?\n]{0,30}\b(?:by|before|until)\b(?! (?:the )?(?:call|meeting))",
    re.IGNORECASE,
)
#: Something else than the meeting has its day: an offer that ends, a fair, a release.
_ANOTHER_MATTER = regex(
    r"\b(?:offers?|promo\w*|discounts?|sale|prices?|rates?|deadline|conference|fair|trade show|expo|webinar|summit"
    r"|workshop|festival|events?|launch\w*|releases?|version|update|contract|trial|subscription|invoice|payment"
    r"|newsletter|report|quarter|holidays?|registration|early bird|course|angebot|aktion|messe|frist)\b"
    r"[^.!?\n]{0,40}\b(?:ends?|ending|expires?|closes?|starts?|begins?|runs?|launche?s?|is|was|are|will|takes place"
    r"|opens?|due|valid|until|through|on|from|endet|gilt|beginnt)\b"
    r"|\b(?:founded|established|launched|born|released|published|incorporated) (?:on|in)\b",
    re.IGNORECASE,
)
_MEETING = regex(
    r"\b(?:calls?|meetings?|demos?|appointments?|chat|session|conversation|termin|gespräch|you(?:'re| are)|us)\b",
    re.IGNORECASE,
)
_LATER_WEEK = regex(
    r"\b(?:next week|week after|following week|in (?:two|2) weeks|week of|nächste woche|semaine prochaine"
    r"|próxima semana)\b",
    re.IGNORECASE,
)
_ANY_DAY = regex(
    r"\b(?:any (?:day|time)|any ?time|whenever|flexible|free|open|available)\b[^.!?\n]{0,30}\b(?P<which>this"
    r"|next) week\b"
    r"|\b(?P<early>this|next) week\b[^.!?\n]{0,30}\b(?:any (?:day|time)|any ?time|whenever|works?|flexible|free"
    r"|open)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class DraftTimes:
    """What a draft names: its times with their dates, all its dates, and those that can be a meeting's."""

    text: str
    moments: tuple[Moment, ...]
    dates: tuple[DateMention, ...]
    meeting_dates: tuple[DateMention, ...]


@dataclass(frozen=True, slots=True)
class KnownTimes:
    """What a draft may name. Slots are (day, minute of the day) on the clock of `zone`."""

    slots: frozenset[tuple[date, int]]
    lead_moments: tuple[Moment, ...]
    lead_days: frozenset[date]
    lead_words: frozenset[str]
    windows: tuple[Window, ...]
    zone: tzinfo
    reference_at: datetime

    def offers(self, moment: Moment) -> bool:
        """An offered slot: its day and time, or its time alone where no day is said."""
        minutes = self.on_our_clock(moment.time)
        return any(minute in minutes and (not moment.said_on or day in moment.days) for day, minute in self.slots)

    def excuses(self, moment: Moment, said: DraftTimes) -> bool:
        """The lead named that time, or left it open and is being asked."""
        if self.named_by_lead(moment):
            return True
        if not asks(piece_at(sentences(said.text), moment.time.begin).words):
            return False
        ends = [self.on_our_clock(moment.time), self._until(moment.time)]
        return any(all(window.holds(end, moment.days) for end in ends if end) for window in self.windows)

    def named_by_lead(self, moment: Moment) -> bool:
        """The lead named that very time."""
        return any(self._is_leads(moment, each) for each in self.lead_moments)

    def has_date(self, mention: DateMention) -> bool:
        """A day that is offered or that the lead named, or the lead's very words."""
        offered = {day for day, _ in self.slots}
        return bool(mention.days & (offered | self.lead_days)) or mention.words.lower() in self.lead_words

    def on_our_clock(self, time: TimeMention) -> frozenset[int]:
        return converted(time.minutes, time.zone, self.zone, self.reference_at)

    def _until(self, time: TimeMention) -> frozenset[int]:
        return converted(time.until or frozenset(), time.zone, self.zone, self.reference_at)

    def _is_leads(self, moment: Moment, lead: Moment) -> bool:
        ours, theirs = self.on_our_clock(moment.time), self.on_our_clock(lead.time)
        same_words = not (moment.time.zone and lead.time.zone) and bool(moment.time.minutes & lead.time.minutes)
        edges = theirs | self._until(lead.time)
        if not (ours & edges or same_words):
            return False
        return not moment.said_on or not lead.said_on or bool(moment.days & (lead.days | self.lead_days))


def draft_times(draft: str, today: date, known: KnownTimes) -> DraftTimes:
    """What the normalised `draft`, written on `today`, names; office hours and refused times are not named."""
    dates = find_dates(draft, today)
    times = _times_beside(draft, dates)
    spoken = moments(draft, [time for time in times if not _is_aside(draft, time.begin)], dates)
    timed = {each.said_on.begin for each in spoken if each.said_on}
    return DraftTimes(
        text=draft,
        moments=tuple(spoken),
        dates=tuple(dates),
        meeting_dates=tuple(each for each in dates if each.begin in timed or _may_be_meeting(draft, each, today)),
    )


def known_times(inbound: str, sent_at: datetime, offered: tuple[datetime, ...], zone: tzinfo) -> KnownTimes:
    """What the normalised `inbound`, sent at `sent_at` (aware), and the offer allow."""
    today = sent_at.astimezone(zone).date()
    local = [slot.astimezone(zone) for slot in offered]
    weeks = LEAD_WEEKS if _LATER_WEEK.search(inbound) else 1
    dates = _meant(find_dates(inbound, today, weeks=weeks), today, frozenset(slot.date() for slot in local))
    times = _times_beside(inbound, dates)
    return KnownTimes(
        slots=frozenset((slot.date(), slot.hour * 60 + slot.minute) for slot in local),
        lead_moments=tuple(moments(inbound, times, dates)),
        lead_days=days_named(dates, inbound) | _any_day_of_week(inbound, today),
        lead_words=frozenset(each.words.lower() for each in dates),
        windows=tuple(find_windows(inbound, times, dates)),
        zone=zone,
        reference_at=min(offered, default=sent_at),
    )


def _meant(dates: list[DateMention], today: date, offered: frozenset[date]) -> list[DateMention]:
    """A lead's `Tuesday` is the Tuesday that was offered, if one was; today's name may mean in a week's time."""
    in_a_week = today + timedelta(days=7)
    return [
        replace(each, days=each.days & offered or (each.days | ({in_a_week} if each.days == {today} else frozenset())))
        if each.bare
        else each
        for each in dates
    ]


def _times_beside(text: str, dates: list[DateMention]) -> list[TimeMention]:
    """The times of `text` outside its dates (`Mar 3 - 10:00 AM`), in the zone that it states for all, if any."""
    zone, masked = zone_of_all_times(text), text
    for each in dates:
        masked = masked[: each.begin] + DATE_MARK * (each.end - each.begin) + masked[each.end :]
    return [time if time.zone or not zone else replace(time, zone=zone) for time in find_times(masked)]


def _is_aside(text: str, position: int) -> bool:
    """The clause speaks of office hours, or says what cannot be."""
    clause = piece_at(clauses(text), position).words
    return bool(_ASIDE_TIMES.search(clause)) or declines(clause)


def _may_be_meeting(text: str, mention: DateMention, today: date) -> bool:
    """Not refused, not history, and not merely the day on which something is sent: `the agenda follows tomorrow`."""
    clause = piece_at(clauses(text), mention.begin).words
    is_past = bool(mention.days) and max(mention.days) < today
    is_history = is_past and (is_administrative(clause) or not arranges(clause))
    another = _ANOTHER_MATTER.search(clause) and not _MEETING.search(clause)
    if declines(clause) or is_history or another:
        return False
    led_by_for = bool(re.search(r"\b(?:for|f\u00fcr|pour)(?: the)?\s$", text[: mention.begin]))
    led_by_for = led_by_for or mention.words.lower().startswith("for ")
    return led_by_for or settles_firmly(clause) or not is_administrative(clause)


def _any_day_of_week(inbound: str, today: date) -> frozenset[date]:
    """All days of a week that the lead leaves open: `any time next week`."""
    found = _ANY_DAY.search(inbound)
    if not found:
        return frozenset()
    ahead = 1 if (found["which"] or found["early"]).lower() == "next" else 0
    return frozenset(day for day in whole_week(today, ahead) if day >= today - timedelta(days=1))
