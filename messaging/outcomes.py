"""What became of lead messages, counted from rows alone: nothing that a process remembers can hide a loss."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from messaging.sms_text import MOST_PARTS
from models.database import query
from policy.keys import reply_effect_key


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Each lead message is counted once among `sent`, `held`, `refused`, `dead` and `open`; `drafted` beside that.

    `open` ones have no outcome: they are on their way, or lost if nothing is on its way any more.
    """

    received: int
    drafted: int
    sent: int
    held: int
    refused: int
    dead: int
    open: int


@dataclass(frozen=True, slots=True)
class JobCounts:
    """Jobs of some lead messages, and jobs named one by one. `attempts` is how often any of them was executed."""

    live: int
    attempts: int
    duplicates_suppressed: int
    dead: int


def count_outcomes(lead_message_ids: Sequence[UUID]) -> Outcomes:
    """The outcomes of these inbound lead messages.

    Sent: the draft says so, or the effects of all its parts are confirmed. Held: the outcome of one is unknown.
    Refused: by the gate, or handled as mail that is never answered. Dead: a job of it is.
    """
    row = query(
        "WITH effect AS (SELECT wanted.id, count(*) FILTER (WHERE state = 'CONFIRMED') AS confirmed,"
        "   bool_or(state = 'UNKNOWN') AS doubtful FROM unnest(%s::uuid[], %s::text[]) AS wanted (id, effect_key)"
        "   JOIN side_effect USING (effect_key) GROUP BY wanted.id),"
        " message AS (SELECT m.id, m.never_answer IS NOT NULL AND m.processed_at IS NOT NULL AS unanswered,"
        "   draft.id AS draft_id, draft.status, coalesce(effect.doubtful, false) AS doubtful,"
        "   coalesce(effect.confirmed >= coalesce(cardinality(draft.parts), 1), false) AS confirmed"
        "   FROM lead_message AS m LEFT JOIN draft ON draft.lead_message_id = m.id LEFT JOIN effect ON effect.id = m.id"
        "   WHERE m.id = ANY (%s::uuid[]) AND m.direction = 'inbound'),"
        " dead AS (SELECT DISTINCT job.lead_message_id FROM dead_letter JOIN background_job AS job"
        "   ON job.id = dead_letter.job_id WHERE job.state = 'dead' AND job.lead_message_id IS NOT NULL),"
        " fate AS (SELECT message.draft_id, CASE"
        "   WHEN status = 'sent' OR confirmed THEN 'sent'"
        "   WHEN status = 'held' OR doubtful THEN 'held'"
        "   WHEN status = 'refused' OR unanswered THEN 'refused'"
        "   WHEN dead.lead_message_id IS NOT NULL THEN 'dead' ELSE 'open' END AS name"
        "   FROM message LEFT JOIN dead ON dead.lead_message_id = message.id::text)"
        " SELECT count(*), count(draft_id), count(*) FILTER (WHERE name = 'sent'),"
        " count(*) FILTER (WHERE name = 'held'), count(*) FILTER (WHERE name = 'refused'),"
        " count(*) FILTER (WHERE name = 'dead'), count(*) FILTER (WHERE name = 'open') FROM fate",
        (*_effect_keys(lead_message_ids), list(lead_message_ids)),
    )[0]
    return Outcomes(*row)


def count_jobs(lead_message_ids: Sequence[UUID], job_ids: Sequence[UUID] = ()) -> JobCounts:
    """The jobs of these lead messages together with those of `job_ids`."""
    row = query(
        "SELECT count(*) FILTER (WHERE state IN ('pending', 'queued', 'running')), coalesce(sum(attempts), 0)::int,"
        " coalesce(sum(duplicates_suppressed), 0)::int, count(*) FILTER (WHERE state = 'dead')"
        " FROM background_job WHERE lead_message_id = ANY (%s::text[]) OR id = ANY (%s::uuid[])",
        _named(lead_message_ids, job_ids),
    )[0]
    return JobCounts(*row)


def count_retries(lead_message_ids: Sequence[UUID], job_ids: Sequence[UUID] = ()) -> int:
    """Retry verdicts on attempts of those jobs."""
    row = query(
        "SELECT count(*) FROM background_job AS job CROSS JOIN LATERAL generate_series(1, job.attempts) AS number"
        " JOIN background_function_run AS run ON run.run_key = job.actor || ':' || job.id || ':' || number"
        " WHERE run.verdict = 'retry' AND (job.lead_message_id = ANY (%s::text[]) OR job.id = ANY (%s::uuid[]))",
        _named(lead_message_ids, job_ids),
    )[0]
    return int(row[0])


def waited_for(lead_message_ids: Sequence[UUID], job_ids: Sequence[UUID] = (), limit: int = 3) -> list[str]:
    """What is still on its way, a line a job: actor, id, state and when it is due."""
    rows = query(
        "SELECT actor, id, state, run_at FROM background_job WHERE state IN ('pending', 'queued', 'running')"
        " AND (lead_message_id = ANY (%s::text[]) OR id = ANY (%s::uuid[])) ORDER BY run_at LIMIT %s",
        (*_named(lead_message_ids, job_ids), limit),
    )
    return [f"{actor} {job_id} ({state}, due {run_at:%Y-%m-%d %H:%M:%S}Z)" for actor, job_id, state, run_at in rows]


def worth_a_look(lead_message_ids: Sequence[UUID]) -> UUID | None:
    """One of these lead messages, one that was refused if there is any: its story says most."""
    rows = query(
        "SELECT m.id FROM lead_message AS m LEFT JOIN draft ON draft.lead_message_id = m.id"
        " WHERE m.id = ANY (%s::uuid[]) ORDER BY coalesce(draft.status = 'refused', false) DESC, m.arrival LIMIT 1",
        (list(lead_message_ids),),
    )
    return rows[0][0] if rows else None


def _effect_keys(lead_message_ids: Sequence[UUID]) -> tuple[list[UUID], list[str]]:
    """A lead message and an effect key, for every part that its reply may have."""
    pairs = [(one, reply_effect_key(one, part)) for one in lead_message_ids for part in range(1, MOST_PARTS + 1)]
    return [one for one, _ in pairs], [key for _, key in pairs]


def _named(lead_message_ids: Sequence[UUID], job_ids: Sequence[UUID]) -> tuple[list[str], list[UUID]]:
    return [str(one) for one in lead_message_ids], list(job_ids)
