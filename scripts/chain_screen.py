"""A chain on one screen: what the id names, its jobs, the events in order of time, now and next."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator
from typing import Any

from models.readings.chain import Chain
from models.readings.identity import Kind
from models.readings.jobs import JobRow
from models.readings.outlook import letter_outlook, outlook
from models.readings.story import Event, tell
from models.readings.wording import ago, moment, plural
from policy.states import JobState, Resolution
from scripts.screens import WIDTH, harmless

#: Columns before an event's sentence: the moment, its word, and the gaps between them.
_MARGIN = 19 + 2 + 10 + 2
#: Of several jobs, these need no sentence of their own.
_OVER = (JobState.SUCCEEDED, JobState.CANCELLED, JobState.DISCARDED)


def lines(chain: Chain, width: int) -> Iterator[str]:
    """The screen, a line at a time."""
    if chain.named.kind is not Kind.JOB:
        yield harmless(f"{chain.named.kind} {chain.named.id}")
    for job in chain.jobs:
        yield from _heading(job, chain)
    if chain.more:
        all_of_them = f"callboard jobs list --correlation {chain.jobs[0].correlation_id}"
        yield f"… and {plural(chain.more, 'more job')}: {all_of_them}"
    yield ""
    yield from _events(chain, width)
    yield ""
    yield from _prospects(chain, width)


def as_object(chain: Chain) -> dict[str, Any]:
    """The chain for machines: what was asked, its jobs, the events, and of each job its now and next."""
    return {
        "kind": chain.named.kind,
        "id": chain.named.id,
        "jobs": chain.jobs,
        "jobs_left_out": chain.more,
        "events": tell(chain),
        "outlook": [outlook(job, chain) for job in chain.jobs],
        "dead_letters": [
            {"id": letter.id, "resolution": letter.resolution, "requeue_refused": chain.refusals.get(letter.id)}
            for letter in chain.letters
        ],
    }


def _heading(job: JobRow, chain: Chain) -> Iterator[str]:
    """The job on a line; what it is known by on a second one where it is alone."""
    created = ago(job.created_at, chain.now)
    yield harmless(f"job {job.id}  {job.actor}  {job.state}, created {created}", keep_spaces=True)
    if len(chain.jobs) > 1:
        return
    key = "its id" if job.dispatch_key == str(job.id) else job.dispatch_key
    parts = [f"key {key}", f"correlation {job.correlation_id}", f"client {job.client_id or '-'}", f"queue {job.queue}"]
    if job.lead_message_id:
        parts.append(f"lead message {job.lead_message_id}")
    yield from _sentence("    ", " · ".join(parts), WIDTH)


def _events(chain: Chain, width: int) -> Iterator[str]:
    actors = {job.id: job.actor for job in chain.jobs} if len(chain.jobs) > 1 else {}
    for event in tell(chain):
        yield from _event(event, actors.get(event.job_id) if event.job_id else None, width)


def _event(event: Event, actor: str | None, width: int) -> Iterator[str]:
    # A dispatch names its actor itself.
    whose = f"{actor}: " if actor and event.what != "dispatched" else ""
    head = f"{moment(event.at)}  {event.what:<10}  "
    yield from textwrap.wrap(
        harmless(whose + event.text),
        width,
        initial_indent=head,
        subsequent_indent=" " * _MARGIN,
        break_on_hyphens=False,
    )


def _prospects(chain: Chain, width: int) -> Iterator[str]:
    """`now:` and `next:`; of several jobs each that is not over under its name, the others counted."""
    if not chain.jobs:
        yield from _without_job(chain, width)
        return
    alone = len(chain.jobs) == 1
    told = [job for job in chain.jobs if alone or job.state not in _OVER]
    for job in told:
        if not alone:
            yield harmless(f"{job.actor} {job.id}")
        prospect = outlook(job, chain)
        yield from _sentence("now:  ", prospect.now, width)
        yield from _sentence("next: ", prospect.next, width)
    over = Counter(job.state for job in chain.jobs if job not in told)
    if over:
        counts = ", ".join(f"{count} {state}" for state, count in over.items())
        yield from _sentence("now:  ", f"{'the others' if told else 'all'} are over: {counts}{_replies(chain)}", width)
    if not told:
        yield "next: Nothing."


def _replies(chain: Chain) -> str:
    """What became of the drafts: a job that succeeded may have found that nothing is to be sent."""
    told = [f"draft {draft.status}" + (f", {draft.refusal}" if draft.refusal else "") for draft in chain.drafts]
    never = [f"never answered, {message.never_answer}" for message in chain.lead_messages if message.never_answer]
    return "".join(f"; {one}" for one in [*told, *never])


def _without_job(chain: Chain, width: int) -> Iterator[str]:
    yield "now:  its job is not in the ledger: pruned, not dispatched yet, or never one"
    open_letters = [letter for letter in chain.letters if letter.resolution == Resolution.OPEN]
    for letter in open_letters:
        yield from _sentence("next: ", letter_outlook(letter, chain), width)
    if not open_letters:
        yield "next: Nothing."


def _sentence(head: str, text: str, width: int) -> list[str]:
    return textwrap.wrap(
        harmless(text), width, initial_indent=head, subsequent_indent=" " * len(head), break_on_hyphens=False
    )
