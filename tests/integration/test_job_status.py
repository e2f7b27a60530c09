"""The status documents in Redis: one a client and actor, the last writer wins, gone by itself."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any, cast

import redis

from models.job_status import JobStatus, write_statuses

NOON = datetime(2026, 2, 17, 12, tzinfo=timezone.utc)


def status(**changes: Any) -> JobStatus:
    """A running job of client c1."""
    values: dict[str, Any] = {
        "client_id": "c1",
        "actor": "draft",
        "status": "running",
        "run_id": "r1",
        "attempt": 1,
        "dispatch_key": "k",
        "correlation_id": "family",
        "source": "inbox",
        "requested_at": NOON,
    }
    return JobStatus(**{**values, **changes})


def written(client: redis.Redis, *statuses: JobStatus, ttl_s: int = 60) -> None:
    """These documents, in one round trip."""
    with client.pipeline(transaction=False) as pipeline:
        write_statuses(pipeline, list(statuses), ttl_s)
        pipeline.execute()


def read(client: redis.Redis, key: str) -> dict[str, Any]:
    """The document under `key`."""
    found = json.loads(cast(bytes, client.get(key)))
    assert isinstance(found, dict)
    return found


def test_document_has_the_contracts_fields(redis_client: redis.Redis) -> None:
    finished = status(
        status="failed",
        started_at=NOON + timedelta(seconds=1),
        finished_at=NOON + timedelta(seconds=3),
        duration_ms=2000.0,
        last_error="no",
    )

    written(redis_client, finished)

    document = read(redis_client, "job:v1:c1:draft")
    assert document.pop("updatedAt").endswith("Z")
    assert document == {
        "status": "failed",
        "startedAt": "2026-02-17T12:00:01.000Z",
        "finishedAt": "2026-02-17T12:00:03.000Z",
        "durationMs": 2000.0,
        "attempt": 1,
        "lastError": "no",
        "source": "inbox",
        "runId": "r1",
        "dispatchKey": "k",
        "correlationId": "family",
        "requestedAt": "2026-02-17T12:00:00.000Z",
    }


def test_job_of_no_client_is_global(redis_client: redis.Redis) -> None:
    written(redis_client, status(client_id=None))

    assert read(redis_client, "job:v1:global:draft")["status"] == "running"


def test_last_status_of_a_key_wins(redis_client: redis.Redis) -> None:
    written(redis_client, status(), status(status="succeeded"), status(actor="send"))

    assert read(redis_client, "job:v1:c1:draft")["status"] == "succeeded"
    assert read(redis_client, "job:v1:c1:send")["status"] == "running"


def test_document_goes_by_itself(redis_client: redis.Redis) -> None:
    written(redis_client, status(), ttl_s=60)

    assert 0 < redis_client.ttl("job:v1:c1:draft") <= 60


def test_long_or_unstorable_error_is_cut(redis_client: redis.Redis) -> None:
    written(redis_client, status(last_error="\ud800" + "é" * 10_000))

    assert len(read(redis_client, "job:v1:c1:draft")["lastError"].encode()) <= 500
