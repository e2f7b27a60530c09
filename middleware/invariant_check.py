"""`check`: every invariant of ledger and Redis together, cheap enough to run every minute.

It must not know who asks: the command, maintenance, a test after a crash.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import redis

from middleware.logs import event
from middleware.redis_broker import LedgerRedisBroker
from middleware.worker_process import WorkerProcess
from models.ledger.release import Unclaimed, unclaimed_releases
from models.readings import gauges
from models.readings.invariants import TOLD_MAX, Extent, breaches
from policy.invariants import Breach, Invariant
from policy.keys import redis_id
from policy.settings import Settings

#: A release without a copy is taken back after 15 s by a sweep every 5 s; past this, in s, nobody sweeps.
_SWEPT_WITHIN_S = 30.0
#: Releases asked about at most: a ready list holds fewer.
_RELEASES_MAX = 20_000


@dataclass(frozen=True, slots=True)
class Report:
    """What was found; `unchecked` names what could not be looked at, and why."""

    breaches: tuple[Breach, ...]
    unchecked: str | None = None


def check(broker: LedgerRedisBroker, settings: Settings, extent: Extent | None = None) -> Report:
    """Look for breaches of every invariant. Raises psycopg2.Error; Redis may be away, which is no breach."""
    extent = extent or Extent()
    copies, unchecked = _absent_copies(broker, settings)
    rows = breaches(extent, client_max=settings.client_running_max, redis_answers=unchecked is None)
    return Report((*rows, *copies), unchecked)


def looked_at(process: WorkerProcess) -> dict[str, object]:
    """The check as maintenance makes it: an error line for each breach, and the counts. Raises psycopg2.Error.

    On a broker that is not ours nobody can say which copies are there; what rows alone can tell is looked at.
    """
    if isinstance(process.broker, LedgerRedisBroker):
        report = check(process.broker, process.settings)
    else:
        found = breaches(Extent(), client_max=process.settings.client_running_max)
        report = Report(tuple(found), "copies of released jobs: the broker is not ours")
    for breach in report.breaches:
        event(
            "invariant_broken", "ERROR", invariant=str(breach.invariant), subject=breach.subject, detail=breach.detail
        )
    return {"breaches": len(report.breaches), "unchecked": report.unchecked}


def _absent_copies(broker: LedgerRedisBroker, settings: Settings) -> tuple[list[Breach], str | None]:
    """Releases whose copy Redis has lost and nobody swept. Without a living worker nobody is there to sweep."""
    try:
        broker.client.ping()
        if not gauges.workers_alive(settings.lease_s):
            return [], None
        old: list[Unclaimed] = []
        for page in unclaimed_releases(_SWEPT_WITHIN_S, _SWEPT_WITHIN_S):
            old += page
            if len(old) >= _RELEASES_MAX:
                break
        return _absent(broker, old), None
    except redis.RedisError as error:
        return [], f"copies of released jobs: Redis does not answer ({type(error).__name__})"


def _absent(broker: LedgerRedisBroker, releases: Sequence[Unclaimed]) -> list[Breach]:
    found: list[Breach] = []
    for queue in {one.queue for one in releases}:
        mine = [one for one in releases if one.queue == queue]
        present = broker.present(queue, [redis_id(one.job_id, one.release) for one in mine])
        found += [
            Breach(
                Invariant.QUEUED_HAS_COPY,
                str(one.job_id),
                f"released into {queue} at {one.released_at:%Y-%m-%d %H:%M:%S}Z, and Redis has no copy",
            )
            for one, there in zip(mine, present, strict=True)
            if not there
        ]
    return found[:TOLD_MAX]
