"""The books of one process: one flag a claim, on which start and give-back compete; suspects run alone."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from datetime import datetime, timezone
from uuid import UUID, uuid4

import pytest

from middleware.in_hand import Held, InHand, Phase
from models.ledger.claim import Claimed

NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)


def held(*, suspect: bool = False, queue: str = "default", job_id: UUID | None = None) -> Held:
    """A claim in hand."""
    job_id = job_id or uuid4()
    claim = Claimed(
        job_id=job_id,
        fence=1,
        attempt=1,
        run_id=1,
        claimed_at=NOW,
        queue_ms=0.0,
        payload=None,
        attempts_spent=0,
        attempts_allowed=5,
        throttles=0,
        suspect=suspect,
        client_id=None,
        dispatch_key="k",
        correlation_id="c",
        source=None,
        requested_at=NOW,
    )
    return Held(claim, uuid4(), "actor", queue, redis_id="r")


def yes() -> bool:
    """A worker that may start."""
    return True


def start(books: InHand, one: Held, may_start: Callable[[], bool] = yes) -> bool | None:
    """One look, without waiting."""
    return books.start(one, may_start, timeout_s=0.0)


def test_waiting_claim_starts_once() -> None:
    books, one = InHand(), held()
    books.add([one])

    answers = [start(books, one), start(books, one)]

    assert answers == [True, False]
    assert one.started_after_s is not None


def test_claim_that_was_taken_out_cannot_start() -> None:
    books, one = InHand(), held()
    books.add([one])

    taken = books.take_waiting()

    assert taken == [one]
    assert start(books, one) is False


def test_claim_that_has_started_cannot_be_taken_out() -> None:
    books, one = InHand(), held()
    books.add([one])
    start(books, one)

    assert books.take_waiting() == []
    books.finishing(one)
    assert books.take_waiting() == []


def test_only_wanted_claims_are_taken_out() -> None:
    books, one, other = InHand(), held(), held()
    books.add([one, other])

    taken = books.take_waiting(lambda claim: claim is other)

    assert taken == [other]
    assert start(books, one) is True


def test_nothing_starts_while_the_worker_may_not_act() -> None:
    books, one = InHand(), held()
    books.add([one])

    answer = start(books, one, lambda: False)

    assert answer is None
    assert one.phase is Phase.WAITING


def test_suspect_waits_until_nothing_else_runs() -> None:
    books, running, suspect = InHand(), held(), held(suspect=True)
    books.add([running, suspect])
    start(books, running)

    before = start(books, suspect)
    books.finishing(running)
    after = start(books, suspect)

    assert (before, after) == (None, True)


def test_nothing_starts_beside_a_suspect_that_runs_or_waits_for_its_turn() -> None:
    books, running, suspect, other = InHand(), held(), held(suspect=True), held()
    books.add([running, suspect, other])
    start(books, running)
    start(books, suspect)

    while_it_waits = start(books, other)
    books.finishing(running)
    start(books, suspect)
    while_it_runs = start(books, other)
    books.finishing(suspect)
    behind_it = start(books, other)

    assert (while_it_waits, while_it_runs, behind_it) == (None, None, True)


def test_age_of_what_has_been_running_for_longest_is_known() -> None:
    books, old, young, waiting = InHand(), held(), held(), held()
    books.add([old, young, waiting])
    nothing_s = books.running_longest_s()
    start(books, young)
    start(books, old)
    assert old.started_s is not None
    old.started_s -= 60

    both_s = books.running_longest_s()
    books.finishing(old)
    one_s = books.running_longest_s()

    assert nothing_s == 0
    assert 60 <= both_s < 90
    assert one_s < 30


def test_second_suspect_waits_for_the_first() -> None:
    books, one, other = InHand(), held(suspect=True), held(suspect=True)
    books.add([one, other])
    start(books, one)

    before = start(books, other)
    books.finishing(one)
    after = start(books, other)

    assert (before, after) == (None, True)


def test_suspect_that_a_thread_has_taken_up_is_not_given_back() -> None:
    books, running, suspect = InHand(), held(), held(suspect=True)
    books.add([running, suspect])
    start(books, running)
    start(books, suspect)

    assert books.take_waiting() == []


def test_suspect_that_goes_back_lets_the_others_start() -> None:
    books, running, suspect, other = InHand(), held(), held(suspect=True), held()
    books.add([running, suspect, other])
    start(books, running)
    start(books, suspect)

    suspect.taken_up = False
    books.take_waiting(lambda claim: claim is suspect)

    assert start(books, suspect) is False
    assert start(books, other) is True


@pytest.mark.parametrize("end", ["removed", "finishing"])
def test_suspect_that_never_started_and_left_lets_the_others_start(end: str) -> None:
    books, running, suspect, other = InHand(), held(), held(suspect=True), held()
    books.add([running, suspect, other])
    start(books, running)
    start(books, suspect)

    if end == "removed":
        books.remove([suspect])
    else:
        books.finishing(suspect)

    assert start(books, other) is True


def test_outstanding_counts_copies_that_are_not_settled() -> None:
    books, one, other = InHand(), held(), held(queue="mail")
    books.add([one, other])
    books.finishing(one)

    before = (books.outstanding("default"), books.outstanding("mail"), books.outstanding("none"))
    books.remove([one])
    books.remove([one])

    assert before == (1, 1, 0)
    assert books.outstanding("default") == 0


def test_claim_that_replaces_another_on_the_same_job_is_not_struck_off_with_it() -> None:
    books, old = InHand(), held()
    new = held(job_id=old.claim.job_id)
    books.add([old])
    books.add([new])

    books.remove([old])

    assert books.all() == [new]
    assert books.find(new.claim.job_id) is new


def test_database_time_goes_on_from_the_claim() -> None:
    one = held()
    one.claimed_s -= 5.0

    assert 5.0 <= (one.database_now() - NOW).total_seconds() < 6.0


class Hammered:
    """What threads did that start, finish and give back the same claims at once."""

    def __init__(self, books: InHand) -> None:
        self.books = books
        self.started: list[Held] = []
        self.given_back: list[Held] = []
        #: For each start: whether it was a suspect's, and how many ran then.
        self.beside: list[tuple[bool, int]] = []
        self.stop = threading.Event()
        self._running: set[int] = set()
        self._lock = threading.Lock()

    def work(self, mine: list[Held]) -> None:
        """A worker thread: start each of these claims and finish it, unless it was given back."""
        for one in mine:
            while (answer := self.books.start(one, yes, timeout_s=0.001)) is None:
                pass
            if not answer:
                continue
            with self._lock:
                self._running.add(id(one))
                self.started.append(one)
                self.beside.append((one.claim.suspect, len(self._running)))
            with self._lock:
                self._running.discard(id(one))
            self.books.finishing(one)
            self.books.remove([one])

    def give_back(self) -> None:
        """The relay: take out some that wait, again and again."""
        rand = random.Random(1)
        while not self.stop.is_set():
            taken = self.books.take_waiting(lambda _: rand.random() < 0.05)
            self.given_back.extend(taken)
            self.books.remove(taken)


def test_start_and_give_back_hammered_by_threads_never_both_win() -> None:
    claims = [held(suspect=number % 7 == 0) for number in range(400)]
    hammered = Hammered(InHand())
    hammered.books.add(claims)
    workers = [threading.Thread(target=hammered.work, args=(claims[number::6],)) for number in range(6)]
    relay = threading.Thread(target=hammered.give_back)

    for thread in [relay, *workers]:
        thread.start()
    for thread in workers:
        thread.join(30)
    hammered.stop.set()
    relay.join(30)

    assert not any(thread.is_alive() for thread in workers)
    assert len(hammered.started) + len(hammered.given_back) == len(claims)
    assert {id(one) for one in hammered.started}.isdisjoint(id(one) for one in hammered.given_back)
    assert hammered.given_back
    assert all(count == 1 for suspect, count in hammered.beside if suspect)
    assert hammered.books.all() == []
