"""Plans as files: written whole or not at all, read back with their seal looked at."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from policy.errors import CallboardError, InvariantRefused
from policy.letter_plans import Plan, PlanInvalid, as_document, from_document
from policy.requeue import REFUSALS
from scripts.screens import as_json


class PlanFileUnusable(CallboardError):
    """The plan file cannot be read or written.

    Acts: the operator, by naming another file.
    """


class NoPlan(CallboardError):
    """The file is no plan: make one with `callboard dlq plan`.

    Acts: the operator.
    """


def plan_text(plan: Plan) -> str:
    """The plan as its file holds it."""
    return as_json(as_document(plan, REFUSALS)) + "\n"


def write_plan(plan: Plan, path: Path) -> None:
    """Write the file whole, or leave what was there. Raises PlanFileUnusable."""
    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(plan_text(plan))
            os.replace(name, path)
        except BaseException:
            os.unlink(name)
            raise
    except OSError as error:
        raise PlanFileUnusable(f"cannot write {path}: {error.strerror or error}") from error


def read_plan(path: Path) -> Plan:
    """The plan of a file. Raises PlanFileUnusable, NoPlan, and InvariantRefused (`edited`) for a broken seal."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise PlanFileUnusable(f"cannot read {path}: {error.strerror or error}") from error
    except ValueError as error:
        raise NoPlan(f"{path} is no plan: not text") from error
    try:
        plan, sealed = from_document(text)
    except PlanInvalid as error:
        raise NoPlan(f"{path} is no plan ({error}): make one with `callboard dlq plan`") from error
    if plan.digest != sealed:
        raise InvariantRefused("edited", f"{path} was changed since it was planned, nothing has moved: plan anew")
    return plan
