"""What changes while a reply is being sent, at every point of its way: what commits before the intent stops it, what
commits after comes too late, and nothing makes it two mails.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from messaging.client_settings import switch_client
from messaging.lead_wishes import set_opted_out
from messaging.store import set_auto_send
from models.database import atomic, query
from models.ledger.operators import Operator
from policy.errors import InvariantRefused
from tests.acceptance.waiting import until
from tests.integration.correspondence import CLIENT, Correspondence, begin, draft_row, mail
from tests.integration.sending_cases import (
    RESCHEDULED,
    CountingSink,
    Sender,
    elsewhere,
    waiting_for_locks,
)
from tests.ledger_cases import dispatched

pytestmark = pytest.mark.usefixtures("ledger_database", "redis_client")

ANN = Operator("ann", "she asked")
Change = Callable[[Correspondence], object]
#: Changes that stop a reply, by the reason that the gate gives.
STOPPING: dict[str, Change] = {
    "newer_inbound_exists": lambda rows: rows.receive(mail(2)),
    "campaign_not_auto_send": lambda rows: set_auto_send(rows.campaign_id, False),
    "client_paused": lambda _: switch_client(CLIENT, ANN, paused=True),
    "lead_opted_out": lambda rows: set_opted_out(rows.lead_id, ANN, opted_out=True),
}
#: Points of a send at which it holds no lock: before its intent, and after it.
BEFORE, AFTER = "effect.before_intent", ["effect.before_call", "effect.after_call", "effect.after_confirmation"]


class Interrupted:
    """Makes `change` happen once, in another thread, when a send of this thread comes to `point`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, point: str, change: Callable[[], object]) -> None:
        self._point, self._change = point, change
        self._thread = threading.get_ident()
        self.answer: Any = None
        self.came = False
        monkeypatch.setattr("middleware.effects.crash_point", self)

    def __call__(self, point: str) -> None:
        if self.came or point != self._point or threading.get_ident() != self._thread:
            return
        self.came = True
        with elsewhere() as run:
            self.answer = run(self._change).result(30)


