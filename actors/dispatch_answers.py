"""What a dispatch answers. It must not know how it is done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from middleware.enqueuer import Handover


@dataclass
class Dispatched:
    """The job is in the ledger. `enqueued`: its copy is in Redis; if not, the relay releases it.

    The copy is made behind the caller's back, at once; `enqueued` waits until that is done or has failed. Inside an
    open transaction it is False until the commit.
    """

    __slots__ = ("_enqueued", "correlation_id", "dispatch_key", "job_id")

    job_id: str
    dispatch_key: str
    correlation_id: str
    enqueued: bool

    def tell_by(self, handover: Handover) -> None:
        """`enqueued` is what that handover will tell."""
        self._enqueued: bool | Handover = handover

    def __reduce__(self) -> tuple[object, ...]:
        return Dispatched, (self.job_id, self.dispatch_key, self.correlation_id, self.enqueued)


class _Enqueued:
    """The field `enqueued`: known, or what a handover will tell; then whoever reads it waits."""

    def __set__(self, answer: Dispatched, value: bool) -> None:
        answer._enqueued = value

    def __get__(self, answer: Dispatched | None, _: type) -> Any:
        if answer is None:
            return self
        value = answer._enqueued
        return value if isinstance(value, bool) else value.is_ready(UUID(answer.job_id))


# Behind the dataclass's back, which would take it for a default.
Dispatched.enqueued = _Enqueued()  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class Duplicate:
    """Another job holds the key: nothing was dispatched."""

    job_id: str
    state: str
    age_s: float
