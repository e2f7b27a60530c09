"""Gathers the rows behind an id: its jobs and all that belongs to them. It must not know how they are told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from models.readings import actions, attempts, effects, jobs, letters, replies, windows, workers
from models.readings.actions import ActionRow
from models.readings.attempts import AttemptRow
from models.readings.effects import EffectRow
from models.readings.identity import Kind, Named
from models.readings.jobs import JobRow
from models.readings.letter_facts import letter_facts
from models.readings.letters import LetterRow
from models.readings.paging import database_now
from models.readings.replies import DraftRow, LeadMessageRow
from models.readings.windows import WindowRow
from models.readings.workers import WorkerRow
from policy.requeue import requeue_refusal
from policy.states import JobState, Resolution

#: Jobs of one chain that are told in full; a family may be larger.
MOST_TOLD = 50


@dataclass(frozen=True, slots=True)
class Chain:
    """The rows behind an id, each list in the order of time.

    `more` counts jobs beyond MOST_TOLD; `relatives` are parents of jobs that are not in the chain themselves;
    `refusals` says of each open letter what forbids to requeue it now (None: nothing); `unserved` are the queues of
    waiting jobs that no living worker consumes.
    """

    named: Named
    now: datetime
    lease_s: float
    jobs: Sequence[JobRow]
    more: int
    attempts: Sequence[AttemptRow]
    effects: Sequence[EffectRow]
    letters: Sequence[LetterRow]
    refusals: Mapping[UUID, str | None]
    actions: Sequence[ActionRow]
    windows: Sequence[WindowRow]
    relatives: Mapping[str, JobRow]
    children: Sequence[JobRow]
    lead_messages: Sequence[LeadMessageRow]
    drafts: Sequence[DraftRow]
    workers: Mapping[UUID, WorkerRow]
    unserved: frozenset[str]


def gather(named: Named, *, lease_s: float) -> Chain:
    """The chain behind what an id names, from rows alone. `lease_s` tells which workers live."""
    found = _jobs_behind(named)
    told = found[:MOST_TOLD]
    ids = [job.id for job in told]
    own_letters = _letters_behind(named, ids)
    own_effects = _effects_behind(named, ids)
    message_ids = _lead_message_ids(named, told)
    drafts = replies.drafts_for(message_ids)
    targets = [str(target) for target in [*ids, *(letter.id for letter in own_letters)]]
    return Chain(
        named=named,
        now=database_now(),
        lease_s=lease_s,
        jobs=told,
        more=len(found) - len(told),
        attempts=attempts.attempts_of(told) or _attempt_without_job(named),
        effects=own_effects,
        letters=own_letters,
        refusals={letter.id: _refusal(letter) for letter in own_letters if letter.resolution == Resolution.OPEN},
        actions=actions.actions_on([*targets, *(effect.effect_key for effect in own_effects)]),
        windows=_windows_behind(named, told),
        relatives=_parents(told),
        children=_children(named, told),
        lead_messages=replies.lead_messages(message_ids),
        drafts=drafts,
        workers=workers.find_workers([job.worker_id for job in told if job.worker_id is not None]),
        unserved=_unserved(told, lease_s),
    )


def _jobs_behind(named: Named) -> list[JobRow]:
    kind = named.kind
    if kind is Kind.JOB:
        return jobs.find_jobs([named.uuid])
    if kind is Kind.DEAD_LETTER:
        letter = letters.find_letter(named.uuid)
        return jobs.find_jobs([letter.job_id]) if letter and letter.job_id else []
    if kind is Kind.ATTEMPT:
        attempt = attempts.attempt_by_key(named.id)
        return jobs.find_jobs([attempt.job_id]) if attempt else []
    if kind is Kind.WINDOW:
        window = windows.window_of_key(named.id)
        keys = (window.process_dispatch_id, window.maintenance_dispatch_id) if window else ()
        return [job for key in keys for job in jobs.jobs_of_key(key)]
    if kind is Kind.EFFECT:
        effect = effects.effect_by_key(named.id)
        return jobs.find_jobs([effect.job_id]) if effect else []
    if kind is Kind.DISPATCH_KEY:
        return jobs.jobs_of_key(named.id)
    if kind is Kind.CORRELATION:
        return jobs.family(named.id)
    return _jobs_of_lead_messages(_lead_message_ids(named, ()))


def _jobs_of_lead_messages(ids: Iterable[UUID]) -> list[JobRow]:
    return [job for message_id in ids for job in jobs.jobs_of_lead_message(str(message_id))]


def _lead_message_ids(named: Named, of_jobs: Iterable[JobRow]) -> list[UUID]:
    if named.kind is Kind.LEAD_MESSAGE:
        return [named.uuid]
    if named.kind is Kind.DRAFT:
        draft = replies.find_draft(named.uuid)
        return [draft.lead_message_id] if draft else []
    return list(dict.fromkeys(_uuids(job.lead_message_id for job in of_jobs)))


def _letters_behind(named: Named, job_ids: Sequence[UUID]) -> list[LetterRow]:
    found = letters.letters_of(job_ids)
    if named.kind is Kind.DEAD_LETTER and named.uuid not in {letter.id for letter in found}:
        adopted = letters.find_letter(named.uuid)
        return [*found, adopted] if adopted else found
    return found


def _effects_behind(named: Named, job_ids: Sequence[UUID]) -> list[EffectRow]:
    found = effects.effects_of(job_ids)
    if named.kind is Kind.EFFECT and named.id not in {effect.effect_key for effect in found}:
        outliving = effects.effect_by_key(named.id)  # its job has been pruned
        return [*found, outliving] if outliving else found
    return found


def _attempt_without_job(named: Named) -> list[AttemptRow]:
    attempt = attempts.attempt_by_key(named.id) if named.kind is Kind.ATTEMPT else None
    return [attempt] if attempt else []


def _windows_behind(named: Named, told: Iterable[JobRow]) -> list[WindowRow]:
    found = {}
    if named.kind is Kind.WINDOW and (asked := windows.window_of_key(named.id)):
        found[asked.dispatch_key] = asked
    seen: set[str] = {asked.correlation_id for asked in found.values()}
    for job in told:
        if job.correlation_id not in seen and (window := windows.window_behind(job)):
            found[window.dispatch_key] = window
        seen.add(job.correlation_id)
    return list(found.values())


def _parents(told: Sequence[JobRow]) -> dict[str, JobRow]:
    own = {str(job.id) for job in told}
    causes = {job.causation_id for job in told if job.causation_id} - own
    return {str(parent.id): parent for parent in jobs.find_jobs(list(_uuids(causes)))}


def _children(named: Named, told: Sequence[JobRow]) -> list[JobRow]:
    if named.kind is Kind.CORRELATION:
        return []  # the family itself is told
    own = {job.id for job in told}
    return [child for job in told for child in jobs.children(job) if child.id not in own]


def _unserved(told: Iterable[JobRow], lease_s: float) -> frozenset[str]:
    waiting = {job.queue for job in told if job.state in (JobState.PENDING, JobState.QUEUED)}
    return frozenset(queue for queue in waiting if not workers.queue_is_served(queue, lease_s))


def _refusal(letter: LetterRow) -> str | None:
    facts = letter_facts(letter.id)
    return requeue_refusal(facts) if facts else None


def _uuids(texts: Iterable[str | None]) -> Iterable[UUID]:
    for text in texts:
        try:
            yield UUID(text or "")
        except ValueError:
            continue
