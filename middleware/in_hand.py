"""What this worker process has in hand: each claim with its one flag, on which start and give-back compete.

It must not know the database, Redis or threads' work; it only keeps the books of one process.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from uuid import UUID

from models.ledger.claim import Claimed


class Phase(Enum):
    """Where a claim in hand stands: it waits for a thread, its actor runs, its finish is on the way, or it left."""

    WAITING = "waiting"
    STARTED = "started"
    FINISHING = "finishing"
    GONE = "gone"


@dataclass(slots=True, eq=False)
class Held:
    """One claim in hand. `redis_id` and `queue` name its copy; they are None on brokers that are not ours."""

    claim: Claimed
    worker_id: UUID
    actor: str
    queue: str
    redis_id: str | None = None
    claimed_s: float = field(default_factory=time.monotonic)
    started_s: float | None = None
    phase: Phase = Phase.WAITING
    #: A suspect that a thread has taken up waits there for its turn alone; it is not given back meanwhile.
    taken_up: bool = False
    #: Its copy is off this process's books.
    settled: bool = False

    @property
    def started_after_s(self) -> float | None:
        """Seconds from the claim to the start of the actor; None before it."""
        return None if self.started_s is None else self.started_s - self.claimed_s

    def database_now(self) -> datetime:
        """The database's clock, as far as this claim can tell: its claim time plus the monotonic time since."""
        return self.claim.claimed_at + timedelta(seconds=time.monotonic() - self.claimed_s)


#: The claim under which the current actor runs; `once` opens effects under it.
current_held: ContextVar[Held | None] = ContextVar("callboard_held", default=None)


class InHand:
    """All claims of one process, by job id. Every change of a phase happens under one lock."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._room = threading.Condition(self._lock)
        self._held: dict[UUID, Held] = {}
        self._unsettled: Counter[str] = Counter()
        self._running: set[Held] = set()
        self._alone: Held | None = None
        self._claiming: set[UUID] = set()

    def claim_opens(self, claim_id: UUID) -> None:
        """A claim under that id is on its way: what it takes is ours before it stands in the books."""
        with self._lock:
            self._claiming.add(claim_id)

    def claim_ends(self, claim_id: UUID) -> None:
        """What it took stands in the books, or nobody will ask for it any more."""
        with self._lock:
            self._claiming.discard(claim_id)

    def claims_on_their_way(self) -> frozenset[UUID]:
        """The ids of claims whose answer is still to be entered."""
        with self._lock:
            return frozenset(self._claiming)

    def add(self, held: Iterable[Held]) -> None:
        """Take claims into the books."""
        with self._lock:
            for one in held:
                self._held[one.claim.job_id] = one
                if one.redis_id is not None:
                    self._unsettled[one.queue] += 1

    def start(self, held: Held, may_start: Callable[[], bool], *, timeout_s: float = 1.0) -> bool | None:
        """Start a waiting claim: True once it is started, False when it has gone, None to ask again.

        A suspect starts only with nothing else started, and nothing else starts beside it.
        """
        with self._room:
            if held.claim.suspect and held.phase is Phase.WAITING and self._alone is None:
                self._alone, held.taken_up = held, True
            if held.phase is not Phase.WAITING:
                self._leave_alone(held)
                return False
            others_turn = self._alone is not None and self._alone is not held
            not_alone = held.claim.suspect and bool(self._running)
            if others_turn or not_alone or not may_start():
                self._room.wait(timeout_s)
                return None
            held.phase, held.started_s = Phase.STARTED, time.monotonic()
            self._running.add(held)
            return True

    def finishing(self, held: Held) -> None:
        """The actor has returned (or never ran): what follows is the finish."""
        with self._room:
            self._running.discard(held)
            if held.phase is not Phase.GONE:
                held.phase = Phase.FINISHING
            self._leave_alone(held)

    def take_waiting(self, wanted: Callable[[Held], bool] = lambda held: True) -> list[Held]:
        """Take out claims that no thread has started, for giving them back; they can no longer start."""
        with self._room:
            taken = [
                one for one in self._held.values() if one.phase is Phase.WAITING and not one.taken_up and wanted(one)
            ]
            for one in taken:
                one.phase = Phase.GONE
            return taken

    def take(self, held: Held) -> bool:
        """Take this one claim out, unless it has started or gone: its thread gives it up.

        It need not stand in the books any more: a later claim on the same job may have taken its place there.
        """
        with self._room:
            if held.phase is not Phase.WAITING:
                return False
            held.phase = Phase.GONE
            return True

    def remove(self, held: Iterable[Held]) -> None:
        """Strike claims off; whoever waits for room is woken."""
        with self._room:
            for one in held:
                one.phase = Phase.GONE
                self._running.discard(one)
                if self._alone is one:
                    self._alone = None
                if one.redis_id is not None and not one.settled:
                    one.settled = True
                    self._unsettled[one.queue] -= 1
                if self._held.get(one.claim.job_id) is one:
                    del self._held[one.claim.job_id]
            self._room.notify_all()

    def running_mean_s(self) -> float:
        """How long the actors that run now have been running on average, in seconds; 0 when none runs."""
        now_s = time.monotonic()
        with self._lock:
            ages_s = [now_s - (one.started_s or now_s) for one in self._running]
        return sum(ages_s) / len(ages_s) if ages_s else 0.0

    def running_longest_s(self) -> float:
        """How long the oldest of the actors that run now has been running, in seconds; 0 when none runs."""
        now_s = time.monotonic()
        with self._lock:
            return max((now_s - (one.started_s or now_s) for one in self._running), default=0.0)

    def find(self, job_id: UUID) -> Held | None:
        """The claim on that job, if this process has it in hand."""
        return self._held.get(job_id)

    def all(self) -> list[Held]:
        """A snapshot of everything in hand."""
        with self._lock:
            return list(self._held.values())

    def waiting(self) -> int:
        """How many claims no thread has started."""
        with self._lock:
            return sum(one.phase is Phase.WAITING for one in self._held.values())

    def outstanding(self, queue: str) -> int:
        """How many claims on copies of that queue have not been settled in Redis yet."""
        return self._unsettled[queue]

    def wait_for_room(self, timeout_s: float) -> None:
        """Sleep until something left the books, at most so long."""
        with self._room:
            self._room.wait(timeout_s)

    def suspect_in_hand(self) -> bool:
        """Whether a suspect is about to run, or runs: what else this process took would wait, or be lost with it."""
        return self._alone is not None

    def answers(self, timeout_s: float) -> bool:
        """Whether the books can be had within so long: nobody holds them for more than a moment."""
        if not self._lock.acquire(timeout=timeout_s):
            return False
        self._lock.release()
        return True

    def wake(self) -> None:
        """Let everybody who waits look again."""
        with self._room:
            self._room.notify_all()

    def _leave_alone(self, held: Held) -> None:
        # Without a suspect nobody waits for a job to end; waking those who wait for room would cost each job a switch.
        if self._alone is None:
            return
        if self._alone is held:
            self._alone = None
        self._room.notify_all()
