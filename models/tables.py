"""The tables as peewee models: what columns there are, of which type, and which may be null.

It must not know constraints, indexes or what moves a row: the migrations hold the promise, the ledger moves it.
tests/integration/test_tables.py compares every model with the migrated database.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeAlias

from peewee import (
    BigIntegerField,
    BlobField,
    BooleanField,
    CompositeKey,
    DoubleField,
    Field,
    IntegerField,
    Model,
    TextField,
    UUIDField,
)

from models.database import database

if TYPE_CHECKING:  # generic in peewee's stubs only
    _Instant: TypeAlias = Field[datetime]
    _Texts: TypeAlias = Field[list[str]]
    _Json: TypeAlias = Field[Any]
else:
    _Instant = _Texts = _Json = Field


class InstantField(_Instant):
    """`timestamptz`: an aware moment."""

    field_type = "TIMESTAMPTZ"


class TextsField(_Texts):
    """`text[]`."""

    field_type = "TEXT[]"


class JsonField(_Json):
    """`jsonb`, decoded by the driver."""

    field_type = "JSONB"


class Table(Model):
    """A table of ours on the process's database."""

    class Meta:
        database = database


class SchemaMigration(Table):
    """An applied migration."""

    version = IntegerField(primary_key=True)
    name = TextField()
    digest = TextField()
    applied_at = InstantField()

    class Meta:
        table_name = "schema_migration"


class BackgroundJob(Table):
    """One intention to have an actor run. Its id is the `message_id` and the `run_id`."""

    id = UUIDField(primary_key=True)
    dispatch_key = TextField()
    holds_key = BooleanField()
    key_expires_at = InstantField()
    actor = TextField()
    queue = TextField()
    payload = BlobField()
    client_id = TextField(null=True)
    lead_id = TextField(null=True)
    lead_message_id = TextField(null=True)
    state = TextField()
    run_at = InstantField()
    release = IntegerField()
    released_at = InstantField(null=True)
    fence = BigIntegerField()
    claim_id = UUIDField(null=True)
    worker_id = UUIDField(null=True)
    attempts = IntegerField()
    attempts_spent = IntegerField()
    attempts_allowed = IntegerField(null=True)
    crashes = IntegerField()
    throttles = IntegerField()
    requeues = IntegerField()
    suspect = BooleanField()
    correlation_id = TextField()
    causation_id = TextField(null=True)
    traceparent = TextField(null=True)
    source = TextField(null=True)
    requested_at = InstantField()
    duplicates_suppressed = IntegerField()
    last_error = TextField(null=True)
    result = JsonField(null=True)
    created_at = InstantField()
    finished_at = InstantField(null=True)

    class Meta:
        table_name = "background_job"


class BackgroundFunctionRun(Table):
    """One attempt: an execution of a job by one worker. Partitioned by `claimed_at`."""

    id = BigIntegerField()
    run_key = TextField()
    job_id = UUIDField()
    run_id = UUIDField()
    function_name = TextField()
    status = TextField()
    attempt = IntegerField()
    fence = BigIntegerField()
    source = TextField(null=True)
    client_id = TextField(null=True)
    dispatch_key = TextField()
    correlation_id = TextField()
    requested_at = InstantField()
    claimed_at = InstantField()
    started_at = InstantField(null=True)
    finished_at = InstantField(null=True)
    duration_ms = DoubleField(null=True)
    queue_ms = DoubleField(null=True)
    error_class = TextField(null=True)
    error_message = TextField(null=True)
    traceback = TextField(null=True)
    fingerprint = TextField(null=True)
    verdict = TextField(null=True)
    rule = TextField(null=True)
    worker_id = UUIDField()
    host = TextField()
    pid = IntegerField()
    code_version = TextField()
    late_status = TextField(null=True)
    late_at = InstantField(null=True)

    class Meta:
        table_name = "background_function_run"
        primary_key = CompositeKey("id", "claimed_at")


class BackgroundDispatchWindow(Table):
    """A clock-aligned period for which the schedule is dispatched once."""

    dispatch_key = TextField(primary_key=True)
    source = TextField()
    requested_at = InstantField()
    window_start = InstantField()
    window_seconds = IntegerField()
    correlation_id = TextField()
    status = TextField()
    process_dispatch_id = TextField()
    maintenance_dispatch_id = TextField()
    error_message = TextField(null=True)
    missed_before = IntegerField()
    created_at = InstantField()
    updated_at = InstantField()

    class Meta:
        table_name = "background_dispatch_window"


class SideEffect(Table):
    """A guarded action on the outside world."""

    effect_key = TextField(primary_key=True)
    kind = TextField()
    job_id = UUIDField()
    run_key = TextField()
    fence = BigIntegerField()
    state = TextField()
    provider = TextField(null=True)
    provider_reference = TextField(null=True)
    request_digest = TextField(null=True)
    result = JsonField(null=True)
    refusal = TextField(null=True)
    idempotent_until = InstantField(null=True)
    intents = IntegerField()
    intended_at = InstantField()
    created_at = InstantField()
    settled_at = InstantField(null=True)
    overtaken_at = InstantField(null=True)

    class Meta:
        table_name = "side_effect"


class DeadLetter(Table):
    """A job that must not run again by itself, or bytes that never became one."""

    id = UUIDField(primary_key=True)
    job_id = UUIDField(null=True)
    queue = TextField()
    redis_message_id = TextField(null=True)
    payload = BlobField(null=True)
    raw_bytes = BlobField(null=True, column_name="raw")  # peewee's models have a method of that name
    actor = TextField(null=True)
    client_id = TextField(null=True)
    correlation_id = TextField(null=True)
    reason = TextField()
    error_class = TextField(null=True)
    error_message = TextField(null=True)
    fingerprint = TextField(null=True)
    version = IntegerField()
    died_at = InstantField()
    resolution = TextField()
    resolved_by = TextField(null=True)
    resolved_reason = TextField(null=True)
    resolved_at = InstantField(null=True)

    class Meta:
        table_name = "dead_letter"


class OperatorAction(Table):
    """What an operator did, or was refused. Append-only by the database."""

    id = BigIntegerField(primary_key=True)
    operator = TextField()
    verb = TextField()
    target = TextField()
    reason = TextField(null=True)
    plan_hash = TextField(null=True)
    before = JsonField(null=True)
    after = JsonField(null=True)
    result = TextField()
    at = InstantField()

    class Meta:
        table_name = "operator_action"


class Worker(Table):
    """A worker process and its last beat."""

    id = UUIDField(primary_key=True)
    host = TextField()
    pid = IntegerField()
    code_version = TextField()
    queues = TextsField()
    threads = IntegerField()
    started_at = InstantField()
    heartbeat_at = InstantField()
    lost_at = InstantField(null=True)
    stopped_at = InstantField(null=True)

    class Meta:
        table_name = "worker"
