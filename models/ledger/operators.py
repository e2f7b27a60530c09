"""The operators' log: append-only rows, written in the transaction of what they speak of."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from models.database import query, run


@dataclass(frozen=True, slots=True)
class Operator:
    """Who asks, why, and under which plan; `before` and `after` of the audit row come from the ledger."""

    name: str
    reason: str | None = None
    plan_hash: str | None = None


@dataclass(frozen=True, slots=True)
class Act:
    """One line of the log: on what, how it ended, JSON-able `before` and `after`."""

    target: str
    result: str
    before: Any = None
    after: Any = None


def record_action(
    operator: Operator, verb: str, target: str, result: str, *, before: Any = None, after: Any = None
) -> None:
    """Append a row to the operators' log; JSON-able `before` and `after`."""
    query(
        "INSERT INTO operator_action (operator, verb, target, reason, plan_hash, before, after, result)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
        (
            operator.name,
            verb,
            target,
            operator.reason,
            operator.plan_hash,
            _json(before),
            _json(after),
            result,
        ),
    )


def record_actions(operator: Operator, verb: str, acts: Sequence[Act]) -> None:
    """Append a row for each act, in one statement."""
    if not acts:
        return
    columns = (
        [act.target for act in acts],
        [act.result for act in acts],
        [_json(act.before) for act in acts],
        [_json(act.after) for act in acts],
    )
    run("log_actions", (operator.name, verb, operator.reason, operator.plan_hash, *columns))


def _json(value: Any) -> str | None:
    return None if value is None else json.dumps(value)
