"""Conversation sync, lead scoring and stuck drafts on the reply domain's rows."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID, uuid4

import dramatiq
import pytest

from actors.broker import setup
from messaging.stuck_drafts import settle_stuck_drafts
from models.database import query
from models.ledger.finish import finish
from policy.errors import Terminal
from tests.ledger_cases import claimed, death, dispatched, registered, success

pytestmark = pytest.mark.usefixtures("ledger_database", "redis_client", "own_broker")


@pytest.fixture
def own_broker() -> Iterator[None]:
    former = dramatiq.broker.global_broker
    dramatiq.set_broker(setup())
    yield
    dramatiq.broker.global_broker = former


@pytest.fixture
def lead() -> UUID:
    lead_id = uuid4()
    query("INSERT INTO client (id, name, sender_address) VALUES ('acme', 'Acme', 'sales@acme.example')")
    query("INSERT INTO lead (id, client_id, address) VALUES (%s, 'acme', 'ada@example.org')", (lead_id,))
    return lead_id


def message(
    lead_id: UUID, direction: str = "inbound", body: str = "Could we have a call?", age: str = "1 hour"
) -> UUID:
    message_id = uuid4()
    query(
        "INSERT INTO lead_message (id, lead_id, direction, identity, body, sent_at)"
        " VALUES (%s, %s, %s, %s, %s, now() - %s::interval)",
        (message_id, lead_id, direction, str(message_id), body, age),
    )
    return message_id


def run(actor: str, lead_id: UUID) -> dict[str, object]:
    result: dict[str, object] = setup().get_actor(actor).fn(str(lead_id))
    return result


def behind() -> int:
    from actors.conversations import dispatch_syncs  # noqa: PLC0415  # binds to the broker when it is imported

    return dispatch_syncs()


def stuck_draft(lead_id: UUID, effect: str | None, *, live: bool = False, age: str = "11 minutes") -> UUID:
    """A draft in `sending` under a dead job (or a live one), with its effect in that state."""
    trigger, draft_id, worker, job = message(lead_id), uuid4(), registered(), dispatched(actor="auto_send")
    claim = claimed(worker, job)
    if not live:
        finish(worker.id, [death(claim)], dedupe_s=60)
    query(
        "INSERT INTO draft (id, lead_id, lead_message_id, status, content, prompt_key, model, inputs_digest,"
        " sending_job_id, sending_at) VALUES (%s, %s, %s, 'sending', 'text', 'p', 'm', 'd', %s, now() - %s::interval)",
        (draft_id, lead_id, trigger, job.id, age),
    )
    if effect is not None:
        query(
            "INSERT INTO side_effect (effect_key, kind, job_id, run_key, fence, state, refusal, settled_at)"
            " VALUES (%s, 'email', %s, 'r', 1, %s, %s, CASE WHEN %s <> 'INTENDED' THEN now() END)",
            (f"reply:{trigger}:1", job.id, effect, "client_paused" if effect == "REFUSED" else None, effect),
        )
    return draft_id


def test_conversation_waits_for_us_after_an_inbound_message(lead: UUID) -> None:
    message(lead)

    run("sync_conversation", lead)

    rows = query("SELECT status, inbound, outbound, last_outbound_at FROM conversation")
    assert rows == [("awaiting_us", 1, 0, None)]


def test_sync_has_the_lead_scored_once_for_each_newest_message(lead: UUID) -> None:
    message(lead)
    run("sync_conversation", lead)
    run("sync_conversation", lead)
    message(lead, "outbound")
    run("sync_conversation", lead)

    assert query("SELECT count(*) FROM background_job WHERE actor = 'score'") == [(2,)]
    assert query("SELECT status, inbound, outbound FROM conversation") == [("awaiting_lead", 1, 1)]


def test_conversation_waits_for_us_while_what_crossed_with_our_reply_is_unanswered(lead: UUID) -> None:
    draft_id = stuck_draft(lead, "CONFIRMED")
    message(lead, age="2 days")
    ours = message(lead, "outbound", age="1 minute")
    query("UPDATE lead_message SET draft_id = %s WHERE id = %s", (draft_id, ours))

    run("sync_conversation", lead)

    assert query("SELECT status, inbound, outbound FROM conversation") == [("awaiting_us", 2, 1)]


def test_slower_sync_does_not_write_over_a_newer_one(lead: UUID) -> None:
    message(lead)
    run("sync_conversation", lead)
    query("UPDATE conversation SET last_arrival = last_arrival + 5, inbound = 7")

    result = run("sync_conversation", lead)

    assert result["kept"] is False
    assert query("SELECT inbound FROM conversation") == [(7,)]


def test_leads_that_are_behind_are_synced_once(lead: UUID) -> None:
    message(lead)

    counts = [behind(), behind()]

    assert counts == [1, 0]


def test_lead_that_is_up_to_date_is_not_synced(lead: UUID) -> None:
    message(lead)
    run("sync_conversation", lead)

    assert behind() == 0


def test_conversation_learns_of_a_refused_draft(lead: UUID) -> None:
    message(lead)
    run("sync_conversation", lead)
    query(
        "INSERT INTO draft (id, lead_id, lead_message_id, status, refusal, content, prompt_key, model, inputs_digest)"
        " SELECT gen_random_uuid(), lead_id, id, 'refused', 'client_paused', 't', 'p', 'm', 'd' FROM lead_message"
    )

    count = behind()
    run("sync_conversation", lead)

    assert count == 1
    assert query("SELECT status FROM conversation") == [("not_answered",)]
    assert behind() == 0


def test_score_is_kept_with_its_reasons(lead: UUID) -> None:
    message(lead)

    run("score", lead)

    score, reasons, rules = query("SELECT score, reasons, rules FROM lead_score")[0]
    assert (score, rules) == (85, "lead.score.v1")
    assert reasons == {"asks_to_meet": 25, "asks_a_question": 5, "wrote_within_a_week": 5}


@pytest.mark.parametrize("actor", ["score", "sync_conversation"])
def test_lead_that_is_not_there_is_terminal(actor: str) -> None:
    with pytest.raises(Terminal):
        run(actor, uuid4())


@pytest.mark.parametrize(
    ("effect", "status"),
    [
        (None, "failed"),
        ("FAILED", "failed"),
        ("CONFIRMED", "sent"),
        ("REFUSED", "refused"),
        ("INTENDED", "held"),
        ("UNKNOWN", "held"),
    ],
)
def test_stuck_draft_is_settled_by_its_effect(lead: UUID, effect: str | None, status: str) -> None:
    stuck_draft(lead, effect)

    counts = settle_stuck_drafts()

    assert counts == {status: 1}
    assert query("SELECT status FROM draft") == [(status,)]


def test_intent_that_nobody_will_settle_becomes_unknown(lead: UUID) -> None:
    stuck_draft(lead, "INTENDED")

    settle_stuck_drafts()

    assert query("SELECT state FROM side_effect") == [("UNKNOWN",)]


def test_draft_that_went_out_gets_its_outbound_message(lead: UUID) -> None:
    stuck_draft(lead, "CONFIRMED")

    settle_stuck_drafts()

    assert query("SELECT count(*) FROM lead_message WHERE direction = 'outbound'") == [(1,)]


@pytest.mark.parametrize(
    ("effects", "status", "recorded"),
    [
        (["CONFIRMED", "CONFIRMED"], "sent", 2),
        (["CONFIRMED"], "failed", 1),
        (["CONFIRMED", "FAILED"], "failed", 1),
        (["CONFIRMED", "REFUSED"], "refused", 1),
        (["CONFIRMED", "UNKNOWN"], "held", 1),
        (["CONFIRMED", "INTENDED"], "held", 1),
    ],
    ids=lambda value: "-".join(value).lower() if isinstance(value, list) else None,
)
def test_draft_of_several_parts_is_settled_by_all_of_them_and_keeps_what_went_out(
    lead: UUID, effects: list[str], status: str, recorded: int
) -> None:
    draft_id = stuck_draft(lead, effects[0])
    query("UPDATE draft SET parts = ARRAY['one', 'two']")
    for part, effect in enumerate(effects[1:], 2):
        query(
            "INSERT INTO side_effect (effect_key, kind, job_id, run_key, fence, state, refusal, settled_at)"
            " SELECT 'reply:' || lead_message_id || ':' || %s, 'sms', sending_job_id, 'r', 1, %s, %s,"
            " CASE WHEN %s <> 'INTENDED' THEN now() END FROM draft",
            (part, effect, "lead_opted_out" if effect == "REFUSED" else None, effect),
        )

    counts = settle_stuck_drafts()

    assert counts == {status: 1}
    refusal = "lead_opted_out" if status == "refused" else None
    assert query("SELECT status, refusal FROM draft") == [(status, refusal)]
    bodies = query(
        "SELECT body FROM lead_message WHERE direction = 'outbound' AND draft_id = %s ORDER BY 1", (draft_id,)
    )
    assert [row[0] for row in bodies] == ["one", "two"][:recorded]
    assert query("SELECT count(*) FROM side_effect WHERE state = 'INTENDED'") == [(0,)]


@pytest.mark.parametrize("case", [{"live": True}, {"age": "9 minutes"}], ids=["job lives", "not for long"])
def test_draft_that_may_still_be_sent_is_left_alone(lead: UUID, case: dict[str, object]) -> None:
    stuck_draft(lead, "INTENDED", **case)  # type: ignore[arg-type]

    counts = settle_stuck_drafts()

    assert counts == {}
    assert query("SELECT status FROM draft") == [("sending",)]


def test_success_of_another_job_settles_nothing(lead: UUID) -> None:
    worker = registered()
    finish(worker.id, [success(claimed(worker))], dedupe_s=60)

    assert settle_stuck_drafts() == {}