@pytest.mark.parametrize("reason", STOPPING)
def test_what_commits_before_the_gate_stops_the_reply(
    reason: str, sink: CountingSink, sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = begin()
    change = Interrupted(monkeypatch, BEFORE, lambda: STOPPING[reason](rows))

    answer = sender.send(rows.draft_id)

    assert (change.came, answer, sink.mails) == (True, {"refused": reason}, [])
    assert draft_row(rows.draft_id) == ("refused", reason)


@pytest.mark.parametrize("reason", STOPPING)
def test_what_commits_while_the_gate_waits_at_the_lock_stops_the_reply(
    reason: str, sink: CountingSink, sender: Sender
) -> None:
    rows, changed, commit = begin(), threading.Event(), threading.Event()

    def change() -> None:
        with atomic():
            STOPPING[reason](rows)
            changed.set()
            assert commit.wait(30)

    with elsewhere() as run:
        changing = run(change)
        assert changed.wait(30)
        answer = run(lambda: sender.send(rows.draft_id))
        until(waiting_for_locks, "the gate waits")
        commit.set()
        changing.result(30)

        assert answer.result(30) == {"refused": reason}
    assert (draft_row(rows.draft_id), sink.mails) == (("refused", reason), [])


@pytest.mark.parametrize("point", AFTER)
@pytest.mark.parametrize("reason", STOPPING)
def test_what_commits_after_the_intent_comes_too_late_and_doubles_nothing(
    reason: str, point: str, sink: CountingSink, sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, job = begin(), dispatched(actor="auto_send", client_id=CLIENT)
    change = Interrupted(monkeypatch, point, lambda: STOPPING[reason](rows))

    answers = [sender.send(rows.draft_id, job=job), sender.again(rows.draft_id, job)]

    assert change.came
    assert [answer["replayed"] for answer in answers] == [False, True]
    assert (draft_row(rows.draft_id), len(sink.mails)) == (("sent", None), 1)


@pytest.mark.parametrize("point", [BEFORE, *AFTER])
def test_a_manual_send_that_comes_upon_an_automatic_one_makes_no_second_mail(
    point: str, sink: CountingSink, sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, job = begin(), dispatched(actor="auto_send", client_id=CLIENT)
    by_hand = dispatched(actor="auto_send", client_id=CLIENT)
    manual = Interrupted(monkeypatch, point, lambda: sender.send(rows.draft_id, by_hand=True, job=by_hand))

    first = sender.send(rows.draft_id, job=job)
    rest = [sender.again(rows.draft_id, job), sender.again(rows.draft_id, by_hand, by_hand=True)]

    assert manual.came
    assert len(sink.mails) == 1
    assert draft_row(rows.draft_id) == ("sent", None)
    assert [answer["replayed"] for answer in rest] == [True, True] if first != RESCHEDULED else [False, True]


@pytest.mark.parametrize("point", [BEFORE, *AFTER])
def test_an_automatic_send_that_comes_upon_a_manual_one_makes_no_second_mail(
    point: str, sink: CountingSink, sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, job = begin(), dispatched(actor="auto_send", client_id=CLIENT)
    by_hand = dispatched(actor="auto_send", client_id=CLIENT)
    set_auto_send(rows.campaign_id, False)
    automatic = Interrupted(monkeypatch, point, lambda: sender.send(rows.draft_id, job=job))

    sender.send(rows.draft_id, by_hand=True, job=by_hand)
    sender.again(rows.draft_id, by_hand, by_hand=True)
    sender.again(rows.draft_id, job)

    assert automatic.came
    assert (draft_row(rows.draft_id), len(sink.mails)) == (("sent", None), 1)


def test_two_manual_sends_at_once_make_one_mail(sink: CountingSink, sender: Sender) -> None:
    rows = begin()
    jobs = [dispatched(actor="auto_send", client_id=CLIENT) for _ in range(2)]

    def send(number: int) -> dict[str, Any]:
        return sender.send(rows.draft_id, by_hand=True, job=jobs[number])

    with elsewhere() as run:
        asked = [run(partial(send, number)) for number in (0, 1)]
        answers = [one.result(30) for one in asked]
    answers += [sender.again(rows.draft_id, job, by_hand=True) for job in jobs]

    assert len(sink.mails) == 1
    assert draft_row(rows.draft_id) == ("sent", None)
    assert sum(answer.get("replayed") is False for answer in answers) == 1


def test_two_requests_by_hand_at_once_become_one_job(sender: Sender) -> None:
    from actors.manual_send import Asked, send_by_hand  # noqa: PLC0415  # it binds to the broker that setup() makes

    rows = begin()

    def ask() -> Asked:
        return send_by_hand(rows.draft_id, ANN)

    with elsewhere() as run:
        asked = [one.result(30) for one in [run(ask), run(ask)]]

    assert asked[0].job_id == asked[1].job_id
    assert sorted(one.duplicate_of_state is None for one in asked) == [False, True]
    assert query("SELECT count(*) FROM background_job WHERE actor = 'auto_send'") == [(1,)]


def test_a_request_by_hand_waits_for_a_send_that_is_being_decided_and_sees_it(sender: Sender) -> None:
    from actors.manual_send import send_by_hand  # noqa: PLC0415

    rows, decided, commit = begin(), threading.Event(), threading.Event()
    reasons: list[str] = []

    def decide() -> None:
        from messaging.draft_store import take_for_sending  # noqa: PLC0415
        from messaging.gate import gate  # noqa: PLC0415

        with atomic():
            take_for_sending(rows.draft_id, UUID(int=1))
            assert gate(rows.draft_id, rows.lead_id, UUID(int=1)) is None
            decided.set()
            assert commit.wait(30)

    def ask() -> None:
        with pytest.raises(InvariantRefused) as refused:
            send_by_hand(rows.draft_id, ANN)
        reasons.append(refused.value.reason)

    with elsewhere() as run:
        deciding = run(decide)
        assert decided.wait(30)
        asking = run(ask)
        until(waiting_for_locks, "the request waits")
        commit.set()
        deciding.result(30)
        asking.result(30)

    assert reasons == ["draft_status_sending"]


def test_the_kill_switch_does_not_starve_among_sends_without_a_gap(sender: Sender) -> None:
    """Who shares a row is let past an update that waits for it, for ever; the turn before the row puts an end to it."""
    rows, first, go_on, asked = begin(), threading.Event(), threading.Event(), threading.Event()

    def sharing() -> None:
        with atomic():
            _share()
            first.set()
            assert go_on.wait(30)

    def late() -> bool:
        asked.set()
        with atomic():
            _share()
            return bool(query("SELECT paused_at IS NOT NULL FROM client WHERE id = %s", (CLIENT,))[0][0])

    def _share() -> None:
        from messaging.store import lock_client  # noqa: PLC0415

        lock_client(CLIENT)

    with elsewhere(3) as run:
        sharing_now = run(sharing)
        assert first.wait(30)
        pausing = run(lambda: switch_client(CLIENT, ANN, paused=True))
        until(waiting_for_locks, "the switch waits")
        coming_late = run(late)
        assert asked.wait(30)
        until(lambda: coming_late.done() or waiting_for_locks() == 2, "the late one waits behind the switch")
        too_early = coming_late.done()
        go_on.set()
        sharing_now.result(30)

        assert (pausing.result(30), too_early, coming_late.result(30)) == (True, False, True)
    assert rows.outgoing().status == "pending"
