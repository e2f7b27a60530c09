"""Replies out: sends one draft through the gate, each part once, as an effect; then writes down what became of it.

It must not know SQL, nor which conditions the gate asks for, nor how a channel is spoken to.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import UUID

from actors.effects import Done, Refused, once
from messaging import draft_store
from messaging.draft_store import Outgoing
from messaging.formats import Channel, parts_of, unfit
from messaging.gate import gate
from messaging.transport import idempotent_for_s, known_as, provider_of, request_digest, send_part, sent_part
from middleware import metrics
from middleware.configuration import settings_in_force
from middleware.in_hand import Held, current_held
from policy.errors import NotFound, NotYet, OutcomeUnknown, StaleClaim, Terminal
from policy.keys import reply_effect_key


def send_draft(draft_id: str, lead_id: str | None = None, *, by_hand: bool = False) -> dict[str, Any]:
    """Send the draft unless the gate refuses; a refusal is a result, not an error.

    A draft of several parts goes on with the first that is not known to have gone out. One of another lead than
    `lead_id` is refused. `by_hand` says that a person asked for it. Raises Terminal for a draft that is not
    there or cannot be sent, NotYet while it is not its hour, OutcomeUnknown when nobody can know whether it went out.
    """
    held = _held()
    job_id = held.claim.job_id
    try:
        # A draft that is not ours to take is left to the gate, which names the reason, or to the effect that was done.
        draft_store.take_for_sending(UUID(draft_id), job_id, by_hand=by_hand)
        outgoing = _in_parts(UUID(draft_id), job_id)
        meant_for = UUID(lead_id) if lead_id else outgoing.lead_id
    except (NotFound, ValueError) as error:
        raise Terminal(str(error)) from error
    answers: list[Done] = []
    for part in range(1, len(outgoing.parts) + 1):
        try:
            answer = _send_once(outgoing, part, held, partial(_forbidden, outgoing, part, meant_for, job_id, by_hand))
        except NotYet:
            draft_store.put_back(outgoing.draft_id, job_id)
            raise
        except OutcomeUnknown:
            draft_store.hold_draft(outgoing.draft_id, job_id)
            raise
        if isinstance(answer, Refused):
            draft_store.refuse_draft(outgoing.draft_id, job_id, answer.reason)
            return {"refused": answer.reason, **({"parts_sent": part - 1} if part > 1 else {})}
        answers.append(answer)
    return _told(outgoing, answers)


def _in_parts(draft_id: UUID, job_id: UUID) -> Outgoing:
    """The draft in the parts in which it goes out: fixed before the first of them may have gone."""
    outgoing = draft_store.read_outgoing(draft_id)
    if outgoing.channel != Channel.SMS.value:
        return outgoing
    draft_store.fix_parts(draft_id, job_id, parts_of(Channel.SMS, outgoing.content))
    return draft_store.read_outgoing(draft_id)


def _forbidden(outgoing: Outgoing, part: int, meant_for: UUID, job_id: UUID, by_hand: bool) -> str | None:
    """Why that part must not go out, in the intent's transaction. What does not fit the gate need not let out."""
    does_not_fit = unfit(Channel(outgoing.channel), outgoing.content) if part == 1 else None
    return does_not_fit or gate(outgoing.draft_id, meant_for, job_id, part=part, by_hand=by_hand)


def _send_once(outgoing: Outgoing, part: int, held: Held, guard: Callable[[], str | None]) -> Done | Refused:
    """Send that part unless it has gone out or must not, and write down that it did."""
    settings, key = settings_in_force(), reply_effect_key(outgoing.lead_message_id, part)
    answer = once(
        key,
        lambda idempotency_key: send_part(outgoing, part, idempotency_key, held.database_now(), settings),
        kind=outgoing.channel,
        guard=guard,
        idempotent_for_s=idempotent_for_s(outgoing.channel, settings),
        provider=provider_of(outgoing.channel),
        request_digest=request_digest(outgoing, part),
    )
    if isinstance(answer, Done):
        late_s = draft_store.record_sent(outgoing, sent_part(outgoing, key, answer.result, held.database_now()), part)
        if late_s is not None:
            metrics.reply_sent(late_s)
    return answer


def _told(outgoing: Outgoing, answers: list[Done]) -> dict[str, Any]:
    """The job's result: what the first part is known by, and whether all had gone out before."""
    key = reply_effect_key(outgoing.lead_message_id, 1)
    name, replayed = known_as(outgoing, key, answers[0].result), all(answer.replayed for answer in answers)
    return {"sent": name, "replayed": replayed, **({"parts": len(answers)} if len(answers) > 1 else {})}


def _held() -> Held:
    held = current_held.get()
    if held is None:
        raise StaleClaim("auto_send needs a claimed job: dispatch it")
    return held
