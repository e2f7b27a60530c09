"""Keeps the drafts of a replay in a table of their own, where nothing can send them."""

from __future__ import annotations

from collections.abc import Sequence

from messaging.replay.cases import CaseResult
from models.database import atomic, query


def keep_drafts(run_id: str, results: Sequence[CaseResult]) -> int:
    """Store every draft that was written; gives how many. Repeating a run's replaces them."""
    drafted = [(one, one.produced.draft) for one in results if one.produced is not None and one.produced.draft]
    with atomic():
        for result, draft in drafted:
            query(
                "INSERT INTO replay_draft (run_id, lead_message_id, subject, content, prompt_key, model, inputs_digest,"
                " score, failure_type) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)"
                " ON CONFLICT (run_id, lead_message_id) DO UPDATE SET content = EXCLUDED.content,"
                " subject = EXCLUDED.subject, score = EXCLUDED.score, failure_type = EXCLUDED.failure_type",
                (
                    run_id,
                    result.case.lead_message_id,
                    draft.subject,
                    draft.body,
                    draft.prompt_key,
                    draft.model,
                    draft.inputs_digest,
                    result.score,
                    result.failure_type.value if result.failure_type else None,
                ),
            )
    return len(drafted)
