"""Finds what an id names: any id that a person may have in hand, whole, or the beginning of a UUID.

It must not know what is told about what it finds.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from peewee import Model

from models.readings import attempts, effects, jobs, windows
from models.readings.paging import fetch
from models.reply_tables import Draft, LeadMessage
from models.tables import BackgroundJob, DeadLetter, Table
from policy.errors import Ambiguous, NotFound
from policy.states import Word

#: Shortest beginning of a UUID that is looked up: ids of jobs begin with the time, so shorter ones name hours of them.
SHORTEST_PREFIX = 4
_UUID_DIGITS = 32
_RUN_KEY = re.compile(r".+:(?P<job>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}):[1-9][0-9]*")


class Kind(Word):
    """What an id can name."""

    JOB = "job"
    DEAD_LETTER = "dead letter"
    LEAD_MESSAGE = "lead message"
    DRAFT = "draft"
    ATTEMPT = "attempt"
    WINDOW = "dispatch window"
    DISPATCH_KEY = "dispatch key"
    EFFECT = "effect"
    CORRELATION = "correlation id"


@dataclass(frozen=True, slots=True)
class Named:
    """What an id names: its kind, and its whole id or key."""

    kind: Kind
    id: str

    @property
    def uuid(self) -> UUID:
        """The id of a job, letter, lead message or draft. Raises ValueError for the other kinds."""
        return UUID(self.id)


_TABLES: dict[Kind, type[Table]] = {
    Kind.JOB: BackgroundJob,
    Kind.DEAD_LETTER: DeadLetter,
    Kind.LEAD_MESSAGE: LeadMessage,
    Kind.DRAFT: Draft,
}


def identify(text: str, among: frozenset[Kind] = frozenset(Kind)) -> Named:
    """What `text` names among these kinds: a UUID or its beginning first, then a key, a correlation id last.

    Raises NotFound, and Ambiguous for a beginning that several ids share.
    """
    by_id = _by_uuid(text, among)
    if len(by_id) > 1:
        raise Ambiguous(f"{text} is the beginning of several ids: {_shown(by_id)}; give more of it")
    if by_id:
        return by_id[0]
    for kind, is_there in _KEYED:
        if kind in among and is_there(text):
            return Named(kind, text)
    nothing = "nothing" if len(among) == len(Kind) else f"no {' or '.join(kind for kind in Kind if kind in among)}"
    raise NotFound(f"{nothing} goes by {text!r}")


def uuid_range(text: str) -> tuple[UUID, UUID] | None:
    """The first and the last UUID that begin with `text`, dashes or not; None when no UUID can."""
    digits = text.replace("-", "").lower()
    if not SHORTEST_PREFIX <= len(digits) <= _UUID_DIGITS or not re.fullmatch("[0-9a-f]+", digits):
        return None
    return UUID(digits.ljust(_UUID_DIGITS, "0")), UUID(digits.ljust(_UUID_DIGITS, "f"))


def _by_uuid(text: str, among: frozenset[Kind]) -> list[Named]:
    bounds = uuid_range(text)
    if bounds is None:
        return []
    return [
        Named(kind, str(row_id)) for kind, table in _TABLES.items() if kind in among for row_id in _ids(table, *bounds)
    ]


def _ids(table: type[Model], first: UUID, last: UUID) -> list[UUID]:
    """At most two: one is an answer, two are too many."""
    key = getattr(table, "id")  # noqa: B009  # each of the tables has one, which `Model` does not say
    rows = fetch(table.select(key).where(key >= first, key <= last).order_by(key).limit(2))
    return [row[0] for row in rows]


def _shown(found: list[Named]) -> str:
    return ", ".join(f"{named.kind} {named.id}" for named in found[:4])


def _is_attempt(text: str) -> bool:
    return _RUN_KEY.fullmatch(text) is not None and attempts.attempt_by_key(text) is not None


#: Kinds that have a key for a name, in the order in which they are tried.
_KEYED: tuple[tuple[Kind, Callable[[str], bool]], ...] = (
    (Kind.ATTEMPT, _is_attempt),
    (Kind.WINDOW, lambda text: windows.window_of_key(text) is not None),
    (Kind.DISPATCH_KEY, lambda text: bool(jobs.jobs_of_key(text))),
    (Kind.EFFECT, lambda text: effects.effect_by_key(text) is not None),
    (Kind.CORRELATION, lambda text: bool(jobs.family(text))),
)
