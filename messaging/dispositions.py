"""What a lead's answer is at heart: a wish to meet or to know, a question, a no, an opt-out, a machine's note. Pure.

It reads words. Whether a mail is marked as automatic is `messaging.never_answer`'s business.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from enum import Enum
from typing import Final

from messaging.guardrails.booking_phrases import REFUSES
from messaging.guardrails.calendar_dates import find_dates
from messaging.guardrails.clock_times import find_times
from messaging.guardrails.phrases import any_of
from messaging.guardrails.plain_text import normalised, without_quotes
from messaging.guardrails.scheduling_links import scheduling_links
from messaging.guardrails.stances import asks_for_information, wants_to_book
from messaging.opt_out_words import asks_to_opt_out

#: Any day: only whether a day is named matters.
_SOME_DAY = date(2000, 1, 1)


class Disposition(str, Enum):
    """The first that fits, in this order."""

    OPTS_OUT = "opts_out"
    OUT_OF_OFFICE = "out_of_office"
    LATER = "later"
    DECLINES = "declines"
    WANTS_INFORMATION = "wants_information"
    WANTS_MEETING = "wants_meeting"
    QUESTION = "question"
    INTERESTED = "interested"
    UNCLEAR = "unclear"


_AWAY = any_of(
    r"(?:(?:auto(?:matic|mated)?|out[- ]of[- ]office|vacation)[- ]?(?:reply|response|answer|message"
    r"|notice)|abwesenheits\w+"
    r"|automatische antwort|réponse automatique|respuesta automática)\b",
    r"(?:I(?:'m| am)|I will be|I'll be|we(?:'re| are)) (?:\w+ )?(?:out of (?:the )?office|ooo"
    r"|on (?:\w+ )?(?:leave|vacation|holidays?)"
    r"|away (?:from|until|till|this|with|on)|off (?:work|until))\b",
    r"(?:out of (?:the )?office|away) (?:until|till|from|through|with (?:no|limited))\b"
    r"|(?:limited|no) access to (?:my )?e?-?mails?\b",
    r"(?:nicht (?:im|in) (?:büro|haus)|(?:im|in) urlaub|abwesend)\b",
    r"(?:absente? (?:du|jusqu|de)|en congés?|fuera de (?:la )?oficina|de vacaciones|ausente hasta)\b",
)
_LATER = any_of(
    r"(?:ping|try|contact|write|reach out|check|circle|come|get|follow|ask)(?: \w+){0,3} (?:again |back |in |up )*"
    r"(?:in|next|after|later|once|when|around|mid|early|towards)\b(?! (?:case|short|touch|general|fact|particular))",
    r"(?:maybe|perhaps|rather|possibly) (?:later|another time|next (?:month|quarter|year))\b",
    r"(?:frozen|on hold|parked|postponed) (?:until|till|for)\b|another time\b|next (?:quarter|year)\b",
    r"(?:melden sie sich|später|nächstes jahr|im (?:frühjahr|herbst|neuen jahr))\b",
    r"(?:plus tard|l'année prochaine|más adelante|el próximo año)\b",
)
_KEEN = any_of(
    r"(?:sounds?|looks?) (?:\w+ )?(?:good|great|interesting|promising|exciting|useful)\b",
    r"(?:I'm|I am|we're|we are|could be|might be|would be|definitely|very|quite) (?:\w+ )?"
    r"(?:interested|curious|keen)\b",
    r"(?:interessant|klingt gut|intéressant|intéressée?s?|interesante|me interesa)\b",
    r"(?:tell me more|love (?:it|to)|count me in|go ahead|let's do (?:it|this)|sign me up|yes,? please)\b",
    r"(?:yes|sure|ok(?:ay)?|great|perfect|gladly|gerne|oui|claro)(?=\s*(?:[.,!]|$))",
)
_REFUSES_FOR_GOOD = any_of(
    r"(?:not|never|no longer) (?:\w+ )?interested\b|no interest\b|don't (?:call|contact|write)\b"
)
#: `No` to one thing, and yes to another: `no rush`, `not yet sure whether`, `no problem`.
_NO_REFUSAL = any_of(r"no (?:problem|worries|rush|hurry|doubt)\b")


def disposition(text: str, subject: str = "") -> Disposition:
    """What this new text of a lead (quoted history stripped) is at heart."""
    words, about = normalised(without_quotes(text)), normalised(subject)
    return next((kind for kind, fits in _RULES if fits(words, about)), Disposition.UNCLEAR)


def _asks_for_later(words: str, _subject: str) -> bool:
    return bool(_LATER.search(words)) and "?" not in words and not _REFUSES_FOR_GOOD.search(words)


def _wants_meeting(words: str, _subject: str) -> bool:
    """Or hands over a page of its own on which to book one."""
    names_time = bool(find_dates(words, _SOME_DAY) or find_times(words))
    return bool(scheduling_links(words)) or wants_to_book(words, names_time=names_time)


#: In the order in which they are asked.
_RULES: Final[tuple[tuple[Disposition, Callable[[str, str], bool]], ...]] = (
    (Disposition.OPTS_OUT, asks_to_opt_out),
    (Disposition.OUT_OF_OFFICE, lambda words, subject: bool(_AWAY.search(words) or _AWAY.search(subject))),
    (Disposition.LATER, _asks_for_later),
    (Disposition.DECLINES, lambda words, _subject: bool(REFUSES.search(_NO_REFUSAL.sub("", words)))),
    (Disposition.WANTS_INFORMATION, lambda words, _subject: asks_for_information(words)),
    (Disposition.WANTS_MEETING, _wants_meeting),
    (Disposition.QUESTION, lambda words, _subject: "?" in words),
    (Disposition.INTERESTED, lambda words, _subject: bool(_KEEN.search(words))),
)
