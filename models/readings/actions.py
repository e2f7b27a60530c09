"""Reads the operators' log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from models.readings.paging import Condition, Cursor, Page, Select, Span, columns, fetch
from models.tables import OperatorAction as Action
from policy.states import Word


@dataclass(frozen=True, slots=True)
class ActionRow:
    """What an operator did, or was refused."""

    id: int
    operator: str
    verb: str
    target: str
    reason: str | None
    plan_hash: str | None
    before: Any
    after: Any
    result: str
    at: datetime


@dataclass(frozen=True, slots=True)
class ActionFilter:
    """Which actions; what is None is not asked."""

    operator: str | None = None
    verbs: Sequence[Word] = ()
    target: str | None = None
    plan_hash: str | None = None


def list_actions(wanted: ActionFilter, span: Span) -> Page[ActionRow]:
    """A page of the log, the last entry first: by its number, which is the order of writing."""
    asked = [
        (Action.operator, wanted.operator),
        (Action.target, wanted.target),
        (Action.plan_hash, wanted.plan_hash),
    ]
    conditions: list[Condition] = [column == value for column, value in asked if value is not None]
    if wanted.verbs:
        conditions.append(Action.verb.in_([verb.value for verb in wanted.verbs]))
    if span.since is not None:
        conditions.append(Action.at >= span.since)
    if span.until is not None:
        conditions.append(Action.at < span.until)
    if span.after is not None:
        conditions.append(Action.id < int(span.after.id))
    rows = [ActionRow(*row) for row in fetch(_actions(*conditions).order_by(Action.id.desc()).limit(span.limit + 1))]
    last = rows[span.limit - 1] if len(rows) > span.limit else None
    return Page(rows[: span.limit], Cursor(last.at, str(last.id)) if last else None)


def actions_on(targets: Sequence[str]) -> list[ActionRow]:
    """What was done to these targets (ids as text), the first first."""
    if not targets:
        return []
    select = _actions(Action.target.in_(list(targets)))
    return [ActionRow(*row) for row in fetch(select.order_by(Action.id))]


def _actions(*conditions: Condition) -> Select:
    select: Select = Action.select(*columns(Action, ActionRow))
    return select.where(*conditions) if conditions else select
