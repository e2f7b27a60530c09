"""Job status in Redis: one JSON document a client and actor, last writer wins. Best effort; Postgres has the truth."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from policy.texts import cap_text

if TYPE_CHECKING:
    from models.ledger.claim import Claimed
    from models.ledger.workers import RecoveredJob

#: Bytes of an error's first line that a status shows.
_ERROR_BYTES = 500


@dataclass(frozen=True, slots=True)
class JobStatus:
    """What the document says; names are camelCase there (CONTRACT) and only there. Durations in ms."""

    client_id: str | None
    actor: str
    status: str
    run_id: str
    attempt: int
    dispatch_key: str
    correlation_id: str
    source: str | None
    requested_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    duration_ms: float | None = None
    last_error: str | None = None

    @classmethod
    def of(cls, attempt: Claimed | RecoveredJob, actor: str, status: str) -> JobStatus:
        """The status (`running`, `succeeded`, `failed`) of that attempt's job, with nothing said of how it ran."""
        return cls(
            client_id=attempt.client_id,
            actor=actor,
            status=status,
            run_id=str(attempt.job_id),
            attempt=attempt.attempt,
            dispatch_key=attempt.dispatch_key,
            correlation_id=attempt.correlation_id,
            source=attempt.source,
            requested_at=attempt.requested_at,
        )

    @property
    def key(self) -> str:
        """`job:v1:<client or global>:<actor>`."""
        return f"job:v1:{self.client_id or 'global'}:{self.actor}"

    def document(self, now: datetime) -> str:
        """The JSON text; times in ISO 8601, UTC."""
        return json.dumps(
            {
                "status": self.status,
                "startedAt": _iso(self.started_at),
                "finishedAt": _iso(self.finished_at),
                "durationMs": self.duration_ms,
                "attempt": self.attempt,
                "lastError": cap_text(self.last_error, _ERROR_BYTES) if self.last_error else None,
                "source": self.source,
                "runId": self.run_id,
                "dispatchKey": self.dispatch_key,
                "correlationId": self.correlation_id,
                "requestedAt": _iso(self.requested_at),
                "updatedAt": _iso(now),
            }
        )


def write_statuses(pipeline: Any, statuses: list[JobStatus], ttl_s: int) -> None:
    """Put SETs on a Redis pipeline, only the last status of each key."""
    now = datetime.now(timezone.utc)
    for key, status in {status.key: status for status in statuses}.items():
        pipeline.set(key, status.document(now), ex=ttl_s)


def _iso(moment: datetime | None) -> str | None:
    return moment.astimezone(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z") if moment else None
