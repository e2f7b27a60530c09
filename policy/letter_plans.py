"""A plan: which dead letters a verb will move, which it will not and why, and a hash that seals it. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from policy.states import Word

#: What this code writes and reads.
FORMAT = 1


class Verb(Word):
    """What a plan may ask for."""

    REQUEUE = "requeue"
    DISCARD = "discard"


class PlanInvalid(ValueError):
    """The text is no plan."""


@dataclass(frozen=True, slots=True)
class PlannedLetter:
    """A letter as it was when the plan was made."""

    id: UUID
    version: int


@dataclass(frozen=True, slots=True)
class RefusedLetter:
    """A letter that will not be moved, with the name of the invariant that forbids it."""

    id: UUID
    version: int
    refusal: str


@dataclass(frozen=True, slots=True)
class Plan:
    """`database` tells one ledger from another; `filters` are the options that chose the letters."""

    verb: Verb
    database: str
    made_at: str
    filters: Mapping[str, str]
    letters: Sequence[PlannedLetter]
    refused: Sequence[RefusedLetter]

    @property
    def digest(self) -> str:
        """SHA-256 over all that the plan says, ids, versions and verb above all; hex."""
        body = json.dumps(_body(self), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(body.encode()).hexdigest()


def as_document(plan: Plan, sentences: Mapping[str, str]) -> dict[str, Any]:
    """The plan for its file: readable, and with its hash. `sentences` explain the refusals that occur."""
    names = sorted({letter.refusal for letter in plan.refused})
    return {"hash": plan.digest, **_body(plan), "refusals": {name: sentences.get(name, "") for name in names}}


def from_document(text: str) -> tuple[Plan, str]:
    """The plan that a file's text says, and the hash that it claims to have. Raises PlanInvalid."""
    try:
        told = json.loads(text)
        if told["format"] != FORMAT:
            raise PlanInvalid(f"format {told['format']!r} is not {FORMAT}")
        plan = Plan(
            verb=Verb(told["verb"]),
            database=str(told["database"]),
            made_at=str(told["made_at"]),
            filters={str(name): str(value) for name, value in told["filters"].items()},
            letters=[PlannedLetter(UUID(one["id"]), int(one["version"])) for one in told["letters"]],
            refused=[RefusedLetter(UUID(one["id"]), int(one["version"]), one["refusal"]) for one in told["refused"]],
        )
        return plan, str(told["hash"])
    except PlanInvalid:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise PlanInvalid(f"{type(error).__name__}: {error}") from error


def _body(plan: Plan) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "verb": plan.verb.value,
        "database": plan.database,
        "made_at": plan.made_at,
        "filters": dict(plan.filters),
        "letters": [{"id": str(one.id), "version": one.version} for one in plan.letters],
        "refused": [{"id": str(one.id), "version": one.version, "refusal": one.refusal} for one in plan.refused],
    }
