"""Slots: how many jobs of a function may work at once. A slot is held while the job's claim lives, so none can leak.

It must not know what a function does. Unlike an advisory lock a slot survives a new connection, a pooler and a restart
of PostgreSQL, and a killed worker's slot is free as soon as its job is recovered.
"""

from __future__ import annotations

from uuid import UUID

from models.database import atomic, run


def take_slot(function: str, job_id: UUID, fence: int, *, slots: int) -> bool:
    """Take one of `slots` places for this claim; False when live claims hold them all, or this claim is over itself.

    A claim that has a place already is answered True. Raises psycopg2.Error.
    """
    with atomic():
        # The places are made in a statement of their own: one that makes a row cannot lock it.
        run("lock_slots", (function, slots))
        run("lock_slots", (function, slots))
        return bool(run("take_slot", (function, slots, job_id, fence)))
