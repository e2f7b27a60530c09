"""`callboard dlq settle`: an operator says what became of an effect whose outcome nobody could know."""

from __future__ import annotations

import argparse
from uuid import UUID

from models.ledger.effects import settle_unknown
from models.readings.effects import effects_of
from policy.errors import InvariantRefused, NotFound
from policy.requeue import REFUSALS
from policy.states import EffectState
from scripts.exits import ExitCode
from scripts.ledger_access import open_ledger
from scripts.letter_verbs import find
from scripts.operator_spans import action_span
from scripts.parsing import Subparsers
from scripts.several import Outcome, Result, add_operator_options, operator_of, report

#: The operator's words, and whether the effect happened.
_WORDS = {"sent": True, "not-sent": False}


def add_settle(verbs: Subparsers) -> None:
    """Add `dlq settle`."""
    settling = verbs.add_parser("settle", help="say what became of an effect whose outcome is unknown")
    settling.add_argument("id", metavar="ID", help="a dead letter's id or its job's, or the beginning of one")
    settling.add_argument("--effect", required=True, metavar="KEY", help="the effect's key, as `dlq show` tells it")
    settling.add_argument("--as", dest="outcome", required=True, choices=sorted(_WORDS), help="what became of it")
    add_operator_options(settling, reason_required=True)
    settling.set_defaults(run=run_settle)


def run_settle(args: argparse.Namespace) -> ExitCode:
    """Settle. Raises NotFound, Ambiguous."""
    letter = find(args.id, open_ledger())
    if letter.job_id is None:
        raise NotFound(f"letter {letter.id} has no job, so it has no effects")
    return report([_settled(args, letter.job_id)], as_objects=args.json)


def _settled(args: argparse.Namespace, job_id: UUID) -> Outcome:
    try:
        if args.dry_run:
            _would_settle(args.effect, job_id)
            return Outcome(args.effect, Result.WOULD_BE_DONE, f"would settle effect {args.effect} as {args.outcome}")
        operator = operator_of(args)
        with action_span("settle", operator, args.effect):
            settle_unknown(args.effect, job_id, operator, sent=_WORDS[args.outcome])
    except InvariantRefused as refused:
        text = f"settling of effect {args.effect} refused, {refused.reason}: {REFUSALS.get(refused.reason, '')}"
        return Outcome(args.effect, Result.REFUSED, text, refused.reason)
    return Outcome(args.effect, Result.DONE, f"settled effect {args.effect} as {args.outcome}")


def _would_settle(key: str, job_id: UUID) -> None:
    effect = next((one for one in effects_of([job_id]) if one.effect_key == key), None)
    if effect is None:
        raise NotFound(f"job {job_id} has no effect {key}")
    if effect.state != EffectState.UNKNOWN:
        raise InvariantRefused("not_unknown")
