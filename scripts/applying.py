"""`callboard dlq apply`: a plan carried out, paced, in batches that each are committed with their audit rows.

What was done is read from the operators' log: however it was ended, applying the plan again goes on where it stood.
"""

from __future__ import annotations

import argparse
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

from models.ledger.letter_moves import Moves, discard_letters, requeue_letters
from models.ledger.letters import Operator
from models.ledger.maintenance import count_letters_anew
from models.readings.letter_plans import database_identity, died_again, done_under, moved_since
from models.readings.paging import database_now
from models.readings.wording import plural
from policy.errors import InvariantRefused
from policy.letter_plans import Plan, PlannedLetter, Verb
from policy.pace import Pace, read_pace
from policy.requeue import REFUSALS
from scripts.exits import ExitCode
from scripts.ledger_access import open_ledger
from scripts.letter_verbs import RemoveEntries, dead_queues, reads_adopted
from scripts.operator_spans import action_span
from scripts.parsing import Subparsers
from scripts.plan_files import read_plan
from scripts.planning import judge_for
from scripts.progress import Progress
from scripts.screens import as_json, harmless
from scripts.several import add_operator_options, login_name

#: Seconds between two looks at whether failures come back.
_LOOK_S = 1.0
#: Letters from which on the planner is asked to look at the tables first.
_MANY = 500
#: Letters named when the world has moved.
_NAMED = 5


def add_apply(verbs: Subparsers) -> None:
    """Add `dlq apply`."""
    applying = verbs.add_parser("apply", help="carry out a plan; ended at any point, it goes on where it stood")
    applying.add_argument("plan", metavar="PLAN", type=Path, help="the file that `dlq plan` wrote")
    applying.add_argument("--rate", type=_rate, default=Pace(), metavar="N/s", help="letters a second: 5/s, 90/m")
    applying.add_argument(
        "--stop-after-failures", type=_count, metavar="N", help="stop when so many of its jobs are dead again"
    )
    add_operator_options(applying, objects="one object")
    applying.set_defaults(run=run_apply)


@dataclass(slots=True)
class _Report:
    """How far a plan has come; what stopped it, if something did."""

    plan_hash: str
    verb: str
    planned: int
    done_before: int
    moved: int = 0
    failed_again: int = 0
    stopped: str | None = None
    note: str | None = None

    def line(self) -> str:
        """In a sentence."""
        done = f"{self.verb} of {plural(self.planned, 'letter')}: {self.moved} moved now, {self.done_before} before"
        again = f", {self.failed_again} dead again" if self.failed_again else ""
        stopped = f"; stopped: {self.stopped}" if self.stopped else ""
        note = f" ({self.note})" if self.note else ""
        return f"plan {self.plan_hash[:12]}, {done}{again}{stopped}{note}"


def run_apply(args: argparse.Namespace) -> ExitCode:
    """Apply. Raises PlanFileUnusable, NoPlan, and InvariantRefused while nothing has moved."""
    settings = open_ledger()
    plan = read_plan(args.plan)
    if plan.database != database_identity():
        raise InvariantRefused("other_database", f"{args.plan} was planned on another database, nothing has moved")
    operator = Operator(args.operator or login_name(), args.reason, plan.digest)
    done = done_under(plan.digest)
    left = [letter for letter in plan.letters if letter.id not in done]
    _refuse_moved_world(plan, left, operator)
    report = _Report(plan.digest, plan.verb.value, len(plan.letters), len(plan.letters) - len(left))
    if args.dry_run:
        report.note = f"dry run: would move {len(left)}"
    elif left:
        if len(left) >= _MANY:
            count_letters_anew()
        with dead_queues(settings) as remove, _progress() as progress:
            _Run(plan, operator, settings.dedupe_s, remove, report, progress).carry_out(left, args)
    return _told(report, args)


