"""Reads effects: those of jobs, or one by its key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from models.readings.paging import Condition, columns, fetch
from models.tables import SideEffect


@dataclass(frozen=True, slots=True)
class EffectRow:
    """An effect as it stands. `intents` counts how often it was begun; the result stays where it is."""

    effect_key: str
    kind: str
    job_id: UUID
    run_key: str
    state: str
    provider: str | None
    provider_reference: str | None
    refusal: str | None
    intents: int
    idempotent_until: datetime | None
    created_at: datetime
    intended_at: datetime
    settled_at: datetime | None


def effects_of(job_ids: Sequence[UUID]) -> list[EffectRow]:
    """The effects that these jobs began last, the first begun first."""
    return _effects(SideEffect.job_id.in_(list(job_ids))) if job_ids else []


def effect_by_key(key: str) -> EffectRow | None:
    """The effect of this key."""
    return next(iter(_effects(SideEffect.effect_key == key)), None)


def _effects(condition: Condition) -> list[EffectRow]:
    select = SideEffect.select(*columns(SideEffect, EffectRow)).where(condition)
    return [EffectRow(*row) for row in fetch(select.order_by(SideEffect.created_at, SideEffect.effect_key))]
