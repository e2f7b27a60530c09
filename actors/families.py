"""The actors of our families: names, arguments and options. What one does is loaded by the first job of its kind.

Most workers never run most of them, and mail, HTML and the guardrails take megabytes (docs/decisions/0068).
"""

from __future__ import annotations

from typing import Any

import dramatiq

from policy.errors import NotYet
from policy.ticks import MAINTENANCE_FUNCTION, PROCESS_FUNCTION

#: Before ordinary jobs (0) in a worker's own queue: what keeps the others moving must not wait behind them.
_PRIORITY = -10
#: Time limits in ms. A window lasts an hour at most; retention is cut into batches that end sooner by themselves.
_PROCESS_LIMIT_MS = 120_000
_MAINTENANCE_LIMIT_MS = 600_000


@dramatiq.actor(max_retries=4)
def inbound_post_process(lead_message_id: str, lead_id: str | None = None) -> dict[str, Any]:
    """See `actors.inbound.answer`. `lead_id` is for the job's row."""
    from actors.inbound import answer

    return answer(lead_message_id)


# `throws` makes NotYet a quiet line instead of an error with its traceback; the rule for Reschedule comes first.
@dramatiq.actor(max_retries=2, throws=NotYet)
def auto_send(
    draft_id: str, lead_id: str | None = None, lead_message_id: str | None = None, by_hand: bool = False
) -> dict[str, Any]:
    """See `actors.auto_send.send_draft`. `lead_id` and `lead_message_id` are for the job's row."""
    from actors.auto_send import send_draft

    return send_draft(draft_id, lead_id, by_hand=by_hand)


@dramatiq.actor(max_retries=4)
def score(lead_id: str) -> dict[str, Any]:
    """See `actors.scoring.score_anew`."""
    from actors.scoring import score_anew

    return score_anew(lead_id)


@dramatiq.actor(max_retries=4)
def sync_conversation(lead_id: str) -> dict[str, Any]:
    """See `actors.conversations.sync`."""
    from actors.conversations import sync

    return sync(lead_id)


@dramatiq.actor(actor_name=PROCESS_FUNCTION, max_retries=4, priority=_PRIORITY, time_limit=_PROCESS_LIMIT_MS)
def process_background_jobs(metadata: dict[str, Any] | None = None) -> dict[str, Any]:
    """See `actors.background.process_jobs`."""
    from actors.background import process_jobs

    return process_jobs(metadata)


@dramatiq.actor(actor_name=MAINTENANCE_FUNCTION, max_retries=4, priority=_PRIORITY, time_limit=_MAINTENANCE_LIMIT_MS)
def background_maintenance(metadata: dict[str, Any] | None = None) -> dict[str, Any]:
    """See `actors.background.maintain`."""
    from actors.background import maintain

    return maintain(metadata)
