"""`callboard workers`: which worker processes there are, and which of them live."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Any

from models.readings.paging import Page, database_now
from models.readings.wording import ago, moment
from models.readings.workers import Life, WorkerRow, list_workers, running_jobs
from scripts.exits import ExitCode
from scripts.ledger_access import open_ledger
from scripts.listing import add_page_options, show_page, span_of
from scripts.parsing import Subparsers
from scripts.screens import Column, plain


@dataclass(frozen=True, slots=True)
class Shown:
    """A worker, how it stands, and how many jobs it holds."""

    worker: WorkerRow
    life: Life
    running: int


def add_parser(commands: Subparsers) -> None:
    """Add `workers list` to the commands."""
    verbs = commands.add_parser("workers", help="list workers").add_subparsers(metavar="VERB", required=True)
    listing = verbs.add_parser("list", help="worker processes, the last started first")
    listing.add_argument("--ended", action="store_true", help="those that stopped or were lost, too")
    add_page_options(listing)
    listing.set_defaults(run=run_list)


def run_list(args: argparse.Namespace) -> ExitCode:
    """Print a page of workers; without `--ended` only those that nobody has seen end."""
    settings = open_ledger()
    now = database_now()
    found = list_workers(span_of(args), ended=args.ended)
    running = running_jobs([worker.id for worker in found.rows])
    shown = [Shown(worker, worker.life(now, settings.lease_s), running.get(worker.id, 0)) for worker in found.rows]
    columns: list[Column[Shown]] = [
        Column("WORKER", lambda row: str(row.worker.id)),
        Column("HOST/PID", lambda row: f"{row.worker.host}/{row.worker.pid}", gives_way=True),
        Column("LIFE", lambda row: row.life.value),
        Column("BEAT", lambda row: ago(row.worker.heartbeat_at, now), right=True),
        Column("RUNS", lambda row: str(row.running), right=True),
        Column("THREADS", lambda row: str(row.worker.threads), right=True),
        Column("STARTED", lambda row: moment(row.worker.started_at)),
        Column("VERSION", lambda row: row.worker.code_version, gives_way=True),
        Column("QUEUES", lambda row: ",".join(row.worker.queues), gives_way=True),
    ]
    return show_page(Page(shown, found.next), columns, as_objects=args.json, object_of=_object)


def _object(row: Shown) -> dict[str, Any]:
    return {**plain(row.worker), "life": row.life, "running": row.running}
