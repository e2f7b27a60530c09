"""What the demo has to say at its end: counts from rows, as one object or as a table with what to try next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from uuid import UUID

from messaging.outcomes import JobCounts, count_jobs, count_outcomes, count_retries

#: What each count means, for the table.
_MEANINGS = {
    "received": "distinct lead messages in the mailbox",
    "drafted": "replies written",
    "sent": "replies handed to the mail server, once each",
    "refused": "not to be answered, by the gate or by the kind of mail",
    "held": "nobody can know whether they went out: an operator decides",
    "duplicates_suppressed": "dispatches of work that was dispatched before",
    "retried": "attempts that failed and were tried again (two are planted)",
    "dead": "dead letters (one is planted)",
    "lost": "received and never heard of again",
    "seconds": "from start to the last outcome",
}


@dataclass(frozen=True, slots=True)
class Baseline:
    """What the counters stood at before this run: a home that is used again has counted before."""

    duplicates_suppressed: int
    retried: int


@dataclass(frozen=True, slots=True)
class Summary:
    """The demo's counts, as in the contract. Planted jobs count in `retried` and `dead` only."""

    received: int
    drafted: int
    sent: int
    refused: int
    held: int
    duplicates_suppressed: int
    retried: int
    dead: int
    lost: int
    seconds: float


def baseline(lead_message_ids: Sequence[UUID]) -> Baseline:
    """The counters of these lead messages as they stand."""
    return Baseline(count_jobs(lead_message_ids).duplicates_suppressed, count_retries(lead_message_ids))


def summary(lead_message_ids: Sequence[UUID], planted: Sequence[UUID], before: Baseline, seconds: float) -> Summary:
    """Count what became of them, by SQL."""
    outcomes = count_outcomes(lead_message_ids)
    jobs: JobCounts = count_jobs(lead_message_ids)
    return Summary(
        received=outcomes.received,
        drafted=outcomes.drafted,
        sent=outcomes.sent,
        refused=outcomes.refused,
        held=outcomes.held,
        duplicates_suppressed=jobs.duplicates_suppressed - before.duplicates_suppressed,
        retried=count_retries(lead_message_ids, planted) - before.retried,
        dead=outcomes.dead + count_jobs([], planted).dead,
        lost=outcomes.open,
        seconds=round(seconds, 1),
    )


def table(counts: Summary) -> Iterator[str]:
    """A line a count, with its meaning."""
    values = asdict(counts)
    width = max(map(len, values))
    for name, value in values.items():
        yield f"  {name:<{width}}  {value:>6}  {_MEANINGS[name]}"
