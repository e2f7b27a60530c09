"""`callboard runs`: list attempts, and show one with its traceback."""

from __future__ import annotations

import argparse
import dataclasses
from datetime import datetime

from models.readings.attempts import AttemptFilter, AttemptRow, attempt_by_key, attempts_of, list_attempts
from models.readings.identity import Kind, identify
from models.readings.jobs import find_jobs
from models.readings.paging import database_now
from models.readings.story import describe_rule
from models.readings.wording import age, moment, span
from policy.errors import NotFound
from policy.states import RunStatus
from scripts.exits import ExitCode
from scripts.ledger_access import open_ledger
from scripts.listing import (
    add_client_option,
    add_correlation_option,
    add_key_option,
    add_page_options,
    add_words_option,
    row_number,
    show_page,
    span_of,
)
from scripts.parsing import Subparsers
from scripts.screens import Column, as_json, named_values


def add_parser(commands: Subparsers) -> None:
    """Add `runs list` and `runs show` to the commands."""
    verbs = commands.add_parser("runs", help="list and show attempts").add_subparsers(metavar="VERB", required=True)
    listing = verbs.add_parser("list", help="attempts, the last claimed first")
    add_client_option(listing)
    listing.add_argument("--actor", "--function", help="of this actor")
    add_words_option(listing, "--status", RunStatus, "statuses", alias="--state")
    listing.add_argument("--job", metavar="ID", help="of this job: its id or the beginning of it")
    add_key_option(listing, "of jobs with this dispatch key")
    add_correlation_option(listing)
    add_page_options(listing, row_number)
    listing.set_defaults(run=run_list)
    showing = verbs.add_parser("show", help="one attempt with its traceback")
    showing.add_argument("id", metavar="ID", help="a run key; or a job's id, for its last attempt")
    showing.add_argument("--json", action="store_true", help="one object")
    showing.set_defaults(run=run_show)


def run_list(args: argparse.Namespace) -> ExitCode:
    """Print a page of attempts."""
    open_ledger()
    job_id = identify(args.job, frozenset({Kind.JOB})).uuid if args.job else None
    wanted = AttemptFilter(args.client_id, args.actor, args.statuses, args.key, args.correlation, job_id)
    columns = attempt_columns(database_now())
    titles = [column for column in columns if column.title != "WORKER"]
    return show_page(list_attempts(wanted, span_of(args)), titles, as_objects=args.json)


def run_show(args: argparse.Namespace) -> ExitCode:
    """Print one attempt, all of it. Raises NotFound, Ambiguous."""
    open_ledger()
    attempt = _attempt(args.id)
    if args.json:
        print(as_json(attempt))
        return ExitCode.DONE
    values = {field.name: getattr(attempt, field.name) for field in dataclasses.fields(attempt)}
    if attempt.rule:
        values["rule"] = f"{attempt.rule}: {describe_rule(attempt.rule)}".rstrip(": ")
    print("\n".join(named_values(values)))
    return ExitCode.DONE


def attempt_columns(now: datetime) -> list[Column[AttemptRow]]:
    """The columns of a table of attempts, ages as of `now`."""
    return [
        Column("JOB", lambda run: str(run.job_id)),
        Column("#", lambda run: str(run.attempt), right=True),
        Column("FUNCTION", lambda run: run.function_name, gives_way=True),
        Column("STATUS", lambda run: run.status),
        Column("CLIENT", lambda run: run.client_id or "-", gives_way=True),
        Column("CLAIMED", lambda run: moment(run.claimed_at)),
        Column("AGE", lambda run: age(run.claimed_at, now), right=True),
        Column("TOOK", _took, right=True),
        Column("WORKER", lambda run: f"{run.host}/{run.pid}", gives_way=True),
        Column("VERDICT", _verdict, gives_way=True),
    ]


def _attempt(text: str) -> AttemptRow:
    found = attempt_by_key(text)
    if found is not None:
        return found
    job = find_jobs([identify(text, frozenset({Kind.JOB})).uuid])
    attempts = attempts_of(job)
    if not attempts:
        raise NotFound(f"job {text} has had no attempt")
    return attempts[-1]


def _took(run: AttemptRow) -> str:
    return "-" if run.duration_ms is None else span(run.duration_ms / 1000)


def _verdict(run: AttemptRow) -> str:
    """The verdict and the error's class."""
    return " ".join(part for part in (run.verdict, run.error_class) if part) or "-"
