"""What a text is out to do: book, ask for information, sell, settle, propose, decline. Judges with the phrase lists."""

from __future__ import annotations

from messaging.guardrails.arranging_phrases import ADMINISTRATIVE, ASKS, DECLINES, FIRM, LOGISTICS, LOOSE
from messaging.guardrails.booking_phrases import ACCEPTS, BOOKING, INFORMATION_ASKED, REFUSES
from messaging.guardrails.plain_text import sentences
from messaging.guardrails.selling_phrases import LOUD, QUIET

#: Words from which on a draft that arranges nothing and praises once is a pitch.
PITCH_WORDS = 40


def wants_to_book(inbound: str, *, names_time: bool) -> bool:
    """The writer wants a meeting, or accepts a time (`names_time`: a day or time is named), and does not refuse."""
    wants = BOOKING.search(inbound) or (names_time and ACCEPTS.search(inbound))
    return bool(wants) and not REFUSES.search(inbound)


def asks_for_information(inbound: str) -> bool:
    """The writer asks what it costs, what it does or for something to read, rather than for a time alone."""
    return any(INFORMATION_ASKED.search(sentence.words) for sentence in sentences(inbound))


def speaks_logistics(draft: str) -> bool:
    """The draft asks for, proposes or confirms a time; a vague 'interested in a call?' does none of that."""
    return bool(LOGISTICS.search(draft))


def sells(draft: str) -> bool:
    """The draft praises: one loud phrase, two quiet ones, or one in a long text."""
    quiet = len(QUIET.findall(draft))
    return bool(LOUD.search(draft)) or quiet > 1 or (quiet == 1 and len(draft.split()) >= PITCH_WORDS)


def settles_firmly(draft: str) -> bool:
    """The draft says somewhere, not as a question, that the meeting is booked or confirmed."""
    return any(FIRM.search(each.words) and not is_question(each.words) for each in sentences(draft))


def settles_loosely(draft: str) -> bool:
    """The draft speaks of the meeting as taking place: 'see you then', 'looking forward'."""
    return any(LOOSE.search(each.words) and not is_question(each.words) for each in sentences(draft))


def arranges(clause: str) -> bool:
    """The clause settles a meeting, firmly or loosely."""
    return bool(FIRM.search(clause) or LOOSE.search(clause))


def declines(clause: str) -> bool:
    """The clause says what cannot be, so that a time in it is not on offer."""
    return bool(DECLINES.search(clause))


def is_question(sentence: str) -> bool:
    """The sentence ends with a question mark."""
    return sentence.rstrip(" \n\"')").endswith("?")


def asks(sentence: str) -> bool:
    """The sentence leaves the choice to its reader."""
    return is_question(sentence) or bool(ASKS.search(sentence))


def is_administrative(clause: str) -> bool:
    """The clause tells when something is sent or was written, which is no meeting's date."""
    return bool(ADMINISTRATIVE.search(clause))
