"""Fetches copies, claims each fetched batch in the ledger, and hands on only what was claimed. Fails closed.

It must not know what becomes of a claim; its copy is settled after the finish has committed.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING

import psycopg2
import redis
from dramatiq import Message, MessageProxy
from dramatiq.broker import Consumer
from dramatiq.common import q_name
from dramatiq.errors import ConnectionClosed, DecodeError

from middleware import finish_report
from middleware.claim_batch import Answers, Batch
from middleware.claimed_message import ClaimedMessage
from middleware.logs import event
from middleware.redis_broker import Settled
from middleware.worker_process import BYTES_OF_A_CLAIM, WorkerProcess
from models.faults import is_infrastructure
from models.job_status import write_statuses
from policy.errors import LedgerUnavailable

if TYPE_CHECKING:
    from middleware.redis_broker import LedgerRedisBroker

#: Seconds between attempts to reach the ledger: first, and at most.
_FIRST_WAIT_S = 0.1
_LONGEST_WAIT_S = 2.0
#: Copies claimed by one statement at most: past that nothing is saved, and a process grows.
_LARGEST_FETCH = 256


class LedgerConsumer(Consumer):
    """The consumer of one queue. Delay queues and delayed messages pass through unclaimed until their promotion."""

    def __init__(self, broker: LedgerRedisBroker, queue_name: str, prefetch: int, timeout: int) -> None:
        self.broker = broker
        self.queue_name = queue_name
        self.prefetch = prefetch
        self.timeout_s = timeout / 1000
        self.is_delay_queue = queue_name != q_name(queue_name)
        self._ready: deque[MessageProxy] = deque()
        self._unclaimed: Batch | None = None
        self._native: dict[str, str] = {}
        self._wait_s = _FIRST_WAIT_S
        self._retake_strands()

    @property
    def process(self) -> WorkerProcess | None:
        """The worker process that this consumer works for; None before it has booted."""
        return getattr(self.broker, "worker_process", None)

    def __next__(self) -> MessageProxy | None:
        try:
            if self._ready:
                return self._ready.popleft()
            if self._unclaimed is None and not self._fetch():
                return None
            if self._unclaimed is not None:
                self._claim()
            return self._ready.popleft() if self._ready else None
        except (redis.ConnectionError, redis.TimeoutError) as error:
            raise ConnectionClosed(error) from None  # type: ignore[no-untyped-call]

    def ack(self, message: MessageProxy) -> None:
        """Ack a message that was never claimed; a claimed one is settled after its finish has committed."""
        self._settle_native(message, dead=False)

    def nack(self, message: MessageProxy) -> None:
        """Dead-letter a message that was never claimed."""
        self._settle_native(message, dead=True)

    def requeue(self, messages: Iterable[MessageProxy]) -> None:
        """Put unclaimed messages back on their list; claimed ones are given back in the ledger instead."""
        names = [m.options["redis_message_id"] for m in messages if not isinstance(m, ClaimedMessage)]
        self._requeue(names)

    def close(self) -> None:
        """Return what was fetched and not claimed."""
        left = [m.options["redis_message_id"] for m in self._ready if not isinstance(m, ClaimedMessage)]
        if self._unclaimed is not None:
            left += self._unclaimed.redis_ids()
            if self.process is not None:
                self._unclaimed.abandon(self.process)
        self._ready.clear()
        self._unclaimed = None
        self._requeue(left)

    def _fetch(self) -> bool:
        """Fetch a batch, or wait a little; True when there is something to claim or hand on."""
        process = self.process
        if process is None or not process.registered():
            time.sleep(0.02)
            return False
        room = self._room(process)
        if room <= 0 or not self._is_worth_a_fetch(process, room):
            process.in_hand.wait_for_room(self.timeout_s)
            return False
        fetched = self.broker.fetch(self.queue_name, min(room, _largest_fetch(process)), BYTES_OF_A_CLAIM)
        if not fetched:
            self._idle()
            return False
        process.fetched([len(data) if data else 0 for _, data in fetched])
        self._sort(fetched)
        return True

    def _room(self, process: WorkerProcess) -> int:
        if process.stopping.is_set() or process.in_hand.suspect_in_hand():
            return 0
        if self.is_delay_queue:
            return self.prefetch - len(self._native)
        return process.prefetch() - process.in_hand.outstanding(self.queue_name) - len(self._native)

    def _is_worth_a_fetch(self, process: WorkerProcess, room: int) -> bool:
        """A handful costs the round trip, statement and commit of a hundred. While there is work, room may gather."""
        if 2 * room >= min(process.prefetch(), _largest_fetch(process)):
            return True
        return process.in_hand.waiting() < 2 * process.threads

    def _idle(self) -> None:
        """Wait for a wake-up. Delay queues only poll: nothing in them is due before its time."""
        if self.is_delay_queue:
            time.sleep(self.timeout_s)
        else:
            self.broker.wait_for_wake(self.queue_name, self.timeout_s)

    def _sort(self, fetched: list[tuple[str, bytes | None]]) -> None:
        """Set aside what is not claimed here: bytes that are no message, and messages that still have to wait."""
        batch = Batch(self.broker, self.queue_name)
        for redis_id, data in fetched:
            if data is None:
                self.broker.settle([Settled(self.queue_name, redis_id)])
                continue
            try:
                message = Message.decode(data)
                message.options["redis_message_id"] = redis_id
            except (DecodeError, TypeError, KeyError) as error:
                batch.undecodable(redis_id, data, error)
                continue
            if self.is_delay_queue or "eta" in message.options:
                self._native[redis_id] = message.message_id
                self._ready.append(MessageProxy(message))
            else:
                batch.add(redis_id, message, data)
        if not batch.empty:
            self._unclaimed = batch

    def _claim(self) -> None:
        """Claim the batch in hand. While the ledger is away: keep it, fetch nothing more, spend nothing."""
        process, batch = self.process, self._unclaimed
        assert process is not None
        assert batch is not None
        try:
            answers = batch.claim(process)
        except (psycopg2.Error, LedgerUnavailable) as error:
            if not is_infrastructure(error):
                raise
            event("claim_waits", "WARNING", queue=self.queue_name, copies=len(batch.redis_ids()), error=error)
            # A stop wakes it at once, and does not have it ask without a pause until the worker threads have ended.
            time.sleep(self._wait_s) if process.stopping.is_set() else process.stopping.wait(self._wait_s)
            self._wait_s = min(self._wait_s * 2, _LONGEST_WAIT_S)
            return
        self._wait_s = _FIRST_WAIT_S
        self._unclaimed = None
        self._hand_on(process, answers)

    def _hand_on(self, process: WorkerProcess, answers: Answers) -> None:
        """Give the claimed messages out, ack the refused copies; status documents ride along, at best effort."""
        self._ready.extend(answers.claimed)
        try:
            running = finish_report.running_statuses([message.held for message in answers.claimed])
            self.broker.settle(
                answers.settled, along=lambda line: write_statuses(line, running, process.settings.status_ttl_s)
            )
        except redis.RedisError as error:
            # Refused copies that stay in our acks are refused again when they come back.
            event("refused_copies_left", "WARNING", copies=len(answers.settled), error=error)

    def _settle_native(self, message: MessageProxy, *, dead: bool) -> None:
        if isinstance(message, ClaimedMessage):
            return
        redis_id = message.options["redis_message_id"]
        try:
            self.broker.settle([Settled(self.queue_name, redis_id, dead)])
        except (redis.ConnectionError, redis.TimeoutError) as error:
            raise ConnectionClosed(error) from None  # type: ignore[no-untyped-call]
        self._native.pop(redis_id, None)

    def _requeue(self, redis_ids: list[str]) -> None:
        for redis_id in redis_ids:
            self._native.pop(redis_id, None)
        if redis_ids:
            try:
                self.broker.do_requeue(self.queue_name, *redis_ids)
            except redis.RedisError as error:
                # Any answer but yes, a full or read-only Redis's too: raised here, it would end the consumer's thread.
                # Their broker's acks keep them; they come back when its heartbeat runs out.
                event("requeue_failed", "WARNING", queue=self.queue_name, copies=len(redis_ids), error=error)

    def _retake_strands(self) -> None:
        """A consumer that starts anew puts back what its broker fetched and nobody here has in hand (#527)."""
        try:
            strands = self.broker.strands(self.queue_name)
            process = self.process
            held = {one.redis_id for one in process.in_hand.all()} if process else set()
            self._requeue(sorted(strands - held))
        except (redis.ConnectionError, redis.TimeoutError) as error:
            raise ConnectionClosed(error) from None  # type: ignore[no-untyped-call]


def _largest_fetch(process: WorkerProcess) -> int:
    return min(_LARGEST_FETCH, process.largest_claim())
