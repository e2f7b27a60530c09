"""The two functions that every dispatch window runs: `process_background_jobs` and `background_maintenance`.

They hold no state between windows and lead nobody: what they do, a relay may be doing at the same time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import dramatiq
import redis

from actors.conversations import dispatch_syncs
from messaging.stuck_drafts import settle_stuck_drafts
from middleware import dead_queue_sync, invariant_check, metrics, recovery
from middleware.in_hand import Held, current_held
from middleware.logs import event
from middleware.redis_broker import LedgerRedisBroker
from middleware.releases import release_waiting
from middleware.worker_process import WorkerProcess, current_process
from models.ledger import retention
from models.ledger.maintenance import let_go_expired_keys, make_partitions_ahead
from models.ledger.slots import take_slot
from models.ledger.windows import settle_windows
from models.readings import health
from policy.dead_entries import Standing
from policy.dispatch_metadata import DispatchMetadata, by_hand, parse
from policy.errors import StaleClaim, Terminal
from policy.states import WindowStatus
from policy.ticks import MAINTENANCE_FUNCTION, PROCESS_FUNCTION

#: Seconds that one maintenance spends on retention; the next window goes on where it stopped.
_RETENTION_S = 20.0
#: Seconds that one maintenance spends on the dead queues in Redis: about a million entries.
_SYNC_S = 10.0


@dataclass(frozen=True, slots=True)
class _Release:
    """One round: how many were released, and why what is left over was not."""

    released: int
    reason: str | None = None


def process_jobs(metadata: Mapping[str, Any] | None) -> dict[str, Any]:
    """Recover what lost workers held and release what is due, in turn between clients and under their caps.

    Its counts of attempts are those begun in the period before its window. Raises Terminal for metadata that is no
    tick's.
    """
    held, process = _at_work()
    dispatched = _read(metadata, held)
    _settle_windows()
    if not take_slot(PROCESS_FUNCTION, held.claim.job_id, held.claim.fence, slots=process.settings.process_running_max):
        return _process_result(dispatched, 0, _Release(0, "enough_at_work"))
    recovered = recovery.recover(process)
    return _process_result(dispatched, recovered, _release(process))


def maintain(metadata: Mapping[str, Any] | None) -> dict[str, Any]:
    """Look after queues, runs, drafts, keys, partitions and retention; a part that fails does not stop the others.

    Never twice at once: one that finds another at work does nothing. Raises Terminal for metadata that no tick made.
    """
    held, process = _at_work()
    dispatched = _read(metadata, held)
    if not take_slot(MAINTENANCE_FUNCTION, held.claim.job_id, held.claim.fence, slots=1):
        return {**dispatched.on_the_wire(), "deferred": True, "reason": "already_running", "parts": {}, "failed": []}
    parts, failed = _run_parts(_parts(process))
    result = {**dispatched.on_the_wire(), "deferred": False, "reason": None, "parts": parts, "failed": failed}
    event("maintenance_done", "WARNING" if failed else "INFO", parts=parts, failed=failed)
    return result


def _at_work() -> tuple[Held, WorkerProcess]:
    held, process = current_held.get(), current_process.get()
    if held is None or process is None:
        raise StaleClaim("the background functions need a claimed job: dispatch them, or tick")
    return held, process


def _read(metadata: Mapping[str, Any] | None, held: Held) -> DispatchMetadata:
    claim = held.claim
    if metadata is None:
        return by_hand(held.database_now(), claim.dispatch_key, claim.correlation_id, claim.source)
    try:
        return parse(metadata)
    except (ValueError, TypeError, AttributeError) as error:
        raise Terminal(f"not a tick's metadata: {error}") from error


def _release(process: WorkerProcess) -> _Release:
    """A round of releases. What cannot be released for want of Redis is a relay's, as soon as there is one again.

    A tick that runs jobs itself has no relay: it takes what is due from the ledger, and Redis would only hide it.
    """
    if process.relay is None:
        return _Release(0, "run_by_the_tick")
    try:
        return _Release(release_waiting(process).released)
    except (redis.RedisError, OSError) as error:
        event("release_deferred", "WARNING", error=error)
        return _Release(0, "redis_away")


def _process_result(dispatched: DispatchMetadata, recovered: int, release: _Release) -> dict[str, Any]:
    remaining = health.due_jobs()
    reason = release.reason or ("no_room_or_client_at_cap" if remaining else None)
    return {
        **dispatched.on_the_wire(),
        "released": release.released,
        "recovered": recovered,
        **asdict(health.attempts_between(*dispatched.before)),
        "remaining": remaining,
        "deferred": remaining if reason else 0,
        "reason": reason,
    }


def _settle_windows() -> list[str]:
    """That this runs means that its window got through: those that failed at first are enqueued by now."""
    settled = settle_windows()
    for key in settled:
        metrics.window_closed(WindowStatus.ENQUEUED.value)
        event("window_enqueued_late", dispatch_key=key)
    return settled


def _run_parts(parts: Mapping[str, Callable[[], Any]]) -> tuple[dict[str, Any], list[str]]:
    """Every part's answer by name, and the names of those that failed; each stands on its own."""
    answers: dict[str, Any] = {}
    failed = []
    for name, part in parts.items():
        try:
            answers[name] = part()
        except (
            Exception
        ) as error:  # the edge between parts: one that is broken must not keep the others from their work
            failed.append(name)
            answers[name] = {"error": f"{type(error).__name__}: {error}"[:500]}
            event("maintenance_part_failed", "ERROR", part=name, error=error)
    return answers, failed


