"""`callboard dlq plan`: which letters a verb would move, which it would not and why; nothing moves."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from functools import partial
from pathlib import Path

from models.readings.letter_plans import Judge, database_identity, judged
from models.readings.paging import database_now
from models.readings.wording import plural
from policy.letter_plans import Plan, Verb
from policy.requeue import REFUSALS, discard_refusal, requeue_refusal
from scripts.exits import ExitCode
from scripts.ledger_access import open_ledger
from scripts.letter_filters import add_filter_options, filter_of, noted_filters
from scripts.listing import moment_given
from scripts.parsing import Subparsers
from scripts.plan_files import plan_text, write_plan
from scripts.screens import harmless, plain


def add_plan(verbs: Subparsers) -> None:
    """Add `dlq plan requeue` and `dlq plan discard`."""
    planning = verbs.add_parser("plan", help="write down which letters a verb would move; `apply` moves them")
    kinds = planning.add_subparsers(metavar="VERB", dest="verb", required=True)
    for verb in Verb:
        kind = kinds.add_parser(verb.value, help=f"plan to {verb.value} the open letters that the filters find")
        add_filter_options(kind)
        kind.add_argument("--since", type=moment_given, metavar="TIME", help="died not longer ago: 15m, 2h, 3d")
        kind.add_argument("--until", type=moment_given, metavar="TIME", help="died before this")
        kind.add_argument("--out", metavar="FILE", type=Path, help="the plan's file (default: dlq-VERB-HASH.json here)")
        kind.add_argument("--json", action="store_true", help="print the plan; it is written to a file with --out only")
        kind.set_defaults(run=run_plan)


def judge_for(verb: Verb, reason: str) -> Judge:
    """What names the invariant that forbids `verb` on a letter."""
    return requeue_refusal if verb is Verb.REQUEUE else partial(discard_refusal, reason=reason)


def run_plan(args: argparse.Namespace) -> ExitCode:
    """Plan. Raises PlanFileUnusable."""
    open_ledger()
    verb = Verb(args.verb)
    judge = judge_for(verb, "given when it is applied")
    letters, refused = judged(filter_of(args), args.since, args.until, judge, keys=verb is Verb.REQUEUE)
    made_at = str(plain(database_now()))
    plan = Plan(verb, database_identity(), made_at, noted_filters(args), letters, refused)
    if not letters and not refused:
        if args.json:
            print(plan_text(plan), end="")
        print("callboard: nothing matched", file=sys.stderr)
        return ExitCode.NOTHING_MATCHED
    path = args.out or (None if args.json else Path(f"dlq-{verb}-{plan.digest[:12]}.json"))
    if path is not None:
        write_plan(plan, path)
    if args.json:
        print(plan_text(plan), end="")
    else:
        print("\n".join(harmless(line, keep_spaces=True) for line in _told(plan, path)))
    return ExitCode.DONE


def _told(plan: Plan, path: Path | None) -> list[str]:
    lines = [f"plan {plan.digest}", f"would {plan.verb} {plural(len(plan.letters), 'letter')}"]
    for name, count in Counter(letter.refusal for letter in plan.refused).most_common():
        lines.append(f"refuses {plural(count, 'letter')}, {name}: {REFUSALS.get(name, '')}")
        lines += [f"    {letter.id}" for letter in plan.refused if letter.refusal == name][:5]
    lines.append(f"apply it with: callboard dlq apply {path}" if plan.letters else "there is nothing to apply")
    return lines
