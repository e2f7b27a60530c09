"""One verb on several ids: each has an outcome of its own, and all together an exit code."""

from __future__ import annotations

import argparse
import getpass
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from models.ledger.letters import Operator
from policy.errors import InvariantRefused, NotFound
from policy.states import Word
from scripts.exits import ExitCode
from scripts.screens import as_json, harmless


class Result(Word):
    """What became of one id."""

    DONE = "done"
    WOULD_BE_DONE = "would_be_done"
    REFUSED = "refused"
    NOT_FOUND = "not_found"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one id; `reason` is the name of a refusal, `note` what else an operator should know."""

    id: str
    result: Result
    text: str
    reason: str | None = None
    note: str | None = None


def add_operator_options(
    parser: argparse.ArgumentParser, *, reason_required: bool = False, objects: str = "a list of objects"
) -> None:
    """`--operator`, `--reason`, `--dry-run`, `--json`, whose help says which `objects` it prints."""
    parser.add_argument("--operator", default=None, metavar="NAME", help="who does this (default: the login name)")
    parser.add_argument("--reason", default=None, required=reason_required, help="why; kept in the operators' log")
    parser.add_argument("--dry-run", action="store_true", help="say what would happen, change nothing")
    parser.add_argument("--json", action="store_true", help=f"{objects} instead of lines")


def operator_of(args: argparse.Namespace) -> Operator:
    """Who asks, and why."""
    return Operator(args.operator or login_name(), getattr(args, "reason", None))


def login_name() -> str:
    """The login name; the number of a user who has none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without an entry in its passwd file
        return str(os.getuid())


def each(ids: Iterable[str], find: Callable[[str], UUID], act: Callable[[UUID], Outcome]) -> list[Outcome]:
    """The outcome of each id, in order; one that is refused or unknown does not stop the others.

    All are found before anything is done: Ambiguous is raised while nothing has moved. A target named twice is
    acted on once.
    """
    found: dict[str | UUID, Outcome | None] = {}
    for text in ids:
        try:
            found.setdefault(find(text), None)
        except NotFound as error:
            found[text] = Outcome(text, Result.NOT_FOUND, str(error))
    return [known or _act(target, act) for target, known in found.items()]


def _act(target: str | UUID, act: Callable[[UUID], Outcome]) -> Outcome:
    try:
        return act(UUID(str(target)))
    except NotFound as error:  # it has gone since it was found
        return Outcome(str(target), Result.NOT_FOUND, str(error))
    except InvariantRefused as error:
        return Outcome(str(target), Result.REFUSED, str(error), error.reason)


def report(outcomes: Sequence[Outcome], *, as_objects: bool) -> ExitCode:
    """Print what became of each id, what was not done on standard error, and give the exit code of them all."""
    if as_objects:
        print(as_json(outcomes))
    else:
        for outcome in outcomes:
            done = outcome.result in (Result.DONE, Result.WOULD_BE_DONE)
            note = f" ({outcome.note})" if outcome.note else ""
            line = harmless(f"{outcome.text}{note}")
            print(line if done else f"callboard: {line}", file=sys.stdout if done else sys.stderr)
    return exit_code([outcome.result for outcome in outcomes])


def exit_code(results: Sequence[Result]) -> ExitCode:
    """All done: DONE; some: PARTLY_DONE; none: REFUSED if one was refused, else NOTHING_MATCHED."""
    done = sum(result in (Result.DONE, Result.WOULD_BE_DONE) for result in results)
    if done == len(results):
        return ExitCode.DONE
    if done:
        return ExitCode.PARTLY_DONE
    return ExitCode.REFUSED if Result.REFUSED in results else ExitCode.NOTHING_MATCHED
