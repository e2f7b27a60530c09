"""Finds scheduling links in a text, and hints at such links where none is shown. Other links are no concern.

A scheduling link is one at which the reader picks a time: a known product's, or a page of that name
(`example.com/book-a-call`). Links to join a meeting, or to read about one, are not.
"""

from __future__ import annotations

import re

from messaging.guardrails.plain_text import sentences
from messaging.patterns import regex

#: Hosts of scheduling products; a host or any of its subdomains. From the products' own pages.
_PRODUCT_HOSTS = (
    "calendly.com cal.com savvycal.com chilipiper.com youcanbook.me youcanbookme.com acuityscheduling.com "
    "doodle.com zcal.co tidycal.com oncehub.com scheduleonce.com calendar.app.google koalendar.com "
    "appointlet.com setmore.com simplybook.me simplybook.it vyte.in reclaim.ai usemotion.com meetfox.com "
    "sprintful.com lemcal.com neetocal.com zeeg.me meetergo.com picktime.com timetrade.com freebusy.io "
    "calendarhero.com zohobookings.com bookafy.com harmonizely.com trafft.com vcita.com drift.me "
    "meetings.hubspot.com meetings-eu1.hubspot.com book.ms calendar.notion.so cal.notion.so fantastical.app "
    "rdv360.com terminland.de cronofy.com supersaas.com scheduler.zoom.us as.me appt.link cal.mixmax.com 10to8.com "
    "bookedin.com schedule.nylas.com bookwhen.com calendly.link resurva.com gigabook.com"
)
_PRODUCTS = _PRODUCT_HOSTS.split()
#: These serve other things too: only such paths of theirs are scheduling pages.
_PRODUCT_PATHS = regex(
    r"^(?:calendar\.google\.com/calendar/(?:u/\d/)?(?:appointments|selfsched)"
    r"|outlook\.office(?:365)?\.com/(?:owa/calendar|book|bookwithme)"
    r"|bookings\.cloud\.microsoft|[\w-]+\.hubspot\.com/meetings|hubspot\.com/meetings|app\.hubspot\.com/meetings"
    r"|getclockwise\.com/c/)"
)
#: Where meetings are held, not made.
_CONFERENCES = regex(
    r"^(?:[\w-]+\.)?(?:zoom\.us|meet\.google\.com|teams\.microsoft\.com|teams\.live\.com|webex\.com|whereby\.com"
    r"|gotomeeting\.com|meet\.jit\.si|calendar\.google\.com)\b"
)
_READING = regex(r"/(?:blog|article|articles|docs|help|support|news|guides?|kb|learn|press|resources)(?:/|$)")
_PAGE = regex(
    r"(?:^|/)(?:bookings?|appointments?|scheduling|meetings?|meet|rdv|termin(?:e|buchung)?|book|schedule"
    r"|(?:book|schedule|reserve|pick)(?:[-_](?:a|an|your|my|me|us|now|time|call|demo|meeting|slot|appointment"
    r"|online|with)\w*)+|request[-_]a?[-_]?(?:demo|call|meeting))(?:[-_](?:link|page|call|demo|with)\w*)*(?:/|$|\?)"
)
_HOST_NAME = regex(r"^(?:book|booking|bookings|schedule|scheduling|meet|meetings|calendar|appointments|cal|termine)\.")

_LINK = regex(
    r"(?:https?://|www\.)[^\s<>\"')\]]+"
    r"|(?<![@\w.-])(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}(?:/[^\s<>\"')\]]*)?(?![@\w])",
    re.IGNORECASE,
)
_SPELLED_OUT = regex(
    r"\b([a-z0-9-]+) (?:dot|\(dot\)|\[dot\]) (com|me|co|ai|app)(?: (?:slash|/) ?(\S+))?", re.IGNORECASE
)

