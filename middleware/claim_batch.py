"""One fetched batch on its way through the claim: it is claimed whole, halved where a row is refused, and sorted.

It must not know how copies are fetched or when the consumer waits.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import psycopg2
from dramatiq import Message
from dramatiq.errors import DecodeError

from middleware import finish_report, metrics, not_found
from middleware.claimed_message import ClaimedMessage
from middleware.envelopes import copy_of
from middleware.in_hand import Held
from middleware.logs import event
from middleware.redis_broker import Settled
from middleware.worker_process import WorkerProcess
from models.faults import is_contention, is_infrastructure
from models.ledger.claim import Claimed, Copy, Refused, claim
from models.ledger.dispatch import Blocked, count_duplicates
from models.ledger.finish import Failure, Finish
from models.ledger.letters import RawLetter, put_aside
from policy.states import DeadReason, JobState, RefusedCopy, RunStatus

if TYPE_CHECKING:
    from middleware.redis_broker import LedgerRedisBroker


#: Statements of one claim that may wait for somebody's lock in vain; what is left then is tried again by the next.
_MOST_CONTENDED = 4
#: Milliseconds after which a plain send comes again whose key was in somebody's open transaction.
_AGAIN_MS = 5_000


@dataclass(slots=True)
class _Fetched:
    redis_id: str
    message: Message[Any]
    data: bytes
    copy: Copy


@dataclass(slots=True)
class Answers:
    """What came of a batch: messages to hand on, and copies to settle in Redis at once."""

    claimed: list[ClaimedMessage] = field(default_factory=list)
    settled: list[Settled] = field(default_factory=list)


class Batch:
    """The copies of one fetch under one claim id, so that repeating the claim after a lost reply is harmless."""

    def __init__(self, broker: LedgerRedisBroker, queue: str) -> None:
        self._broker = broker
        self._queue = queue
        self._claim_id = uuid4()
        self._tried = False
        self._fetched: dict[UUID, _Fetched] = {}
        self._doubles: list[tuple[str, str]] = []
        self._raw: list[RawLetter] = []
        #: Redis ids of those that come again by another way.
        self._left: list[str] = []
        self._contended = 0
        self._claimed: dict[UUID, Claimed | Refused] = {}
        #: Under which identity each was claimed: the process may be declared lost and renewed before it hands them on.
        self._under: dict[UUID, UUID] = {}

    @property
    def empty(self) -> bool:
        """Whether nothing was put in."""
        return not (self._fetched or self._raw or self._doubles)

    def add(self, redis_id: str, message: Message[Any], data: bytes) -> None:
        """Put a decoded copy in. Of two copies of one job only the newer release can be claimed."""
        try:
            copy = copy_of(self._broker, message, data)
        except (ValueError, TypeError, AttributeError, ArithmeticError) as error:
            self.undecodable(redis_id, data, error)
            return
        this, other = _Fetched(redis_id, message, data, copy), self._fetched.get(copy.job_id)
        if other is not None and (other.copy.release or 0) >= (copy.release or 0):
            this, other = other, this
        if other is not None:
            self._doubles.append((other.redis_id, copy.actor))
        self._fetched[copy.job_id] = this

    def undecodable(self, redis_id: str, data: bytes, error: BaseException) -> None:
        """Bytes that are no message: they are dead-lettered raw and harm no neighbour."""
        self._raw.append(
            RawLetter(self._queue, redis_id, data, DeadReason.UNDECODABLE, type(error).__name__, str(error))
        )

    def redis_ids(self) -> list[str]:
        """The copies that have not been answered."""
        return [one.redis_id for one in self._fetched.values()] + [raw.redis_id for raw in self._raw]

    def claim(self, process: WorkerProcess) -> Answers:
        """Claim everything. Raises infrastructure errors only; then it may be called again."""
        process.in_hand.claim_opens(self._claim_id)
        began_s = time.monotonic()
        todo = [one.copy for job_id, one in self._fetched.items() if job_id not in self._claimed]
        repeated, self._tried, self._contended = self._tried, True, 0
        self._claim_some(process, todo, repeated)
        put_aside(self._raw)
        if todo:
            metrics.ledger_timed("claim", time.monotonic() - began_s, len(todo))
        return self._answers(process)

    def abandon(self, process: WorkerProcess) -> None:
        """Nobody will ask for the answer any more: what was claimed all the same is the heartbeat's to give back."""
        process.in_hand.claim_ends(self._claim_id)

    def _claim_some(self, process: WorkerProcess, copies: Sequence[Copy], repeated: bool) -> None:
        """One statement for all; if PostgreSQL refuses it, parts, until the copy that it refuses stands alone.

        So for one whose key or row is in somebody's open transaction: the others do not wait for it. Where nothing gets
        through the whole batch waits, as for a ledger that is away.
        """
        if not copies:
            return
        holder = process.holder
        try:
            answers = claim(holder, self._claim_id, copies, dedupe_s=process.settings.dedupe_s, repeated=repeated)
        except psycopg2.Error as error:
            if is_infrastructure(error) and not is_contention(error):
                raise
            if is_contention(error):
                self._contended += 1
                if self._contended > _MOST_CONTENDED or (len(copies) == 1 and not self._may_leave(copies[0])):
                    raise
            if len(copies) == 1:
                self._leave(copies[0]) if is_contention(error) else self._refuse(copies[0], error)
                return
            for part in _parts(copies):
                self._claim_some(process, part, repeated)
            return
        self._claimed |= answers
        self._under |= dict.fromkeys(answers, holder.id)

    def _may_leave(self, copy: Copy) -> bool:
        return bool(self._claimed) or _names_a_key(copy)

    def _leave(self, copy: Copy) -> None:
        """It comes again: a released copy when the sweep misses it, a plain send by way of its delay queue."""
        one = self._fetched[copy.job_id]
        if copy.release is None:
            self._broker.enqueue_later(one.message, _AGAIN_MS)
        self._left.append(self._fetched.pop(copy.job_id).redis_id)
        event("copy_comes_again", "WARNING", queue=self._queue, actor=copy.actor, job_id=str(copy.job_id))

    def _refuse(self, copy: Copy, error: BaseException) -> None:
        one = self._fetched.pop(copy.job_id)
        self._raw.append(
            RawLetter(
                self._queue, one.redis_id, one.data, DeadReason.REFUSED_BY_LEDGER, type(error).__name__, str(error)
            )
        )

    def _answers(self, process: WorkerProcess) -> Answers:
        answers = Answers()
        blocked = []
        taken = []
        for job_id, one in self._fetched.items():
            answer = self._claimed[job_id]
            if isinstance(answer, Claimed):
                if message := self._take(process, one, answer):
                    taken.append(message)
                continue
            metrics.copy_refused(one.copy.actor, answer.outcome.value)
            answers.settled.append(Settled(self._queue, one.redis_id, answer.dead))
            if answer.holder is not None:
                blocked.append(Blocked(answer.holder, "", 0.0))
        answers.settled += [Settled(self._queue, redis_id) for redis_id in self._left]
        for redis_id, actor in self._doubles:
            metrics.copy_refused(actor, RefusedCopy.DUPLICATE.value)
            answers.settled.append(Settled(self._queue, redis_id))
        for raw in self._raw:
            event("copy_dead_lettered", "ERROR", queue=self._queue, redis_id=raw.redis_id, reason=raw.reason.value)
            metrics.dead_letter("unknown", raw.reason.value)
            answers.settled.append(Settled(self._queue, raw.redis_id, dead=True))
        process.in_hand.add([message.held for message in taken])
        process.in_hand.claim_ends(self._claim_id)
        if process.in_hand.suspect_in_hand():
            # It may have begun while this claim was on its way: nobody else shall wait for a lease because of it.
            process.give_back(process.in_hand.take_waiting(lambda one: not one.claim.suspect))
        finish_report.opened([message.held for message in taken])
        answers.claimed = not_found.without_unknown_actors(process, taken)
        _count_refused(blocked)
        return answers

    def _take(self, process: WorkerProcess, one: _Fetched, claimed: Claimed) -> ClaimedMessage | None:
        """The claimed message to hand on; None for a row whose envelope cannot be read, which is finished here."""
        held = Held(claimed, self._under[claimed.job_id], one.copy.actor, self._queue, one.redis_id)
        try:
            message = one.message if claimed.payload is None else Message.decode(bytes(claimed.payload))
        except DecodeError as error:
            process.in_hand.add([held])
            process.finish(held, _unreadable(held, error))
            return None
        # Classes cannot come in a message: Dramatiq's threads die of anything else here (its actor's stay in force).
        message.options.pop("throws", None)
        message.options["redis_message_id"] = one.redis_id
        held.actor = message.actor_name
        if message.queue_name != self._queue:
            message = message.copy(queue_name=self._queue)
        return ClaimedMessage(message, held)


