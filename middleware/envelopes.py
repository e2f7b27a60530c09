"""Between Dramatiq's messages and the ledger's rows: options are read here and nowhere else.

It must not know Redis or the database.
"""

from __future__ import annotations

import contextlib
import json
from datetime import datetime, timezone
from typing import Any
from uuid import UUID

import dramatiq
from dramatiq import Broker, Message

from models.ledger.claim import Copy
from models.ledger.dispatch import Wanted
from models.ledger.release import Released
from policy.keys import check_dispatch_key, job_id_of, redis_id
from policy.trace_context import valid_parent

#: Attempts a job may spend when neither its message nor its actor says: `max_retries` 4.
DEFAULT_MAX_RETRIES = 4

#: From so many retries on, the attempts allowed are more than their column holds.
_FOR_EVER = 2**31 - 1

#: Options that stand in a job's row as texts.
_TEXT_OPTIONS = ("correlation_id", "client_id", "causation_id", "source")

#: Options that belong to one copy, never to the job's envelope.
_COPY_OPTIONS = frozenset({"job_id", "release", "redis_message_id", "eta", "delay"})


def wanted_job(
    broker: Broker,
    message: Message[Any],
    *,
    job_id: UUID | None = None,
    default_key: str | None = None,
    run_at: datetime | None = None,
    delay_ms: int | None = None,
) -> Wanted:
    """The job row that `message` asks for; its own `dispatch_key` option wins over `default_key`.

    `job_id` is what its message id stands for, where the caller knows. Raises ValueError for a dispatch key that cannot
    be one, TypeError for arguments that cannot be encoded.
    """
    options = message.options
    job_id = job_id or job_id_of(message.message_id)
    own_key = str(job_id)
    said = {name: text(options[name]) for name in _TEXT_OPTIONS if name in options}
    key = options.get("dispatch_key") or default_key or own_key
    if key is not own_key:
        check_dispatch_key(key)
    envelope = message
    if not _COPY_OPTIONS.isdisjoint(options):
        envelope = message._replace(options={k: v for k, v in options.items() if k not in _COPY_OPTIONS})
    return Wanted(
        id=job_id,
        dispatch_key=key,
        actor=message.actor_name,
        queue=message.queue_name,
        payload=encode(envelope),
        correlation_id=said.get("correlation_id") or own_key,
        attempts_allowed=attempts_allowed(broker, message),
        client_id=said.get("client_id"),
        lead_id=text(message.kwargs.get("lead_id")) if message.kwargs else None,
        lead_message_id=text(message.kwargs.get("lead_message_id")) if message.kwargs else None,
        run_at=run_at,
        delay_s=None if delay_ms is None else delay_ms / 1000,
        causation_id=said.get("causation_id"),
        source=said.get("source"),
        traceparent=valid_parent(options.get("traceparent")),
        envelope=envelope,
    )


def encode(message: Message[Any]) -> bytes:
    """The envelope's bytes by Dramatiq's encoder. Raises TypeError for arguments that JSON cannot carry."""
    try:
        if type(message) is not Message:
            return message.encode()
        # Its own `asdict` gives the same mapping by a walk over its fields: as dear as the encoding.
        return dramatiq.get_encoder().encode(dict(vars(message)))
    except (TypeError, ValueError) as error:
        raise TypeError(f"the arguments of {message.actor_name} cannot be encoded: {error}") from error


