"""`callboard jobs`: list jobs, show one, cancel those that have not begun."""

from __future__ import annotations

import argparse
import dataclasses
from uuid import UUID

from models.ledger.cancel import REFUSALS, cancel_job, cancel_refusal
from models.ledger.letters import Operator
from models.readings.attempts import attempts_of
from models.readings.identity import Kind, identify
from models.readings.jobs import JobFilter, JobRow, find_jobs, list_jobs
from models.readings.paging import database_now
from models.readings.wording import age, moment
from policy.errors import InvariantRefused, NotFound
from policy.states import JobState
from scripts.exits import ExitCode
from scripts.ledger_access import open_ledger
from scripts.listing import (
    add_client_option,
    add_correlation_option,
    add_key_option,
    add_page_options,
    add_words_option,
    show_page,
    span_of,
)
from scripts.operator_spans import action_span
from scripts.parsing import Subparsers
from scripts.runs import attempt_columns
from scripts.screens import Column, as_json, named_values, plain, screen_width, table
from scripts.several import Outcome, Result, add_operator_options, each, operator_of, report


def add_parser(commands: Subparsers) -> None:
    """Add `jobs list`, `jobs show` and `jobs cancel` to the commands."""
    verbs = commands.add_parser("jobs", help="list, show and cancel jobs").add_subparsers(metavar="VERB", required=True)
    listing = verbs.add_parser("list", help="jobs, the last created first")
    add_client_option(listing)
    listing.add_argument("--actor", help="of this actor")
    listing.add_argument("--queue", help="of this queue")
    add_words_option(listing, "--state", JobState, "states", alias="--status")
    add_key_option(listing, "with this dispatch key, whoever holds it now")
    add_correlation_option(listing)
    add_page_options(listing)
    listing.set_defaults(run=run_list)
    showing = verbs.add_parser("show", help="one job with its attempts")
    showing.add_argument("id", metavar="ID", help="a job's id, or its beginning")
    showing.add_argument("--json", action="store_true", help="one object")
    showing.set_defaults(run=run_show)
    cancelling = verbs.add_parser("cancel", help="cancel pending and queued jobs")
    cancelling.add_argument("ids", metavar="ID", nargs="+", help="a job's id, or its beginning")
    add_operator_options(cancelling)
    cancelling.set_defaults(run=run_cancel)


def run_list(args: argparse.Namespace) -> ExitCode:
    """Print a page of jobs."""
    open_ledger()
    wanted = JobFilter(args.client_id, args.actor, args.queue, args.states, args.key, args.correlation)
    now = database_now()
    columns: list[Column[JobRow]] = [
        Column("JOB", lambda job: str(job.id)),
        Column("ACTOR", lambda job: job.actor, gives_way=True),
        Column("STATE", lambda job: job.state),
        Column("CLIENT", lambda job: job.client_id or "-", gives_way=True),
        Column("RUNS", lambda job: str(job.attempts), right=True),
        Column("SPENT", _spent, right=True),
        Column("CREATED", lambda job: moment(job.created_at)),
        Column("AGE", lambda job: age(job.created_at, now), right=True),
    ]
    return show_page(list_jobs(wanted, span_of(args)), columns, as_objects=args.json)


def run_show(args: argparse.Namespace) -> ExitCode:
    """Print a job and its attempts. Raises NotFound, Ambiguous."""
    open_ledger()
    job = _job(_job_id(args.id))
    attempts = attempts_of([job])
    if args.json:
        print(as_json({**plain(job), "runs": attempts}))
        return ExitCode.DONE
    print("\n".join(named_values({field.name: getattr(job, field.name) for field in dataclasses.fields(job)})))
    if attempts:
        now = database_now()
        columns = [column for column in attempt_columns(now) if column.title not in ("JOB", "FUNCTION", "CLIENT")]
        print("\n" + "\n".join(table(columns, attempts, screen_width())))
    return ExitCode.DONE


def run_cancel(args: argparse.Namespace) -> ExitCode:
    """Cancel jobs that have not begun; each is recorded, refusals too."""
    open_ledger()
    operator = operator_of(args)
    act = _would_cancel if args.dry_run else lambda job_id: _cancel(job_id, operator)
    return report(each(args.ids, _job_id, act), as_objects=args.json)


def _cancel(job_id: UUID, operator: Operator) -> Outcome:
    from middleware import metrics  # takes as long as all else; the other verbs do without

    with action_span("cancel", operator, str(job_id)):
        cancelled = cancel_job(job_id, operator)
    metrics.job_finished(cancelled.actor, JobState.CANCELLED.value, cancelled.client_id)
    return Outcome(str(cancelled.job_id), Result.DONE, f"cancelled job {cancelled.job_id} ({cancelled.actor})")


def _would_cancel(job_id: UUID) -> Outcome:
    job = _job(job_id)
    refusal = cancel_refusal(JobState(job.state))
    if refusal is not None:
        raise InvariantRefused(refusal, f"job {job.id} would be refused, {refusal}: {REFUSALS[refusal]}")
    return Outcome(str(job.id), Result.WOULD_BE_DONE, f"would cancel job {job.id} ({job.actor}, {job.state})")


def _job(job_id: UUID) -> JobRow:
    found = find_jobs([job_id])
    if not found:
        raise NotFound(f"no job {job_id}")
    return found[0]


def _job_id(text: str) -> UUID:
    return identify(text, frozenset({Kind.JOB})).uuid


def _spent(job: JobRow) -> str:
    """Attempts spent, of those allowed."""
    return f"{job.attempts_spent}/{'∞' if job.attempts_allowed is None else job.attempts_allowed}"
