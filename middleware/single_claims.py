"""Claims and starts one message at a time, waiting in the hook while the ledger is away: brokers that are not ours,
and suspects. Same statements, less speed.
"""

from __future__ import annotations

from typing import NoReturn
from uuid import UUID, uuid4

import psycopg2
from dramatiq import Message, MessageProxy
from dramatiq.middleware import SkipMessage

from middleware import correlation, finish_report, metrics
from middleware.envelopes import copy_of
from middleware.in_hand import Held
from middleware.logs import event
from middleware.worker_process import WorkerProcess
from models.faults import is_infrastructure
from models.ledger import workers
from models.ledger.claim import Claimed, Copy, Holder, Refused, claim
from models.ledger.dispatch import Blocked, count_duplicates
from models.ledger.finish import mark_started
from models.ledger.letters import RawLetter, put_aside
from policy.crashes import given_back_s, hold_up_s
from policy.errors import LedgerUnavailable
from policy.states import DeadReason

#: Seconds between attempts to reach the ledger.
_WAIT_S = 0.5


def claim_waiting(process: WorkerProcess, message: MessageProxy) -> Held | None:
    """Claim this message, waiting for the ledger as long as the worker runs; None when it stopped before.

    Raises SkipMessage for a copy that must not run; a copy of a dead job, or one that the ledger refuses, is failed
    first.
    """
    copy, claim_id = copy_of(process.broker, message._message, message.encode()), uuid4()
    process.in_hand.claim_opens(claim_id)
    try:
        return _claim_until_answered(process, message, copy, claim_id)
    finally:
        process.in_hand.claim_ends(claim_id)


def _claim_until_answered(process: WorkerProcess, message: MessageProxy, copy: Copy, claim_id: UUID) -> Held | None:
    repeated = False
    while not process.stopping.is_set():
        if not process.wait_until_registered(_WAIT_S):
            continue
        holder = process.holder
        try:
            dedupe_s = process.settings.dedupe_s
            answer = claim(holder, claim_id, [copy], dedupe_s=dedupe_s, repeated=repeated)[copy.job_id]
        except (psycopg2.Error, LedgerUnavailable) as error:
            if not is_infrastructure(error):
                _put_aside(message, copy, error)
            repeated = True
            event("claim_waits", "WARNING", actor=copy.actor, job_id=str(copy.job_id), error=error)
            process.stopping.wait(_WAIT_S)
            continue
        if isinstance(answer, Claimed):
            return _take(process, holder, message, answer)
        _skip(message, copy.actor, answer)
    return None


def hand_back(process: WorkerProcess, message: MessageProxy) -> NoReturn:
    """The worker stops before the ledger could be asked: the message goes back to its queue, as it came."""
    process.broker.enqueue(message._message)
    raise SkipMessage("the ledger was away until this worker stopped")


def _put_aside(message: MessageProxy, copy: Copy, error: BaseException) -> NoReturn:
    letter = RawLetter(
        copy.queue, str(copy.job_id), copy.payload, DeadReason.REFUSED_BY_LEDGER, type(error).__name__, str(error)
    )
    put_aside([letter])
    event("copy_dead_lettered", "ERROR", queue=copy.queue, redis_id=letter.redis_id, reason=letter.reason.value)
    metrics.dead_letter(copy.actor, letter.reason.value)
    message.fail()
    raise SkipMessage("the ledger refused this message")


def give_way(process: WorkerProcess, held: Held) -> None:
    """Give a suspect back for a while where something beside it has been running for longer than it may hold others up.

    It keeps its mark, and nothing is spent. Nobody has it until it is due again, half a minute later at most; then it
    is the first process's that comes, an idle one's or this one's.
    """
    beside_s = process.in_hand.running_longest_s()
    if beside_s <= hold_up_s(0.0):
        return
    try:
        waited_s = workers.first_claimed_s(held.claim.job_id)
    except psycopg2.Error as error:
        event("suspect_waits", "WARNING", job_id=str(held.claim.job_id), error=error)
        return
    if beside_s > hold_up_s(waited_s) and process.in_hand.take(held):
        wait_s = given_back_s(waited_s)
        event("suspect_gave_way", job_id=str(held.claim.job_id), beside_s=round(beside_s, 3), wait_s=round(wait_s, 3))
        process.give_back([held], wait_s=wait_s)


def commit_start(process: WorkerProcess, held: Held) -> bool:
    """Commit that a suspect starts, before it runs: if its worker is lost then, it was the suspect.

    False: while the ledger was away this worker was declared lost, or it is to stop. Others have the job, or will.
    """
    while True:
        try:
            mark_started([(held.claim, held.started_after_s or 0.0)])
            break
        except psycopg2.Error as error:
            if not is_infrastructure(error):
                raise
            event("suspect_waits", "WARNING", job_id=str(held.claim.job_id), error=error)
            if process.stopping.is_set() or held.worker_id != process.holder.id:
                return False
            process.in_hand.wait_for_room(_WAIT_S)
    # The lease may have run out meanwhile: it is asked for again, as at every start.
    while not process.may_act(held.worker_id):
        if process.stopping.is_set() or held.worker_id != process.holder.id:
            return False
        process.in_hand.wait_for_room(_WAIT_S)
    return True


def _take(process: WorkerProcess, holder: Holder, message: MessageProxy, claimed: Claimed) -> Held:
    if claimed.payload is not None:
        # What runs is the row's envelope; the copy only named it.
        stored = Message.decode(bytes(claimed.payload))
        message._message = stored.copy(queue_name=message.queue_name)
    held = Held(claimed, holder.id, message.actor_name, message.queue_name)
    message.held = held  # type: ignore[attr-defined]
    message.claim = claimed  # type: ignore[attr-defined]
    correlation.refine(
        job_id=str(claimed.job_id),
        correlation_id=claimed.correlation_id,
        dispatch_key=claimed.dispatch_key,
        attempt=claimed.attempt,
        client_id=claimed.client_id,
    )
    finish_report.opened([held])
    process.in_hand.add([held])
    return held


def _skip(message: MessageProxy, actor: str, refused: Refused) -> None:
    metrics.copy_refused(actor, refused.outcome.value)
    if refused.holder is not None:
        try:
            count_duplicates([Blocked(refused.holder, "", 0.0)])
        except psycopg2.Error as error:
            event("duplicates_uncounted", "WARNING", duplicates=1, error=error)
    if refused.dead:
        message.fail()
    raise SkipMessage(f"this copy must not run: {refused.outcome}")