class _Run:
    """One application of a plan."""

    def __init__(
        self,
        plan: Plan,
        operator: Operator,
        dedupe_s: int,
        remove: RemoveEntries,
        report: _Report,
        progress: Progress,
    ) -> None:
        self._plan, self._operator, self._dedupe_s = plan, operator, dedupe_s
        self._remove, self._report, self._progress = remove, report, progress
        self._jobs: set[UUID] = set()
        self._began_at: datetime = database_now()
        self._looked_s = 0.0

    def carry_out(self, left: list[PlannedLetter], args: argparse.Namespace) -> None:
        """Batch after batch, at the pace asked for, until all are moved or something stops it."""
        pace: Pace = args.rate
        pause, began_s = threading.Event(), time.monotonic()
        for start in range(0, len(left), pace.batch):
            while (wait_s := pace.wait_s(start, time.monotonic() - began_s)) > 0:
                pause.wait(min(wait_s, _LOOK_S))
                if self._failures_came_back(args.stop_after_failures):
                    return
            if self._failures_came_back(args.stop_after_failures) or not self._move(left[start : start + pace.batch]):
                return
            self._progress.show(f"{self._report.line()} …")

    def _move(self, batch: list[PlannedLetter]) -> bool:
        """One transaction; False when a letter was refused, and the run has to stop."""
        asked: dict[UUID, int | None] = {letter.id: letter.version for letter in batch}
        moves = self._moved(asked)
        self._report.moved += len(moves.moved)
        self._jobs |= {one.job_id for one in moves.moved if one.job_id}
        self._report.note = self._remove(moves.moved) or self._report.note
        # Somebody else may be applying the same plan.
        others = done_under(self._plan.digest) if moves.refused else set()
        refused = {letter_id: name for letter_id, name in moves.refused.items() if letter_id not in others}
        if refused or moves.missing:
            self._report.stopped = _moved_world(refused | dict.fromkeys(moves.missing, "changed_since"))
        return self._report.stopped is None

    def _moved(self, asked: dict[UUID, int | None]) -> Moves:
        with action_span(self._plan.verb.value, self._operator, count=len(asked)):
            if self._plan.verb is Verb.DISCARD:
                return discard_letters(asked, self._operator)
            return requeue_letters(asked, self._operator, dedupe_s=self._dedupe_s, read_job=reads_adopted)

    def _failures_came_back(self, limit: int | None) -> bool:
        if limit is None or not self._jobs or time.monotonic() - self._looked_s < _LOOK_S:
            return False
        self._looked_s = time.monotonic()
        self._report.failed_again = died_again(self._jobs, self._began_at)
        if self._report.failed_again >= limit:
            self._report.stopped = f"{plural(self._report.failed_again, 'job')} of it dead again"
        return self._report.stopped is not None


def _refuse_moved_world(plan: Plan, left: list[PlannedLetter], operator: Operator) -> None:
    if plan.verb is Verb.DISCARD and not (operator.reason or "").strip():
        raise InvariantRefused("reason_missing", f"{REFUSALS['reason_missing']} (--reason)")
    moved = moved_since(left, judge_for(plan.verb, operator.reason or ""))
    # Somebody else may be applying the same plan, and have moved them since what is left was read.
    others = done_under(plan.digest) if moved else set()
    moved = {letter_id: name for letter_id, name in moved.items() if letter_id not in others}
    if moved:
        raise InvariantRefused("changed_since", f"{_moved_world(moved)}; nothing has moved: plan anew")


def _moved_world(moved: dict[UUID, str]) -> str:
    named = ", ".join(f"{letter_id} ({name})" for letter_id, name in list(moved.items())[:_NAMED])
    more = " and others" if len(moved) > _NAMED else ""
    return f"{plural(len(moved), 'letter')} not as planned: {named}{more}"


def _told(report: _Report, args: argparse.Namespace) -> ExitCode:
    print(as_json(asdict(report)) if args.json else harmless(report.line()))
    if report.stopped:
        return ExitCode.PARTLY_DONE if report.moved or report.done_before else ExitCode.REFUSED
    return ExitCode.DONE if report.planned else ExitCode.NOTHING_MATCHED


@contextmanager
def _progress() -> Iterator[Progress]:
    progress = Progress()
    try:
        yield progress
    finally:
        progress.clear()


def _rate(text: str) -> Pace:
    try:
        return read_pace(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _count(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 on")
    return int(text)
