"""The span of an operator's action, where somebody collects spans. It must not know what the action is."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from middleware.tracing import Span
    from models.ledger.operators import Operator


def action_span(
    verb: str, operator: Operator, target: str | None = None, *, count: int = 1
) -> AbstractContextManager[Span]:
    """Around the ledger's statement; the row in the operators' log is the record, this shows its place in time."""
    from middleware import tracing  # takes as long as all else: only when something is changed

    tracing.install()
    return tracing.span(
        f"operator {verb}", verb=verb, operator=operator.name, target=target, plan=operator.plan_hash, count=count
    )