def _parts(process: WorkerProcess) -> dict[str, Callable[[], Any]]:
    """What maintenance does, in order: what people want to know first, what takes long last."""
    return {
        "windows_settled": lambda: len(_settle_windows()),
        "invariants": lambda: invariant_check.looked_at(process),
        "queues": _queue_health,
        "runs": _run_health,
        "drafts": settle_stuck_drafts,
        "keys_let_go": let_go_expired_keys,
        "partitions": _partitions,
        "dead_queues": lambda: _dead_queues(process.broker),
        "conversations": dispatch_syncs,
        "retention": lambda: retention.prune(process.settings.retention_days, seconds_max=_RETENTION_S),
    }


def _queue_health() -> dict[str, Any]:
    found = health.queue_health()
    if found.stale:
        event("queue_stale", "WARNING", oldest_actor=found.oldest_actor, oldest_age_s=found.oldest_age_s)
    return {
        "due_now": found.due_now,
        "oldest_due": _oldest(found.oldest_job_id, found.oldest_actor, found.oldest_age_s),
        "stale": found.stale,
    }


def _run_health() -> dict[str, Any]:
    found = health.run_health()
    if found.stale:
        event(
            "runs_stale", "WARNING", runs=found.stale, oldest_actor=found.oldest_actor, oldest_age_s=found.oldest_age_s
        )
    return {
        "running": found.running,
        "oldest": _oldest(found.oldest_job_id, found.oldest_actor, found.oldest_age_s),
        "stale": found.stale,
    }


def _oldest(job_id: object, actor: str | None, age_s: float | None) -> dict[str, Any] | None:
    return None if job_id is None or age_s is None else {"id": str(job_id), "actor": actor, "age_s": round(age_s, 3)}


def _dead_queues(broker: dramatiq.Broker) -> dict[str, Any]:
    """Redis's dead entries in step with the ledger's letters; on another broker, or while Redis is away, left as is."""
    if not isinstance(broker, LedgerRedisBroker):
        return {"looked_at": False}
    try:
        drift = dead_queue_sync.sync(broker.client, seconds_max=_SYNC_S)
    except (redis.RedisError, OSError) as error:
        event("dead_queues_deferred", "WARNING", error=error)
        return {"looked_at": False}
    if drift.repaired:
        event("dead_queues_synced", entries=drift.repaired)
    return {"looked_at": drift.complete, "strays": drift.found[Standing.STRAY.value], "repaired": drift.repaired}


def _partitions() -> dict[str, Any]:
    made, late = make_partitions_ahead()
    if late:
        event("partitions_late", "WARNING", months=late)
    return {"made": made, "late": late}