def _names_a_key(copy: Copy) -> bool:
    return copy.release is None and copy.dispatch_key != str(copy.job_id)


def _parts(copies: Sequence[Copy]) -> tuple[Sequence[Copy], Sequence[Copy]]:
    """Those that name a key apart, since only a key is waited for as a rule; else halves."""
    keyed = [copy for copy in copies if _names_a_key(copy)]
    if keyed and len(keyed) < len(copies):
        return [copy for copy in copies if copy not in keyed], keyed
    middle = len(copies) // 2
    return copies[:middle], copies[middle:]


def _unreadable(held: Held, error: BaseException) -> Finish:
    event("payload_undecodable", "ERROR", job_id=str(held.claim.job_id), error=error)
    rule = "payload-undecodable"
    return Finish(
        held.claim,
        RunStatus.FAILED.value,
        JobState.DEAD.value,
        verdict="terminal",
        rule=rule,
        death=DeadReason.UNDECODABLE.value,
        failure=Failure(type(error).__name__, "the job's envelope cannot be read", "", rule),
        redis_id=held.redis_id,
    )


def _count_refused(blocked: Sequence[Blocked]) -> None:
    """Best effort: the count is a courtesy to the reader of the job, its loss loses no work."""
    try:
        count_duplicates(blocked)
    except psycopg2.Error as error:
        event("duplicates_uncounted", "WARNING", duplicates=len(blocked), error=error)
