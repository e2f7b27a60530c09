"""A whole run of cases: sealed, side by side, each through the same pipeline and judge; and what it came to.

It must not know options or screens, and it dispatches nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from messaging.drafters import drafter_for
from messaging.replay.attempts import Harness, run_case
from messaging.replay.case_store import read_history
from messaging.replay.cases import CaseResult, CaseStatus, ReplayCase
from messaging.replay.evaluation import Bar
from messaging.replay.judge import judge_for
from messaging.replay.judge_prompt import HISTORY_LINES
from messaging.replay.pipeline import pipeline_of
from messaging.replay.running import run_all
from messaging.replay.sealing import places_of, sealed
from policy.settings import Settings

#: What is told of each case that is over: the case's result, and how many are over by then.
OnDone = Callable[[CaseResult, int], None]


@dataclass(frozen=True, slots=True)
class Terms:
    """How cases are run and what they have to reach."""

    bar: Bar
    concurrency: int = 3
    retries: int = 1
    offer_slots: bool = True


@dataclass(frozen=True, slots=True)
class Outcome:
    """A result for every case, in order; what the seal stopped; the interrupt that cut the run short, if one did."""

    results: list[CaseResult]
    stopped: tuple[str, ...] = ()
    cut_short: BaseException | None = None


def run_cases(cases: Sequence[ReplayCase], settings: Settings, terms: Terms, on_done: OnDone) -> Outcome:
    """Run the cases with the drafter and judge in force. Those that an interrupt kept from their end are skipped.

    What the seal stopped is charged even where the pipeline swallowed the refusal.
    """
    # Made before the seal: whatever importing and building a client looks up is none of a case's doing.
    judge = judge_for(settings)
    pipeline = pipeline_of(drafter_for(settings), offer_slots=terms.offer_slots)
    stopping = threading.Event()
    harness = Harness(
        pipeline, terms.bar, judge, lambda case: read_history(case, HISTORY_LINES), terms.retries, stopping
    )
    allowed = places_of(settings.llm_base_url) if judge is not None else frozenset()
    with sealed(allowed) as seal:
        finished = run_all(
            cases,
            lambda case: run_case(case, harness),
            concurrency=terms.concurrency,
            stopping=stopping,
            on_done=on_done,
        )
    skipped = [CaseResult(case, CaseStatus.SKIPPED) for case in cases]
    results = [finished.results.get(place, without) for place, without in enumerate(skipped)]
    return Outcome(results, tuple(seal.stopped), finished.cut_short)


def selected_only(cases: Sequence[ReplayCase]) -> list[CaseResult]:
    """What a dry run says of its cases."""
    return [CaseResult(case, CaseStatus.SELECTED_ONLY) for case in cases]
