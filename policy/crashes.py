"""Who is to blame when a worker is lost: only what had started can be, and only what ran alone is.

And how long others wait for one that is to run alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

#: A suspect keeps a process from other work for so many s, which nobody misses, or for this share of its own waiting,
#: so that jobs of any length are waited out in the end.
_HOLD_UP_S, _HOLD_UP_SHARE = 3.0, 0.1
#: A suspect that gave way is due again after so many s at most: until then no process may have it, not even one that
#: has nothing to do, and a process that ends what it runs meanwhile stands ready for it.
_GIVEN_BACK_S = 30.0


@dataclass(frozen=True, slots=True)
class HeldJob:
    """A job that the lost worker held; `start_committed`: the ledger was told of its start before it ran."""

    id: UUID
    fence: int
    suspect: bool
    start_committed: bool


@dataclass(frozen=True, slots=True)
class Blame:
    """`crashed` counts against the job's crash budget; `suspects` run alone next time."""

    crashed: tuple[UUID, ...]
    suspects: tuple[UUID, ...]


def hold_up_s(waited_s: float) -> float:
    """For how long, in s, a suspect may hold a process up in order to run alone in it. `waited_s`: since it was
    first in hand after its loss.

    What has been running for longer than that is taken to go on: the suspect gives way. It grows with the waiting, so
    that a suspect gets its turn even where no process ever has nothing in hand.
    """
    return max(_HOLD_UP_S, _HOLD_UP_SHARE * waited_s)


def given_back_s(waited_s: float) -> float:
    """After how long, in s, a suspect that gives way is due again; `waited_s` as above."""
    return min(hold_up_s(waited_s), _GIVEN_BACK_S)


def blame(held: Iterable[HeldJob], started: Mapping[UUID, int] | None) -> Blame:
    """Sort a lost worker's jobs. `started` maps jobs to fences from its mapped file; None where there is no file.

    One job that ran alone crashed its worker; several that ran together are suspects; without a file all are, unless
    a suspect had committed its start, which it does only when it runs alone.
    """
    jobs = list(held)
    if started is None:
        crashed = [job.id for job in jobs if job.suspect and job.start_committed]
        return Blame(tuple(crashed), () if crashed else tuple(job.id for job in jobs))
    ran = [job.id for job in jobs if started.get(job.id) == job.fence]
    return Blame(tuple(ran), ()) if len(ran) == 1 else Blame((), tuple(ran))
