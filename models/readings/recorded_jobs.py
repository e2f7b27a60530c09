"""Reads jobs as they were recorded, with what running them again takes: envelope, last attempt, effects.

The one reading of envelopes beside the claim's. What it reads is run or compared, never shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from models.database import query
from models.readings.attempts import AttemptRow, attempts_of
from models.readings.jobs import JobRow
from policy.states import EffectState


@dataclass(frozen=True, slots=True)
class RecordedEffect:
    """An effect's row, its result included."""

    key: str
    kind: str
    job_id: UUID
    state: EffectState
    refusal: str | None
    result: Any


@dataclass(frozen=True, slots=True)
class RecordedJob:
    """A job with its envelope's bytes, its last attempt (None where it never ran) and the effects it began last."""

    job: JobRow
    payload: bytes
    attempt: AttemptRow | None
    effects: tuple[RecordedEffect, ...]


def recorded_jobs(jobs: Sequence[JobRow]) -> list[RecordedJob]:
    """These jobs, in order; those that were pruned meanwhile are left out."""
    ids = [job.id for job in jobs]
    payloads = {
        row[0]: bytes(row[1]) for row in query("SELECT id, payload FROM background_job WHERE id = ANY (%s)", (ids,))
    }
    last: dict[UUID, AttemptRow] = {}
    for attempt in attempts_of(jobs):  # the first claimed first
        last[attempt.job_id] = attempt
    effects = _effects("job_id = ANY (%s)", ids)
    return [
        RecordedJob(
            job, payloads[job.id], last.get(job.id), tuple(effect for effect in effects if effect.job_id == job.id)
        )
        for job in jobs
        if job.id in payloads
    ]


def recorded_effect(key: str) -> RecordedEffect | None:
    """The effect of this key, whichever job began it."""
    return next(iter(_effects("effect_key = %s", key)), None)


def _effects(condition: str, value: object) -> list[RecordedEffect]:
    rows = query(
        "SELECT effect_key, kind, job_id, state, refusal, result FROM side_effect"
        f" WHERE {condition} ORDER BY created_at, effect_key",
        (value,),
    )
    return [RecordedEffect(row[0], row[1], row[2], EffectState(row[3]), row[4], row[5]) for row in rows]
