"""How lists are read: newest first, by key, a page at a time. It must not know what the rows mean.

No OFFSET anywhere: a deep page costs what the first one does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timezone
from typing import Any, Generic, TypeAlias, TypeVar

from peewee import Model, ModelSelect, Tuple

from models.database import Row, query

RowT = TypeVar("RowT")

#: A peewee expression; peewee's operators are untyped.
Condition: TypeAlias = Any
Select: TypeAlias = "ModelSelect[Any]"


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page ended: moment and id of its last row. As text: `2026-02-17T21:52:00.123456Z/<id>`."""

    at: datetime
    id: str

    def __str__(self) -> str:
        moment = self.at.astimezone(timezone.utc).isoformat(timespec="microseconds").replace("+00:00", "Z")
        return f"{moment}/{self.id}"

    @classmethod
    def parse(cls, text: str) -> Cursor:
        """The cursor that `str` gave. Raises ValueError for any other text."""
        moment, slash, row_id = text.partition("/")
        at = datetime.fromisoformat(moment.replace("Z", "+00:00"))
        if not slash or not row_id or at.utcoffset() is None:
            raise ValueError(f"not a cursor: {text!r}")
        return cls(at, row_id)


@dataclass(frozen=True, slots=True)
class Span:
    """What of a list is wanted: from `since` on, before `until`, behind the cursor `after`, at most `limit` rows."""

    limit: int = 20
    since: datetime | None = None
    until: datetime | None = None
    after: Cursor | None = None


@dataclass(frozen=True, slots=True)
class Page(Generic[RowT]):
    """Some rows, and where the next page begins; None when these were the last."""

    rows: list[RowT]
    next: Cursor | None


def columns(model: type[Model], row_class: type[object]) -> list[Any]:
    """The model's fields that bear the names of a row dataclass, in its order."""
    return [getattr(model, field.name) for field in fields(row_class)]  # type: ignore[arg-type]  # any dataclass


def fetch(select: Select) -> list[Row]:
    """Run a peewee select on this thread's connection. Raises psycopg2.Error."""
    sql, params = select.sql()
    return query(sql, params)


def newest(select: Select, at: Condition, key: Condition, span: Span) -> list[Row]:
    """At most `span.limit` + 1 rows of `select`, newest first by (`at`, `key`): one more tells that there is more."""
    if span.since is not None:
        select = select.where(at >= span.since)
    if span.until is not None:
        select = select.where(at < span.until)
    if span.after is not None:
        # The first condition is implied; only it can use an index over times.
        select = select.where(at <= span.after.at, Tuple(at, key) < Tuple(span.after.at, span.after.id))
    return fetch(select.order_by(at.desc(), key.desc()).limit(span.limit + 1))


def page(rows: Sequence[RowT], span: Span, at: str, key: str) -> Page[RowT]:
    """The page of what `newest` found, with the cursor made of the attributes `at` and `key` of its last row."""
    kept = list(rows[: span.limit])
    if len(rows) <= span.limit or not kept:
        return Page(kept, None)
    return Page(kept, Cursor(getattr(kept[-1], at), str(getattr(kept[-1], key))))


def database_now() -> datetime:
    """The database's clock: ages and what is due are told by it."""
    now: datetime = query("SELECT clock_timestamp()")[0][0]
    return now
