"""`callboard send`, `clients` and `leads`: what a person may have sent or stopped, each on record, refusals too."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from messaging.draft_store import record_sent
from messaging.store import pause_client, set_auto_send
from models.database import query
from tests.command_cases import Callboard
from tests.integration.correspondence import CLIENT, begin, draft_row, mail, sent_mail

pytestmark = pytest.mark.usefixtures("ledger_database", "redis_client")


@pytest.fixture
def callboard(capsys: pytest.CaptureFixture[str]) -> Callboard:
    return Callboard(capsys)


def log() -> list[tuple[Any, ...]]:
    return query("SELECT operator, verb, target, reason, result FROM operator_action ORDER BY id")


def sends() -> list[tuple[Any, ...]]:
    """Every send that was dispatched: id, state, source, client, and whether its arguments say that it is by hand."""
    return query(
        "SELECT id::text, state, source, client_id,"
        " (convert_from(payload, 'UTF8')::jsonb -> 'kwargs' ->> 'by_hand')::boolean"
        " FROM background_job WHERE actor = 'auto_send' ORDER BY created_at"
    )


def test_a_draft_is_dispatched_as_a_job_by_hand_and_the_request_is_on_record(callboard: Callboard) -> None:
    rows = begin()
    set_auto_send(rows.campaign_id, False)

    ended = callboard("send", rows.draft_id, "--operator", "ann", "--reason", "a good lead")

    (job,) = sends()
    assert ended.code == 0
    assert ended.out == f"send of draft {rows.draft_id} dispatched as job {job[0]}\n"
    assert job[1:] == ("queued", "by_hand", CLIENT, True)
    assert log() == [("ann", "send", str(rows.draft_id), "a good lead", "done")]


def test_a_second_request_names_the_job_of_the_first(callboard: Callboard) -> None:
    rows = begin()

    first, second = callboard("send", rows.draft_id, "--json"), callboard("send", str(rows.draft_id)[:13], "--json")

    assert (first.code, second.code) == (0, 0)
    assert first.data[0]["job_id"] == second.data[0]["job_id"]
    assert "was asked for before" in second.data[0]["text"]
    assert len(sends()) == 1
    assert [row[4] for row in log()] == ["done", "duplicate"]


def test_a_draft_that_the_gate_refused_may_be_asked_for_again_once_the_reason_is_gone(callboard: Callboard) -> None:
    rows = begin()
    query("UPDATE draft SET status = 'refused', refusal = 'client_paused'")

    ended = callboard("send", rows.draft_id)

    assert ended.code == 0
    assert len(sends()) == 1


@pytest.mark.parametrize("option", [[], ["--dry-run"]], ids=["send", "dry run"])
def test_what_the_gate_forbids_is_refused_with_its_reason(callboard: Callboard, option: list[str]) -> None:
    rows = begin()
    pause_client(CLIENT)

    ended = callboard("send", rows.draft_id, *option)

    assert ended.code == 4
    assert f"send of draft {rows.draft_id} refused, client_paused: The client's kill switch is thrown" in ended.err
    assert sends() == []
    assert [row[4] for row in log()] == ([] if option else ["refused: client_paused"])
    assert draft_row(rows.draft_id) == ("pending", None)


def test_a_draft_that_was_sent_is_not_sent_again(callboard: Callboard) -> None:
    rows = begin()
    record_sent(rows.outgoing(), sent_mail())

    ended = callboard("send", rows.draft_id, "--json")

    assert ended.code == 4
    assert ended.data[0]["reason"] == "draft_status_sent"


def test_outside_the_hours_the_job_waits_and_the_answer_says_until_when(callboard: Callboard) -> None:
    rows = begin()
    callboard("clients", "set", CLIENT, "--sending-hours", "never")

    would, did = callboard("send", rows.draft_id, "--dry-run", "--json"), callboard("send", rows.draft_id)

    assert would.data[0]["result"] == "would_be_done"
    assert would.data[0]["not_before"].endswith("Z")
    assert "(outside_sending_hours)" in did.out
    assert [job[1] for job in sends()] == ["pending"]
    assert query("SELECT run_at > clock_timestamp() + interval '23 hours' FROM background_job") == [(True,)]


def test_dry_run_of_a_send_changes_nothing(callboard: Callboard) -> None:
    rows = begin()

    ended = callboard("send", rows.draft_id, "--dry-run")

    assert (ended.code, ended.out) == (0, f"would send draft {rows.draft_id}\n")
    assert (sends(), log()) == ([], [])


def test_unknown_drafts_end_with_three_and_some_with_five(callboard: Callboard) -> None:
    rows = begin()

    none, some = callboard("send", uuid4()), callboard("send", uuid4(), rows.draft_id)

    assert (none.code, some.code) == (3, 5)


def test_a_message_that_was_overtaken_is_refused_and_the_newer_one_is_sent(callboard: Callboard) -> None:
    rows = begin()
    newer = rows.draft_for(rows.receive(mail(2))[0])

    ended = callboard("send", rows.draft_id, newer)

    assert ended.code == 5
    assert "newer_inbound_exists" in ended.err
    assert f"send of draft {newer} dispatched" in ended.out
