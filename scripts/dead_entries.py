"""`callboard dlq sync` and `adopt`: Dramatiq's dead queues brought in step with the ledger, and strays taken in."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from uuid import UUID

import redis

from middleware.adoption import stray
from middleware.configuration import redis_url
from middleware.dead_queue_sync import letters_without_entry, placed, sync
from middleware.redis_broker import redis_client
from models.dead_queue import DeadQueue, Mark, queues_with_dead
from models.ledger.adoption import Stray, adopt
from models.ledger.operators import Operator
from models.readings.wording import plural
from policy.dead_entries import Standing
from scripts.exits import ExitCode
from scripts.ledger_access import open_ledger
from scripts.operator_spans import action_span
from scripts.parsing import Subparsers
from scripts.screens import as_json
from scripts.several import Outcome, Result, add_operator_options, operator_of, report

#: Entries read, and adopted, at a time.
_PAGE = 500
#: What is said of entries by standing.
_SAID = {
    Standing.IN_STEP: "in step",
    Standing.RESOLVED: "left over from letters that were resolved or jobs that moved on",
    Standing.SURPLUS: "further copies of dead jobs",
    Standing.UNLINKED: "whose letter did not name them",
    Standing.STRAY: "that the ledger does not know: `callboard dlq adopt --all`",
}


def add_sync(verbs: Subparsers) -> None:
    """Add `dlq sync`."""
    syncing = verbs.add_parser("sync", help="show and repair what differs between the ledger and Redis's dead queues")
    syncing.add_argument("--dry-run", action="store_true", help="show the drift, change nothing")
    syncing.add_argument("--json", action="store_true", help="one object: entries by standing, repaired, …")
    syncing.set_defaults(run=run_sync)


def add_adopt(verbs: Subparsers) -> None:
    """Add `dlq adopt`."""
    adopting = verbs.add_parser("adopt", help="make letters of entries in Redis that the ledger does not know")
    adopting.add_argument("ids", metavar="ID", nargs="*", help="redis ids, as `dlq list` shows them")
    adopting.add_argument("--all", action="store_true", help="all that there are")
    adopting.add_argument("--queue", help="of this queue")
    add_operator_options(adopting, objects="a list of objects (with --all one: adopted, would_adopt)")
    adopting.set_defaults(run=run_adopt)


def run_sync(args: argparse.Namespace) -> ExitCode:
    """Bring in step; exit 0 when all is in step now, but for strays, which wait for somebody to look at them."""
    client = redis_client(redis_url(open_ledger()))
    drift = sync(client, repair=not args.dry_run)
    missing = letters_without_entry(client)
    if args.json:
        found = {one.value: drift.found[one.value] for one in Standing}
        print(as_json({"entries": found, "repaired": drift.repaired, "letters_without_entry": missing}))
        return ExitCode.DONE
    for one in Standing:
        if drift.found[one.value]:
            print(f"{drift.found[one.value]:>9} {_SAID[one]}")
    if missing:
        print(f"{missing:>9} open and without an entry: Redis has lost it or let it expire; nothing to repair")
    print(f"would repair {drift.drifted}" if args.dry_run else f"repaired {drift.repaired}")
    return ExitCode.DONE


def run_adopt(args: argparse.Namespace) -> ExitCode:
    """Adopt the entries named, or all of them."""
    if bool(args.ids) == args.all:
        print("callboard: name redis ids, or say --all", file=sys.stderr)
        return ExitCode.USAGE
    settings = open_ledger()
    client = redis_client(redis_url(settings))
    queues = [args.queue] if args.queue else queues_with_dead(client)
    if args.ids:
        return report([_adopt_one(client, queues, one, args) for one in dict.fromkeys(args.ids)], as_objects=args.json)
    operator, count = operator_of(args), 0
    for strays in _strays(client, queues):
        count += len(strays) if args.dry_run else len(_adopt(strays, operator))
    if args.json:
        print(as_json({"adopted": 0 if args.dry_run else count, "would_adopt": count if args.dry_run else 0}))
    else:
        print(f"{'would adopt' if args.dry_run else 'adopted'} {plural(count, 'letter')}")
    return ExitCode.DONE if count else ExitCode.NOTHING_MATCHED


def _adopt_one(client: redis.Redis, queues: list[str], redis_id: str, args: argparse.Namespace) -> Outcome:
    for name in queues:
        queue = DeadQueue(client, name)
        mark = queue.mark(redis_id)
        if mark is None:
            continue
        found = _unknown(queue, name, [mark])
        if not found:
            text = f"entry {redis_id} of {name}.XQ belongs to a letter or a job of the ledger already"
            return Outcome(redis_id, Result.REFUSED, text, "known")
        return _adopted(found[0], operator_of(args), dry_run=args.dry_run)
    return Outcome(redis_id, Result.NOT_FOUND, f"no dead queue has an entry {redis_id}")


def _adopt(strays: Sequence[Stray], operator: Operator) -> dict[str, UUID]:
    with action_span("adopt", operator, count=len(strays)):
        return adopt(strays, operator)


def _adopted(one: Stray, operator: Operator, *, dry_run: bool) -> Outcome:
    if dry_run:
        return Outcome(one.redis_id, Result.WOULD_BE_DONE, f"would adopt entry {one.redis_id} of {one.queue}.XQ")
    letters = _adopt([one], operator)
    if one.redis_id not in letters:
        return Outcome(one.redis_id, Result.REFUSED, f"entry {one.redis_id} was adopted meanwhile", "known")
    text = f"adopted entry {one.redis_id} of {one.queue}.XQ as letter {letters[one.redis_id]}"
    return Outcome(str(letters[one.redis_id]), Result.DONE, text)


def _strays(client: redis.Redis, queues: list[str]) -> Iterator[list[Stray]]:
    for name in queues:
        queue, after = DeadQueue(client, name), None
        while marks := queue.marks(after, _PAGE):
            after = marks[-1]
            yield _unknown(queue, name, marks)


def _unknown(queue: DeadQueue, name: str, marks: list[Mark]) -> list[Stray]:
    return [stray(name, one.entry) for one in placed(queue, name, marks) if one.standing is Standing.STRAY]
