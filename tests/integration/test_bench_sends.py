"""The judge of a run of sends finds what it is there to find: it is shown one of each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.sends_judge import Judged, judge
from messaging.client_settings import set_campaign, switch_client
from messaging.lead_wishes import set_opted_out
from models.database import query
from models.ledger.operators import Operator
from tests.integration.correspondence import CLIENT, Correspondence, begin, mail
from tests.integration.sending_cases import CountingSink, Sender, client

pytestmark = pytest.mark.usefixtures("ledger_database", "redis_client")

ANN = Operator("ann")
FORBIDDEN: dict[str, Callable[[Correspondence], object]] = {
    "newer_inbound_exists": lambda rows: rows.receive(mail(30)),
    "lead_opted_out": lambda rows: set_opted_out(rows.lead_id, ANN, opted_out=True),
    "client_paused": lambda _: switch_client(CLIENT, ANN, paused=True),
    "campaign_not_auto_send": lambda _: set_campaign(CLIENT, "default", {"auto_send": False}, ANN),
}


@pytest.fixture
def sent(sink: CountingSink, sender: Sender) -> Correspondence:
    """A correspondence whose reply has gone out."""
    rows = begin()
    sender.send(rows.draft_id)
    return rows


@pytest.fixture
def judged(sink: CountingSink, tmp_path: Path) -> Callable[[], Judged]:
    """Judges the mails that the sink has."""

    folder = tmp_path / "mails"

    def call() -> Judged:
        folder.mkdir(exist_ok=True)
        for number, raw in enumerate(sink.mails):
            (folder / f"{number}.eml").write_bytes(raw)
        return judge(lambda statement, *values: query(statement, values), folder)

    return call


def let_out_later() -> None:
    """As if the replies had been let out after all that has happened since."""
    query("UPDATE draft SET let_out_at = clock_timestamp() + interval '1 s' WHERE let_out_at IS NOT NULL")


def found(one: Judged) -> dict[str, Any]:
    return {name: getattr(one, name) for name in ("wrong", "double", "stale", "over_rate", "lost")}


def test_a_reply_that_went_out_as_it_should_is_clean(sent: Correspondence, judged: Callable[[], Judged]) -> None:
    one = judged()

    assert one.clean
    assert (one.messages, one.mails, one.by_hand) == (1, 1, 0)


def test_the_same_mail_twice_is_double(sent: Correspondence, sink: CountingSink, judged: Callable[[], Judged]) -> None:
    sink.mails.append(sink.mails[0])

    assert found(judged()) == {"wrong": 0, "double": 1, "stale": {}, "over_rate": 0, "lost": 0}


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        (b"To: lead@prospect.example", b"To: other@prospect.example"),
        (b"Thank you", b"No thank you"),
        (b"In-Reply-To: <1.", b"In-Reply-To: <2."),
        (b"Message-ID: <", b"Message-ID: <x"),
    ],
    ids=["recipient", "words", "thread", "no draft's"],
)
def test_a_mail_that_is_not_its_draft_is_wrong(
    was: bytes, becomes: bytes, sent: Correspondence, sink: CountingSink, judged: Callable[[], Judged]
) -> None:
    assert was in sink.mails[0]
    sink.mails[0] = sink.mails[0].replace(was, becomes)

    assert judged().wrong == 1


@pytest.mark.parametrize("reason", FORBIDDEN)
def test_what_was_forbidden_when_it_was_let_out_is_stale(
    reason: str, sent: Correspondence, judged: Callable[[], Judged]
) -> None:
    FORBIDDEN[reason](sent)
    too_late = judged().stale
    let_out_later()

    assert (too_late, judged().stale) == ({}, {reason: 1})


def test_two_replies_to_one_state_of_a_lead_are_stale(
    sent: Correspondence, sender: Sender, judged: Callable[[], Judged]
) -> None:
    sender.send(sent.draft_for(sent.receive(mail(2))[0]))
    one_each = judged().stale
    query(
        "UPDATE draft SET let_out_at = (SELECT max(created_at) FROM lead_message WHERE direction = 'inbound')"
        " + interval '1 microsecond' WHERE id = %s",
        (sent.draft_id,),
    )

    assert (one_each, judged().stale) == ({}, {"newer_inbound_exists": 1, "outbound_after_trigger": 1})


def test_two_replies_within_a_period_for_one_are_over_the_rate(
    sent: Correspondence, sender: Sender, judged: Callable[[], Judged]
) -> None:
    other = sent.receive(mail(1, sender="other@prospect.example"))[0]
    sender.send(sent.draft_for(other))
    client(rate="1/h", lead_rate="1/h")

    one = judged()

    assert (one.over_rate, one.mails, one.lost) == (1, 2, 0)


def test_what_has_no_outcome_is_lost(sent: Correspondence, judged: Callable[[], Judged]) -> None:
    sent.receive(mail(2))

    assert judged().lost == 1
