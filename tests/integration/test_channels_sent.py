"""Replies by SMS and LinkedIn through the real gate, `once` and ledger: each part once, resumed, stopped, held."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis

from messaging.formats import Channel
from messaging.outcomes import Outcomes, count_outcomes
from messaging.provider import ProviderRefused
from messaging.store import opt_out, pause_client, resume_client
from middleware import effects as effects_module
from middleware.worker_process import WorkerProcess
from models.crash_points import CrashPointReached
from models.database import close_connection, query
from policy.errors import InvariantRefused, Terminal
from tests.integration.correspondence import CLIENT, draft_row
from tests.integration.texting import (
    PHONE,
    THREE_PARTS,
    Serve,
    Texting,
    effects,
    outbound,
    parts_asked,
    providing,
    sender,
    texting,
)
from tests.ledger_cases import dispatched
from tests.unit.scripted_provider import Asked, Says, ScriptedProvider


@pytest.fixture
def process(ledger_database: str, redis_client: redis.Redis) -> WorkerProcess:
    """A worker process that may act."""
    return sender()


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Makes a provider the one that SMS and LinkedIn messages go to."""
    with providing(monkeypatch) as start:
        yield start


def outcomes(rows: Texting) -> Outcomes:
    return count_outcomes([rows.lead_message_id])


def test_an_sms_goes_out_from_where_the_lead_wrote_to(process: WorkerProcess, serve: Serve) -> None:
    provider, rows = serve(ScriptedProvider()), texting()

    result = rows.attempt(process)

    (asked,) = provider.asked
    assert asked.key == f"reply:{rows.lead_message_id}:1"
    assert asked.body == {
        "channel": "sms",
        "to": PHONE,
        "from": "+4930999",
        "text": "Hello Ada, which day suits you?",
        "part": 1,
        "parts": 1,
        "in_reply_to": "M1",
        "thread": "th-1",
    }
    assert result == {"sent": "p-1", "replayed": False}
    assert draft_row(rows.draft_id) == ("sent", None)
    columns = "kind, state, provider, provider_reference, request_digest ~ '^[0-9a-f]{64}$'"
    assert query(f"SELECT {columns} FROM side_effect") == [("sms", "CONFIRMED", "sms", "p-1", True)]
    assert outbound("channel", "identity", "internet_message_id", "thread") == [
        ("sms", f"reply:{rows.lead_message_id}:1", None, "th-1")
    ]


def test_a_linkedin_reply_goes_out_whole_to_the_members_name(process: WorkerProcess, serve: Serve) -> None:
    provider, rows = serve(ScriptedProvider()), texting(THREE_PARTS, Channel.LINKEDIN)

    rows.attempt(process)

    (asked,) = provider.asked
    assert (asked.body["to"], asked.body["text"], asked.body["parts"]) == ("urn:li:person:ada", THREE_PARTS, 1)
    assert outbound("channel") == [("linkedin",)]
    assert query("SELECT provider FROM side_effect") == [("linkedin",)]


def test_a_long_sms_goes_out_in_parts_each_under_its_own_key(process: WorkerProcess, serve: Serve) -> None:
    provider, rows = serve(ScriptedProvider()), texting(THREE_PARTS)

    result = rows.attempt(process)

    assert parts_asked(provider) == [1, 2, 3]
    assert [asked.key for asked in provider.asked] == [f"reply:{rows.lead_message_id}:{part}" for part in (1, 2, 3)]
    assert " ".join(asked.body["text"] for asked in provider.asked) == THREE_PARTS
    assert result == {"sent": "p-1", "replayed": False, "parts": 3}
    assert [row[0] for row in outbound("body")] == [asked.body["text"] for asked in provider.asked]
    assert query("SELECT count(DISTINCT request_digest) FROM side_effect") == [(3,)]
    assert outcomes(rows).sent == 1


@pytest.mark.parametrize("status", [429, 503, 422])
def test_a_part_that_was_refused_is_tried_again_and_the_one_before_it_is_not(
    process: WorkerProcess, serve: Serve, status: int
) -> None:
    provider, rows = serve(ScriptedProvider(Says(), Says(status))), texting(THREE_PARTS)

    with pytest.raises(ProviderRefused):
        rows.attempt(process)
    between = (effects(rows.lead_message_id), draft_row(rows.draft_id)[0], len(outbound("id")), outcomes(rows).sent)
    result = rows.attempt(process)

    assert between == ([("1", "CONFIRMED"), ("2", "FAILED")], "sending", 1, 0)
    assert parts_asked(provider) == [1, 2, 2, 3]
    assert result["parts"] == 3
    assert (draft_row(rows.draft_id)[0], len(outbound("id"))) == ("sent", 3)