_NAMED_PRODUCT = regex(
    r"\b(?:calendly|savvycal|chili ?piper|youcanbook\.?me|acuity scheduling|tidycal|hubspot meetings|doodle(?: poll"
    r"| link)?|zcal|cal\.com)\b",
    re.IGNORECASE,
)
_LINK_NOUN = regex(
    r"\b(?P<whose>your |the lead's )?(?:(?:online |personal |own )?(?:calendar|scheduling|scheduler|booking"
    r"|appointment|self-scheduling|availability)"
    r"(?: booking| scheduling)?|booking calendar)[ -]?(?:link|page|url|portal|tool|site|widget|form)s?\b",
    re.IGNORECASE,
)
_PLACEHOLDER = regex(
    r"[\[{<(]{1,2}\s?(?:insert |your |my |the |add )*(?:calendar|scheduling|booking|meeting|calendly|schedule"
    r"|book)?[ _-]?(?:link|url)(?: here)?\s?[\]}>)]{1,2}",
    re.IGNORECASE,
)
_PICK = (
    r"(?:book|schedule|pick|choose|grab|select|find|reserve|claim|snag|secure|get|lock in|set up)\b[^.!?\n]{0,50}?"
    r"\b(?:time|times|slot|slots|spot|meeting|call|chat|demo|appointment|session|minutes|something|whatever|whichever)"
)
_NO_CONFERENCE = "".join(
    f"(?<!{each} )" for each in ("zoom", "teams", "meet", "video", "join", "meeting", "conference")
)
_PICK_BY_LINK = regex(
    rf"\b{_PICK}\b[^.!?\n]{{0,60}}?\b(?:{_NO_CONFERENCE}links?\b|click|tap\b"
    r"|(?:on|in|from|via|through|using|off) (?:my|our|the|this)(?: \w+)? calendar\b"
    r"|(?:on|via|through|at) (?:my|our) (?:page|site|website|portal)\b|right here\b|here: ?$|here$)"
    rf"|\b(?:links?|buttons?|click here|use this|calendar)\b[^.!?\n]{{0,40}}?\b"
    rf"(?:to|and|where you can|for you to) {_PICK}\b"
    r"|\b(?:book|schedule|self-book)\w*(?: \w+){0,3} (?:via|through|using|on|in|from) (?:my|our|the|this)(?: \w+)?"
    r" (?:calendar|link|page|scheduler)\b"
    rf"|\bbook (?:me|us|it|directly|online|yourself|straight)\b[^.!?\n]{{0,30}}\b(?:here|link|calendar|online)\b",
    re.IGNORECASE,
)
_MY_CALENDAR = regex(
    r"\bhere(?:'s| is| are) (?:a link to )?(?:my|our) (?:calendar|calendly|schedule|availability|diary"
    r"|agenda)\b(?! (?:for|on|next|this|invite))"
    r"|\b(?:access|open|see|view|use|visit|browse|check out|look at|take a look at|go to|jump on|hop on) (?:my"
    r"|our)(?: \w+)? calendar\b(?! invite)"
    r"|\b(?:my|our) (?:online |shared |public |digital )?(?:calendar|diary|agenda|schedule) is (?:always |now |also )?"
    r"(?:up to date|online|public|live|shared|linked|attached|below|at your disposal)\b"
    r"|\bbook(?:ing)? (?:yourself |straight |directly |right )+in(?:to)?\b"
    r"|\b(?:Buchungs|Kalender|Termin)-?link\b|\b(?:Buchungsseite|Online-?Kalender|Terminbuchung)\b"
    r"|\b(?:hier|direkt|online|selbst)\b[^.!?\n]{0,30}\bTermin\b[^.!?\n]{0,20}\b(?:buchen|aussuchen|auswählen)\b"
    r"|\bTermin\b[^.!?\n]{0,30}\b(?:hier|direkt|online|selbst)\b[^.!?\n]{0,20}\b(?:buchen|aussuchen|auswählen)\b"
    r"|\blien (?:de (?:réservation|rendez-vous)|vers (?:mon|notre) (?:agenda|calendrier))\b"
    r"|\bréserve[rz]\b[^.!?\n]{0,30}"
    r"\b(?:ici|en ligne|sur (?:mon|notre) (?:agenda|calendrier))\b"
    r"|\benlace (?:de (?:reserva|mi calendario)|para (?:reservar|agendar))\b"
    r"|\b(?:reserv|agend)\w+\b[^.!?\n]{0,30}\baquí\b"
    r"|\b(?:link|url) (?:to|for) (?:my|our|the) (?:calendar|schedule|scheduler|availability|diary|booking)\b",
    re.IGNORECASE,
)
_BY_US = regex(
    r"\b(?:I|we)(?:'ll|'ve| will| have| can| could| would|'d|'m going to)?"
    r"(?: (?:then|gladly|happily|also|just|go ahead and))*"
    r" (?:book|schedule|pick|use|check|find|grab|look|see|choose|get|set|open|select)\b",
    re.IGNORECASE,
)
_WE_SEND = regex(r"\b(?:I|we)(?:'ll| will| can)? (?:\w+ )?(?:send|share|e-?mail|forward|follow)\b", re.IGNORECASE)
_SCHEDULING_WORD = regex(
    r"\b(?:book|schedul|calendar|calendly|time|slot|meeting|call|demo|appointment|availab)\w*", re.IGNORECASE
)
_DENIED = regex(
    r"\b(?:no|not|don't|doesn't|do not|without|instead of|rather than|never|can't|cannot|isn't|won't)\b[^.!?\n]{0,40}$",
    re.IGNORECASE,
)
_LEADS_OWN = regex(
    r"\b(?:your (?:\w+ ){0,2}(?:calendar|calendly|link|booking|scheduler|page|site|availability|schedule)"
    r"|you (?:sent|shared|gave|provided|included|attached|mentioned))\b",
    re.IGNORECASE,
)


