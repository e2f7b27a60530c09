"""Providers and attempts for tests of `once`: all are about the one effect "e". It must not know Redis."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from middleware.effects import Done, Refused, once
from middleware.worker_process import WorkerProcess
from models.database import query
from models.ledger import effects as ledger
from models.ledger.dispatch import Wanted
from models.ledger.finish import finish
from tests.broker_cases import acting, held_by_process
from tests.ledger_cases import DEDUPE_S, retry


class Refusing(Exception):
    """What an HTTP client raises for a definite no."""

    status_code = 422


class Cut(Exception):
    """A failure after which nobody knows."""


class Provider:
    """The other side: counts what reached it, fails as it is told."""

    def __init__(self, *answers: object) -> None:
        self.keys: list[str] = []
        self._answers = list(answers)

    def __call__(self, key: str, /) -> Any:
        self.keys.append(key)
        answer = self._answers.pop(0) if self._answers else {"provider_reference": "p1"}
        if isinstance(answer, BaseException):
            raise answer
        return answer


def attempt(process: WorkerProcess, job: Wanted, call: Callable[[str], Any], **options: Any) -> Done | Refused:
    """One attempt of `job` that carries out the effect "e" and then waits to be run again."""
    query("UPDATE background_job SET state = 'queued', release = 1, released_at = now() WHERE id = %s", (job.id,))
    held = held_by_process(process, job)
    try:
        with acting(process, held):
            return once("e", call, kind="mail", **options)
    finally:
        process.in_hand.remove([held])
        finish(process.holder.id, [retry(held.claim)], dedupe_s=DEDUPE_S)


def cut_off(process: WorkerProcess, job: Wanted, *, idempotent_for_s: float | None = None) -> None:
    """What an attempt leaves whose process died in the midst of the call: the intent, under a claim that is over."""
    held = held_by_process(process, job)
    intent = ledger.Intent("e", "mail", job.id, "run", held.claim.fence, process.holder.id, idempotent_for_s)
    assert isinstance(ledger.intend(intent, seen=None, guard=None), ledger.IntentTaken)
    process.in_hand.remove([held])
    finish(process.holder.id, [retry(held.claim)], dedupe_s=DEDUPE_S)


def age_intent(seconds: float) -> None:
    """Let the intent be older by so much."""
    query(
        "UPDATE side_effect SET intended_at = intended_at - make_interval(secs => %s),"
        " idempotent_until = idempotent_until - make_interval(secs => %s)",
        (seconds, seconds),
    )


def row(*columns: str) -> tuple[Any, ...]:
    """These columns of the effect."""
    return query(f"SELECT {', '.join(columns)} FROM side_effect WHERE effect_key = 'e'")[0]