@pytest.mark.parametrize("point", ["effect.after_confirmation", "effect.before_intent"])
def test_a_crash_between_two_parts_resumes_with_the_second(
    process: WorkerProcess, serve: Serve, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    provider, rows = serve(ScriptedProvider()), texting(THREE_PARTS)
    crashes = iter([False, True] if point == "effect.before_intent" else [True])

    def crash(reached: str) -> None:
        if reached == point and next(crashes, False):
            raise CrashPointReached(point)

    monkeypatch.setattr(effects_module, "crash_point", crash)

    with pytest.raises(CrashPointReached):
        rows.attempt(process)
    first = parts_asked(provider)
    rows.attempt(process)

    assert first == [1]
    assert parts_asked(provider) == [1, 2, 3]
    assert [row[0] for row in outbound("identity")] == [f"reply:{rows.lead_message_id}:{part}" for part in (1, 2, 3)]
    assert draft_row(rows.draft_id) == ("sent", None)


def test_parts_stay_as_they_were_fixed_whatever_a_later_release_would_make_of_the_text(
    process: WorkerProcess, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider, rows = serve(ScriptedProvider(Says(), Says(503))), texting(THREE_PARTS)
    with pytest.raises(ProviderRefused):
        rows.attempt(process)
    monkeypatch.setattr("actors.auto_send.parts_of", lambda channel, text: ("all of it",))

    rows.attempt(process)

    assert [asked.body["parts"] for asked in provider.asked] == [3, 3, 3, 3]
    assert provider.asked[2].body["text"] == provider.asked[1].body["text"]


@pytest.mark.parametrize("reason", ["lead_opted_out", "client_paused"])
def test_a_wish_that_comes_between_two_parts_stops_the_second(
    process: WorkerProcess, serve: Serve, reason: str
) -> None:
    provider, rows = serve(ScriptedProvider()), texting(THREE_PARTS)

    def change(_asked: Asked) -> None:
        try:
            assert opt_out(rows.lead_id) if reason == "lead_opted_out" else pause_client(CLIENT)
        finally:
            close_connection()

    provider.meanwhile = change

    result = rows.attempt(process)

    assert result == {"refused": reason, "parts_sent": 1}
    assert parts_asked(provider) == [1]
    assert draft_row(rows.draft_id) == ("refused", reason)
    assert effects(rows.lead_message_id) == [("1", "CONFIRMED"), ("2", "REFUSED")]
    assert len(outbound("id")) == 1
    assert (outcomes(rows).refused, outcomes(rows).sent) == (1, 0)


def test_a_newer_message_between_two_parts_does_not_stop_the_rest(process: WorkerProcess, serve: Serve) -> None:
    provider, rows = serve(ScriptedProvider(Says(), Says(503))), texting(THREE_PARTS)
    with pytest.raises(ProviderRefused):
        rows.attempt(process)
    query(
        "INSERT INTO lead_message (id, lead_id, direction, identity, body, sent_at)"
        " VALUES (gen_random_uuid(), %s, 'inbound', 'newer', 'And?', now())",
        (rows.lead_id,),
    )

    rows.attempt(process)

    assert parts_asked(provider) == [1, 2, 2, 3]


@pytest.mark.parametrize(
    ("content", "channel", "reason"),
    [
        ("word " * 100, Channel.SMS, "sms_too_long"),
        ("Hello **Ada**", Channel.LINKEDIN, "markup_in_plain_text"),
        ("<p>Hello</p>", Channel.LINKEDIN, "markup_in_plain_text"),
    ],
)
def test_what_the_channel_cannot_carry_is_refused_by_name(
    process: WorkerProcess, serve: Serve, content: str, channel: Channel, reason: str
) -> None:
    provider, rows = serve(ScriptedProvider()), texting(content, channel)

    result = rows.attempt(process)

    assert result == {"refused": reason}
    assert provider.asked == []
    assert draft_row(rows.draft_id) == ("refused", reason)


def test_another_job_finds_every_part_done(process: WorkerProcess, serve: Serve) -> None:
    provider, rows = serve(ScriptedProvider()), texting(THREE_PARTS)
    rows.attempt(process)

    result = rows.attempt(process, dispatched(actor="auto_send"))

    assert result == {"sent": "p-1", "replayed": True, "parts": 3}
    assert parts_asked(provider) == [1, 2, 3]
    assert len(outbound("id")) == 3


def test_without_a_provider_the_reply_waits_for_a_person(process: WorkerProcess) -> None:
    rows = texting()

    with pytest.raises(Terminal, match="CALLBOARD_SMS_URL"):
        rows.attempt(process)

    assert effects(rows.lead_message_id) == [("1", "FAILED")]


def test_a_person_has_the_rest_sent_of_what_the_kill_switch_stopped(process: WorkerProcess, serve: Serve) -> None:
    provider, rows = serve(ScriptedProvider(Says(), Says(503))), texting(THREE_PARTS)
    with pytest.raises(ProviderRefused):
        rows.attempt(process)
    pause_client(CLIENT)
    stopped = rows.attempt(process)
    resume_client(CLIENT)

    sent = rows.attempt(process, dispatched(actor="auto_send"), by_hand=True)

    assert stopped == {"refused": "client_paused", "parts_sent": 1}
    assert sent["parts"] == 3
    assert parts_asked(provider) == [1, 2, 2, 3]
    assert [row[0] for row in outbound("body")] == [provider.asked[each].body["text"] for each in (0, 2, 3)]


def test_what_does_not_fit_is_refused_as_soon_as_a_person_asks(process: WorkerProcess) -> None:
    from actors.manual_send import would_send  # noqa: PLC0415  # it binds to the broker that setup() makes

    rows = texting("word " * 100)

    with pytest.raises(InvariantRefused) as refused:
        would_send(rows.draft_id)

    assert refused.value.reason == "sms_too_long"


def test_parts_are_fixed_anew_while_none_can_have_gone_out(process: WorkerProcess, serve: Serve) -> None:
    provider, rows = serve(ScriptedProvider(Says(503))), texting(THREE_PARTS)
    with pytest.raises(ProviderRefused):
        rows.attempt(process)
    query("UPDATE draft SET content = 'Shorter.'")

    rows.attempt(process)

    assert [asked.body["parts"] for asked in provider.asked] == [3, 1]
    assert provider.asked[1].body["text"] == "Shorter."
