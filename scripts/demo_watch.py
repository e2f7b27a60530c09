"""Waits until every message of the demo has its outcome, and says meanwhile how far it is. Trusts rows only."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from messaging.outcomes import JobCounts, Outcomes, count_jobs, count_outcomes, waited_for

if TYPE_CHECKING:
    from policy.settings import Settings
    from scripts.demo_workers import Crew
    from scripts.progress import Progress

#: Seconds between two looks; more when a look takes long (a large mailbox).
_LOOK_EVERY_S = 0.1
_LOOKS_SHARE = 5
#: Nothing is on its way, yet something has no outcome: an attempt whose job was taken away may still end, in s.
_LAST_WORDS_S = 2.0
#: Seconds without any change after which nobody waits any longer, beside the time that recovering a lost worker takes.
_PATIENCE_S = 60.0


def watch(
    lead_message_ids: Sequence[UUID], planted: Sequence[UUID], crew: Crew, progress: Progress, settings: Settings
) -> list[str]:
    """Wait until no job is on its way; gives what had to be given up, a line each.

    Raises WorkersKeepDying.
    """
    patience_s = _PATIENCE_S + 2 * settings.lease_s
    former: tuple[Outcomes, JobCounts] | None = None
    changed_s = idle_s = time.monotonic()
    while True:
        began_s = time.monotonic()
        crew.keep_alive()
        jobs, outcomes = count_jobs(lead_message_ids, planted), count_outcomes(lead_message_ids)
        if (outcomes, jobs) != former:
            former, changed_s = (outcomes, jobs), began_s
            crew.progressed()
        progress.show(_line(outcomes, jobs))
        if jobs.live:
            idle_s = began_s
        if not jobs.live and (not outcomes.open or began_s - idle_s > _LAST_WORDS_S):
            return []
        if began_s - changed_s > patience_s:
            return waited_for(lead_message_ids, planted)
        time.sleep(max(_LOOK_EVERY_S, _LOOKS_SHARE * (time.monotonic() - began_s)))


def _line(outcomes: Outcomes, jobs: JobCounts) -> str:
    counts = [(getattr(outcomes, name), name) for name in ("drafted", "sent", "refused", "held", "dead")]
    fates = ", ".join(f"{count} {name}" for count, name in counts if count)
    return f"{outcomes.received} received: {fates or 'nothing done yet'}; jobs to go: {jobs.live}"