def scheduling_links(text: str) -> list[str]:
    """Each scheduling link that `text` shows, as `host/path` in lower case, in order, each once."""
    shown = [found[0] for found in _LINK.finditer(text)]
    shown += [f"{name}.{ending}/{path or ''}" for name, ending, path in _SPELLED_OUT.findall(text)]
    return list(dict.fromkeys(link for link in map(canonical, shown) if _is_scheduling(link)))


def canonical(link: str) -> str:
    """`host/path` of a link in lower case: no scheme, no `www.`, no query, no fragment, no closing punctuation."""
    bare = re.sub(r"^(?:https?://)?(?:www\.)?", "", link.strip(" <>()[]\"'.,;:!*_").lower())
    return re.split(r"[?#]", bare, maxsplit=1)[0].rstrip("/.,;:!*_")


def link_hints(text: str) -> list[str]:
    """Words of `text` that promise a scheduling link of the writer's; links of the reader's own are left out."""
    return [words for sentence in sentences(text) if (words := _hint(sentence.words)) is not None]


def _hint(sentence: str) -> str | None:
    found = _PLACEHOLDER.search(sentence)
    if found and _SCHEDULING_WORD.search(sentence):
        return found[0]
    for pattern in (_NAMED_PRODUCT, _LINK_NOUN, _MY_CALENDAR, _PICK_BY_LINK):
        found = pattern.search(sentence)
        if found and not _is_harmless(sentence, found, pattern):
            return found[0]
    return None


def _is_harmless(sentence: str, found: re.Match[str], pattern: re.Pattern[str]) -> bool:
    """Denied, the reader's own link, or what we ourselves do: `pick a time and I'll send the link to join`."""
    around = sentence[max(0, found.start() - 12) : found.end() + 24]
    if _DENIED.search(sentence[: found.start()]) or _LEADS_OWN.search(around):
        return True
    by_us = _BY_US.search(sentence[: found.start() + 8]) or _WE_SEND.search(found[0])
    return pattern is _PICK_BY_LINK and bool(by_us)


def _is_scheduling(link: str) -> bool:
    host, _, path = link.partition("/")
    if _PRODUCT_PATHS.match(link) or any(host == each or host.endswith("." + each) for each in _PRODUCTS):
        return True
    if _CONFERENCES.match(link) or _READING.search("/" + path):
        return False
    return bool(_HOST_NAME.match(host) and host.count(".") > 1) or bool(path and _PAGE.search("/" + path))
