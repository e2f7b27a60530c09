"""A worker inside a command, for as long as Redis or the workers are away: it takes jobs from the ledger alone.

Same registration, claim, hooks and finish as everywhere; only the copy's way through Redis is left out. It must not
know which jobs matter: its caller hands them over.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from uuid import uuid4
from weakref import WeakSet

from dramatiq import Broker, Message, Worker
from dramatiq.middleware import Shutdown, SkipMessage

from middleware import metrics, not_found
from middleware.claimed_message import ClaimedMessage
from middleware.claims import Claims
from middleware.envelopes import copy_of, released_copy
from middleware.heartbeat import Heartbeat
from middleware.in_hand import Held
from middleware.logs import event
from middleware.worker_process import WorkerProcess, attach, process_of
from models.ledger.claim import Claimed, claim
from models.ledger.release import Released, queues_with_due_jobs, release_due, take_back
from policy.errors import LedgerUnavailable
from policy.settings import Settings

#: Jobs and seconds that one tick may spend on running jobs itself (issue 3: 20 and 240). No job is started later; one
#: that runs keeps its own time limit.
JOBS_MAX = 20
SECONDS_MAX = 240.0
#: Seconds to wait for the first beat; the ledger has just answered the tick.
_REGISTER_S = 10.0

OnClaim = Callable[[Claimed], object]

#: Brokers whose middleware has had its process hook; timers started there live as long as the process.
_booted: WeakSet[Broker] = WeakSet()


class InlineWorker:
    """A registered worker of one thread, the caller's; a context. `counts` says what became of the attempts.

    Once `stopping` is set no further job is started; the one that runs is finished.

    Raises LedgerUnavailable when it cannot register, RuntimeError where the process is a worker already.
    """

    def __init__(
        self,
        broker: Broker,
        settings: Settings,
        stopping: threading.Event,
        *,
        jobs_max: int = JOBS_MAX,
        seconds_max: float = SECONDS_MAX,
    ) -> None:
        if process_of(broker) is not None:
            raise RuntimeError("this process is a worker already")
        self.counts: Counter[str] = Counter()
        self._broker = broker
        self._settings = settings
        self._stopping = stopping
        self._jobs_left = jobs_max
        self._deadline_s = time.monotonic() + seconds_max
        self._worker = Worker(broker, worker_threads=1)  # never started: what boot hooks are told
        self._process = WorkerProcess(broker, settings, queues=(), threads=1, slots_folder=Path(settings.home) / "run")

    def __enter__(self) -> InlineWorker:
        if self._broker not in _booted:
            _booted.add(self._broker)
            self._broker.emit_after("process_boot")
        self._tell_others("before_worker_boot")
        attach(self._broker, self._process)
        self._process.heartbeat = Heartbeat(self._process)
        self._process.heartbeat.start()
        if not self._process.wait_until_registered(_REGISTER_S):
            self.__exit__(None, None, None)
            raise LedgerUnavailable("the ledger did not take this process as a worker")
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        process = self._process
        process.stopping.set()
        process.give_back(process.in_hand.take_waiting())
        self._tell_others("before_worker_shutdown")
        self._tell_others("after_worker_shutdown")
        if process.heartbeat is not None:
            process.heartbeat.end()
        process.say_stopped()
        attach(self._broker, None)

    def may_go_on(self) -> bool:
        """Whether another job may be started."""
        return self._jobs_left > 0 and time.monotonic() < self._deadline_s and not self._stopping.is_set()

    def work_off(self, released: Sequence[Released], on_claim: OnClaim | None = None) -> None:
        """Claim and run these releases, one after the other; what may not be started any more is pending again.

        `on_claim` is called between claim and start. Raises psycopg2.Error when the ledger goes away before a start.
        """
        waiting = list(released)
        try:
            while waiting and self.may_go_on():
                self._run(waiting.pop(0), on_claim)
        finally:
            take_back([(one.job_id, one.release) for one in waiting])

    def work_off_due(self, on_claim: OnClaim | None = None) -> None:
        """Release and run what is due, queue by queue and in turn between clients, while jobs and seconds last."""
        cap = self._settings.client_running_max
        while self.may_go_on():
            queues = queues_with_due_jobs(self._process.served_queues())
            found = [one for queue in queues for one in release_due(queue, 1, client_max=cap)]
            if not found:
                return
            self.work_off(found, on_claim)

    def _run(self, released: Released, on_claim: OnClaim | None) -> None:
        """One release: claimed as a batch of one, then through every hook; refused ones are somebody else's by now."""
        _, fetched = released_copy(released)
        copy = copy_of(self._broker, fetched, fetched.encode())
        process = self._process
        answer = claim(process.holder, uuid4(), [copy], dedupe_s=self._settings.dedupe_s)[copy.job_id]
        if not isinstance(answer, Claimed):
            metrics.copy_refused(copy.actor, answer.outcome.value)
            return
        self._jobs_left -= 1
        message = self._taken(released, answer)
        if on_claim is not None:
            on_claim(answer)
        if not_found.without_unknown_actors(process, [message]):
            self._perform(message)
            self.counts[_outcome(message)] += 1
        else:
            self.counts["skipped"] += 1

    def _taken(self, released: Released, claimed: Claimed) -> ClaimedMessage:
        stored: Message[object] = Message.decode(bytes(claimed.payload or released.payload))
        message = stored.copy(queue_name=released.queue)
        held = Held(claimed, self._process.holder.id, message.actor_name, released.queue)
        self._process.in_hand.add([held])
        event("claimed_inline", job_id=str(claimed.job_id), actor=held.actor, attempt=claimed.attempt)
        return ClaimedMessage(message, held)

    def _perform(self, message: ClaimedMessage) -> None:
        """What Dramatiq's worker thread does with a message, in the caller's thread."""
        broker = self._broker
        try:
            broker.emit_before("process_message", message)
            result = None
            if not message.failed:
                result = broker.get_actor(message.actor_name)(*message.args, **message.kwargs)
            broker.emit_after("process_message", message, result=result)
        except SkipMessage:
            broker.emit_after("skip_message", message)
        except (KeyboardInterrupt, SystemExit):
            # The command is told to stop: to the job that is a shutdown, which costs it nothing.
            broker.emit_after("process_message", message, exception=Shutdown())
            raise
        except BaseException as error:  # as Dramatiq does: interrupts of a time limit are no Exceptions
            message.stuff_exception(error)
            broker.emit_after("process_message", message, exception=error)
        finally:
            message.clear_exception()

    def _tell_others(self, hook: str) -> None:
        """A worker's hook for all but the claims, which would start a relay and a writer and fetch from Redis."""
        for one in self._broker.middleware:
            try:
                if not isinstance(one, Claims):
                    getattr(one, hook)(self._broker, self._worker)
            except Exception as error:  # as Dramatiq: no hook keeps the others from theirs
                event("inline_hook_failed", "ERROR", hook=hook, error=error)


def _outcome(message: ClaimedMessage) -> str:
    """`succeeded`, or the state and status that the judgement gave."""
    judgement = getattr(message, "judgement", None)
    if judgement is None:
        return "succeeded"
    decision = judgement.decision
    if decision.state.value == "pending":
        return "retried"
    return "failed" if decision.state.value == "dead" else "skipped"