def copy_of(broker: Broker, message: Message[Any], data: bytes) -> Copy:
    """A fetched message as the claim wants it; `data` is what was fetched."""
    options = message.options
    job_id = job_id_of(str(options["job_id"]) if "job_id" in options else message.message_id)
    own_key = key = str(job_id)
    if isinstance(stated := options.get("dispatch_key"), str):
        # A plain send is past its sender: a key that cannot be one falls back to the job's own.
        with contextlib.suppress(ValueError):
            key = check_dispatch_key(stated)
    return Copy(
        job_id=job_id,
        release=_release(options),
        dispatch_key=key,
        actor=message.actor_name,
        queue=message.queue_name,
        payload=data,
        attempts_allowed=attempts_allowed(broker, message),
        correlation_id=text(options.get("correlation_id")) or own_key,
        requested_at=_instant(message.message_timestamp),
        client_id=text(options.get("client_id")),
        causation_id=text(options.get("causation_id")),
        source=text(options.get("source")) or "send",
        traceparent=valid_parent(options.get("traceparent")),
    )


def released_copy(released: Released) -> tuple[str, Message[Any]]:
    """The copy that stands for a released job in a broker: its redis id, and the envelope with job id and release."""
    name = redis_id(released.job_id, released.release)
    message = released.envelope if isinstance(released.envelope, Message) else Message.decode(released.payload)
    stated = {"job_id": str(released.job_id), "release": released.release, "redis_message_id": name}
    # `message.copy` says the same at three times the price.
    return name, Message(
        released.queue,
        message.actor_name,
        message.args,
        message.kwargs,
        {**message.options, **stated},
        message.message_id,
        message.message_timestamp,
    )


def attempts_allowed(broker: Broker, message: Message[Any]) -> int | None:
    """`max_retries` + 1 of the message, else of its actor, else the default; None: for ever, as Dramatiq means it.

    That is what None, infinity and NaN stand for there, and no job lives to see more attempts than an int4 counts.
    """
    actor = broker.actors.get(message.actor_name)
    fallback = actor.options.get("max_retries", DEFAULT_MAX_RETRIES) if actor else DEFAULT_MAX_RETRIES
    retries = message.options.get("max_retries", fallback)
    if not isinstance(retries, (int, float)) or not retries < _FOR_EVER:
        return None
    return int(max(0, retries)) + 1


def actor_option(broker: Broker, message: Any, name: str, default: Any = None) -> Any:
    """An option of the message, else of its actor, else `default`."""
    value = message.options.get(name)
    if value is None:
        actor = broker.actors.get(message.actor_name)
        value = actor.options.get(name) if actor else None
    return default if value is None else value


def json_text(value: Any) -> str | None:
    """`value` as JSON that jsonb accepts; what JSON cannot carry stands there as its repr, capped. Raises nothing."""
    if value is None:
        return None
    try:
        return _storable(json.dumps(value, ensure_ascii=True, allow_nan=False))
    except Exception:  # not only what JSON refuses: a value's own methods may raise anything
        return _storable(json.dumps({"repr": _repr(value)}))


def _storable(encoded: str) -> str:
    if "\\u0000" in encoded or "\\ud" in encoded:
        return json.dumps(_scrubbed(json.loads(encoded)), ensure_ascii=False)
    return encoded


def _repr(value: Any) -> str:
    try:
        return repr(value)[:1000]
    except Exception as broken:  # as above; an int of many digits has no repr either
        return f"(its repr could not be had: {type(broken).__name__})"


def text(value: object) -> str | None:
    """An option as text, scrubbed for a row; None where it is not a non-empty string or id."""
    if value is None:
        return None
    if isinstance(value, (UUID, int)) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not value:
        return None
    return (value if value.isprintable() else str(_scrubbed(value)))[:512]


def _scrubbed(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\x00", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [_scrubbed(item) for item in value]
    if isinstance(value, dict):
        return {_scrubbed(key): _scrubbed(item) for key, item in value.items()}
    return value


def _release(options: dict[str, Any]) -> int | None:
    release = options.get("release")
    return release if "job_id" in options and isinstance(release, int) else None


def _instant(timestamp_ms: object) -> datetime:
    try:
        return datetime.fromtimestamp(timestamp_ms / 1000, timezone.utc)  # type: ignore[operator]  # or TypeError
    except (TypeError, ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(0, timezone.utc)
