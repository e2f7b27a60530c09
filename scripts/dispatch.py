"""`callboard dispatch`: one job by hand. A duplicate is an answer, not an error."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from models.readings.jobs import holder_of_key
from models.readings.paging import database_now
from policy.errors import NotFound
from policy.keys import check_dispatch_key
from scripts.exits import ExitCode
from scripts.ledger_access import configure_logs, open_ledger
from scripts.listing import moment_ahead
from scripts.modules import import_modules
from scripts.parsing import Subparsers, text_given

if TYPE_CHECKING:
    from dramatiq import Broker

    from actors.dispatch import Dispatched, Duplicate, Job


def add_parser(commands: Subparsers) -> None:
    """Add `dispatch` to the commands."""
    parser = commands.add_parser(
        "dispatch",
        help="dispatch one job by hand",
        description="Dispatch one job. A dispatch key that another job holds is exit 0 with the outcome `duplicate`.",
        intermixed=True,
    )
    parser.add_argument("actor", metavar="ACTOR", help="its name, of our families or of --module")
    parser.add_argument(
        "arguments",
        metavar="ARGS-JSON",
        nargs="?",
        type=_arguments,
        default=([], {}),
        help='a JSON list of positional or object of named arguments, such as [17] or {"draft_id": 17}',
    )
    parser.add_argument("--key", metavar="K", type=_key, help="dispatch key (default: the job's id)")
    parser.add_argument("--client-id", "--client", metavar="C", help="the client it is for")
    parser.add_argument(
        "--at", metavar="T", type=moment_ahead, help="not before this time: 10m, 2h, 3d from now or ISO 8601"
    )
    parser.add_argument(
        "--module", metavar="M", type=_module, action="append", default=[], help="a module with more actors"
    )
    parser.add_argument("--dry-run", action="store_true", help="say what would be dispatched, dispatch nothing")
    parser.add_argument("--json", action="store_true", help="print one object")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> ExitCode:
    """Dispatch one job.

    Raises NotFound for an unknown actor or module, ModuleBroken, DispatchContended, and what the drivers raise.
    """
    from actors.broker import setup
    from actors.dispatch import Job, dispatch_many

    settings = open_ledger()
    broker = setup()
    configure_logs(settings)
    import_modules(args.module)
    positional, named = args.arguments
    job = Job(
        _actor(broker, args.actor),
        args=tuple(positional),
        kwargs=named,
        dispatch_key=args.key,
        client_id=args.client_id,
        run_at=args.at,
        source="command",
    )
    if args.dry_run:
        return _say(_would_be(args.actor, args.key), as_json=args.json)
    return _say(_told(job, dispatch_many([job])[0]), as_json=args.json)


def _would_be(actor: str, dispatch_key: str | None) -> dict[str, Any]:
    """What a dispatch would answer now."""
    holder = None if dispatch_key is None else holder_of_key(dispatch_key)
    if holder is None:
        return {"outcome": "would dispatch", "actor": actor, "dispatch_key": dispatch_key}
    return _duplicate(str(holder.id), dispatch_key, holder.state, (database_now() - holder.created_at).total_seconds())


def _duplicate(job_id: str, dispatch_key: str | None, state: str, age_s: float) -> dict[str, Any]:
    return {
        "outcome": "duplicate",
        "job_id": job_id,
        "dispatch_key": dispatch_key,
        "state": state,
        "age_s": round(age_s, 3),
    }


def _told(job: Job, answer: Dispatched | Duplicate) -> dict[str, Any]:
    from actors.dispatch import Duplicate

    if isinstance(answer, Duplicate):
        return _duplicate(answer.job_id, job.dispatch_key, answer.state, answer.age_s)
    return {
        "outcome": "dispatched",
        "job_id": answer.job_id,
        "dispatch_key": answer.dispatch_key,
        "correlation_id": answer.correlation_id,
        "enqueued": answer.enqueued,
    }


def _say(told: dict[str, Any], *, as_json: bool) -> ExitCode:
    if as_json:
        print(json.dumps(told))
    else:
        outcome = told.pop("outcome")
        print(outcome, *(f"{name}={value}" for name, value in told.items() if value is not None), sep="  ")
    return ExitCode.DONE


def _actor(broker: Broker, name: str) -> Any:
    try:
        return broker.actors[name]
    except KeyError:
        known = ", ".join(sorted(broker.actors))
        raise NotFound(f"no actor {name!r}; known are {known} (more with --module)") from None


def _arguments(text: str) -> tuple[list[Any], dict[str, Any]]:
    try:
        given = json.loads(text_given(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no JSON: {error}") from error
    if isinstance(given, list):
        return given, {}
    if isinstance(given, dict):
        return [], given
    raise argparse.ArgumentTypeError(f"{text!r} is neither a list nor an object")


def _module(text: str) -> str:
    if not all(text_given(text).split(".")):
        raise argparse.ArgumentTypeError(f"{text!r} is no module's name")
    return text


def _key(text: str) -> str:
    try:
        return check_dispatch_key(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
