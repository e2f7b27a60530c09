"""A send that a person asks for: the gate is asked at once, under its locks, and the same actor sends it as a job.

It must not know SQL, nor who a person is. That it was asked for by hand stands in the job's arguments and its source.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from actors.dispatch import Dispatched, Duplicate, dispatch
from actors.families import auto_send
from messaging.draft_store import Outgoing, read_outgoing
from messaging.formats import Channel, unfit
from messaging.gate import Judgement, judge
from messaging.gate_words import meaning
from messaging.sms_text import MOST_PARTS
from models.database import atomic
from models.ledger.operators import Operator, record_action
from models.readings.effects import effect_by_key
from policy.errors import InvariantRefused
from policy.keys import reply_effect_key

#: `source` of the jobs that a person asks for.
SOURCE = "by_hand"
_VERB = "send"


@dataclass(frozen=True, slots=True)
class Asked:
    """What came of it: the job, its state if it was there before, and until when it waits, because of what."""

    job_id: UUID
    duplicate_of_state: str | None = None
    not_before: datetime | None = None
    waits_for: str | None = None


def would_send(draft_id: UUID) -> Judgement:
    """What the gate says of sending this draft by hand now; nothing is written. Raises NotFound, InvariantRefused."""
    with atomic():
        judged = _judged(read_outgoing(draft_id))
    _raise_refusal(draft_id, judged)
    return judged


def send_by_hand(draft_id: UUID, operator: Operator) -> Asked:
    """Dispatch the draft's sending, decided under the gate's locks; the job passes the gate once more when it runs.

    Asked twice before it was decided, it is one job. The request is on record with its operator, a refusal too. Raises
    NotFound, InvariantRefused with the gate's reason, and what `dispatch` raises; then nothing was dispatched.
    """
    with atomic():
        outgoing = read_outgoing(draft_id)
        judged = _judged(outgoing)
        asked = None if judged.reason is not None else _dispatch(outgoing, judged)
        record_action(
            operator,
            _VERB,
            str(draft_id),
            _result(judged, asked),
            before={"status": outgoing.status},
            after={"job_id": str(asked.job_id)} if asked is not None else None,
        )
    _raise_refusal(draft_id, judged)
    assert asked is not None
    return asked


def _judged(outgoing: Outgoing) -> Judgement:
    judged = judge(outgoing.draft_id, outgoing.lead_id, None, by_hand=True)
    return Judgement(judged.reason or unfit(Channel(outgoing.channel), outgoing.content), judged.wait, judged.reply)


def _dispatch(outgoing: Outgoing, judged: Judgement) -> Asked:
    wait = judged.wait
    answer: Dispatched | Duplicate = dispatch(
        auto_send,
        draft_id=str(outgoing.draft_id),
        lead_id=str(outgoing.lead_id),
        lead_message_id=str(outgoing.lead_message_id),
        by_hand=True,
        # A refusal is an answer, after which a person may ask again: only undecided requests are the same one.
        dispatch_key=f"send:{outgoing.draft_id}:{_times_decided(outgoing.lead_message_id)}",
        client_id=outgoing.client_id,
        run_at=wait.until if wait is not None else None,
        source=SOURCE,
    )
    return Asked(
        UUID(answer.job_id),
        answer.state if isinstance(answer, Duplicate) else None,
        wait.until if wait is not None else None,
        wait.why if wait is not None else None,
    )


def _times_decided(lead_message_id: UUID) -> int:
    """How often the effects of the reply's parts were intended or refused."""
    effects = (effect_by_key(reply_effect_key(lead_message_id, part)) for part in range(1, MOST_PARTS + 1))
    return sum(effect.intents for effect in effects if effect is not None)


def _result(judged: Judgement, asked: Asked | None) -> str:
    if asked is None:
        return f"refused: {judged.reason}"
    return "duplicate" if asked.duplicate_of_state is not None else "done"


def _raise_refusal(draft_id: UUID, judged: Judgement) -> None:
    if judged.reason is not None:
        raise InvariantRefused(
            judged.reason, f"send of draft {draft_id} refused, {judged.reason}: {meaning(judged.reason)}"
        )
