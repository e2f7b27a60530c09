"""Fills in a pattern's words: who writes to whom, and days as of the message that names them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

from messaging.sample_data.people import OURS, SIGNATURE, Person

_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip


def worded(text: str, person: Person, written_on: date, offered_on: date) -> str:
    """`text` as `person`'s thread has it; raises KeyError for a word that nobody defined.

    `{in_N_days}`, `{wrong_N_days}` and `{ago_N_days}` count from `written_on`, `{offered_N_days}` from the day of the
    message before.
    """
    return text.format_map(_Words(person, written_on, offered_on))


def working_day(start: date, count: int) -> date:
    """The `count`-th day from Monday to Friday after `start`."""
    day = start
    while count:
        day += timedelta(days=1)
        count -= day.weekday() < 5
    return day


class _Words(dict[str, str], Mapping[str, str]):
    """The words of one message; days are worked out as they are asked for."""

    def __init__(self, person: Person, written_on: date, offered_on: date) -> None:
        super().__init__(
            first=person.first,
            lead=f"{person.first} {person.last}",
            company=person.company,
            domain=person.domain,
            slug=person.slug,
            address=person.address,
            ours=OURS,
            signature=SIGNATURE,
        )
        self._written_on = written_on
        self._offered_on = offered_on

    def __missing__(self, word: str) -> str:
        kind, _, rest = word.partition("_")
        number, _, unit = rest.partition("_")
        if unit != "days" or not number.isdecimal():
            raise KeyError(word)
        match kind:
            case "in":
                return _day_words(working_day(self._written_on, int(number)))
            case "offered":
                return _day_words(working_day(self._offered_on, int(number)))
            case "ago":
                return _day_words(self._written_on - timedelta(days=int(number)))
            case "wrong":
                day = working_day(self._written_on, int(number))
                return _day_words(day, weekday=(day.weekday() + 1) % 5)
            case _:
                raise KeyError(word)


def _day_words(day: date, *, weekday: int | None = None) -> str:
    return f"{_WEEKDAYS[day.weekday() if weekday is None else weekday]}, {_MONTHS[day.month - 1]} {day.day}"
