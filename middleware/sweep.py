"""Finds releases whose copy Redis does not have and makes their jobs pending again; waiting copies are left alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

from middleware.logs import event
from middleware.redis_broker import LedgerRedisBroker
from models.crash_points import crash_point
from models.ledger.release import Unclaimed, take_back, unclaimed_releases
from policy.keys import redis_id

#: A release this old, in s, should have been claimed or stand in Redis; nothing is on its way any more.
_OLD_S = 15.0
#: A copy that is there but was not claimed for so long while its list is empty, in s, is stuck in somebody's hands.
_STUCK_S = 600.0


def sweep(broker: LedgerRedisBroker, *, at_once: bool = False) -> int:
    """Take back releases without a copy; `at_once` after Redis lost its memory. Gives how many were taken back."""
    count = 0
    for page in unclaimed_releases(0.0 if at_once else _OLD_S, _STUCK_S):
        count += len(take_back(_without_copy(broker, page)))
        crash_point("sweep.after_take_back")
    if count:
        event("releases_swept", "WARNING", jobs=count, at_once=at_once)
    return count


def _without_copy(broker: LedgerRedisBroker, page: Sequence[Unclaimed]) -> list[tuple[UUID, int]]:
    by_queue: dict[str, list[Unclaimed]] = defaultdict(list)
    for one in page:
        by_queue[one.queue].append(one)
    absent: list[tuple[UUID, int]] = []
    for queue, unclaimed in by_queue.items():
        present = broker.present(queue, [redis_id(one.job_id, one.release) for one in unclaimed])
        list_is_empty = broker.ready_count(queue) == 0
        absent += [
            (one.job_id, one.release)
            for one, there in zip(unclaimed, present, strict=True)
            if not there or (one.long and list_is_empty)
        ]
    return absent
