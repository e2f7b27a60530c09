"""SMS and LinkedIn messages in: stored once, dispatched like mail, drafted in their channel's form."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import dramatiq
import pytest
import redis

from actors.broker import setup
from messaging.formats import Channel
from messaging.store import make_campaign, make_client
from models.database import atomic, close_connection, query
from scripts.main import main
from tests.acceptance.waiting import until
from tests.integration.correspondence import CLIENT, SENDER, mail
from tests.integration.texting import text_in

SMS = {"channel": "sms", "id": "SM1", "from": "+4915112345678", "text": "Could we have a call?", "to": "+4930999"}
LINKEDIN = {"channel": "linkedin", "id": "LI1", "from": "urn:li:person:ada", "text": "Sounds good", "thread": "th-1"}


@pytest.fixture(autouse=True)
def actors(ledger_database: str, redis_client: redis.Redis) -> None:
    """The families, bound to a broker."""
    former = dramatiq.broker.global_broker
    setup()
    dramatiq.broker.global_broker = former


def ingest(capsys: pytest.CaptureFixture[str], path: Path, *words: str) -> tuple[int, Any]:
    """The exit code and the object of `callboard ingest … --json`."""
    code = main(["ingest", str(path), *words, "--json"])
    return code, json.loads(capsys.readouterr().out)


def lines(folder: Path, *messages: object) -> Path:
    file = folder / "in.jsonl"
    texts = (one if isinstance(one, str) else json.dumps(one) for one in messages)
    file.write_text("\n".join(texts) + "\n", encoding="utf-8")
    return file


def take_in(*messages: Any) -> Any:
    from actors.inbound import take_in as taking  # noqa: PLC0415  # it binds to the broker that setup() makes

    make_client(CLIENT, name="Acme", sender_address=SENDER)
    return taking(CLIENT, make_campaign(CLIENT, "default", auto_send=True), messages)


def draft_of(lead_message_id: object) -> tuple[str, str]:
    """Subject and content of the draft that the inbound actor writes."""
    from actors.families import inbound_post_process  # noqa: PLC0415  # it binds to the broker that setup() makes

    inbound_post_process.fn(str(lead_message_id))
    row = query("SELECT subject, content FROM draft WHERE lead_message_id = %s", (lead_message_id,))[0]
    return row[0], row[1]


def test_lines_go_in_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = lines(tmp_path, SMS, LINKEDIN, SMS)

    answers = [ingest(capsys, file) for _ in range(2)]

    first = {"received": 2, "new": 2, "known": 1, "skipped": [], "dispatched": 2}
    again = {"received": 2, "new": 0, "known": 3, "skipped": [], "dispatched": 0}
    assert answers == [(0, first), (0, again)]
    columns = "channel, identity, recipient, thread, body"
    assert query(f"SELECT {columns} FROM lead_message ORDER BY arrival") == [
        ("sms", "sms:SM1", "+4930999", None, "Could we have a call?"),
        ("linkedin", "linkedin:LI1", None, "th-1", "Sounds good"),
    ]
    assert query("SELECT address FROM lead ORDER BY address") == [("+4915112345678",), ("linkedin:urn:li:person:ada",)]
    assert query("SELECT count(*) FROM background_job WHERE actor = 'inbound_post_process'") == [(2,)]


def test_a_malformed_line_is_named_by_its_number_and_the_others_go_in(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = lines(tmp_path, SMS, "", "{", {**SMS, "id": "SM2", "from": "0151"}, LINKEDIN)

    code, told = ingest(capsys, file)

    assert code == 5
    assert [one["file"] for one in told["skipped"]] == ["in.jsonl:3", "in.jsonl:4"]
    assert (told["new"], told["dispatched"]) == (2, 2)


def test_a_person_reads_which_line_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["ingest", str(lines(tmp_path, "[]"))])

    said = capsys.readouterr()
    assert code == 5
    assert said.err == "callboard: skipped in.jsonl:1: not a JSON object\n"


def test_a_dry_run_stores_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, told = ingest(capsys, lines(tmp_path, SMS, LINKEDIN), "--dry-run")

    assert (code, told["received"], told["new"]) == (0, 2, 0)
    assert query("SELECT count(*) FROM lead_message") == [(0,)]


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["ingest", str(tmp_path / "none.jsonl")])

    said = capsys.readouterr().err.splitlines()
    assert code == 1
    assert len(said) == 1
    assert "No such file" in said[0]


def test_a_message_from_the_clients_own_number_is_never_answered() -> None:
    make_client(CLIENT, name="Acme", sender_address=SENDER)
    query("UPDATE client SET own_addresses = ARRAY['+4915112345678']")

    take_in(text_in())

    assert query("SELECT never_answer FROM lead_message") == [("own_address",)]


def test_a_stop_by_sms_opts_the_lead_out() -> None:
    take_in(text_in(body="STOP."))

    assert query("SELECT opted_out_at IS NOT NULL FROM lead") == [(True,)]


def test_mail_and_messages_may_come_together() -> None:
    taken = take_in(mail(1), text_in())

    assert (taken.new, taken.dispatched) == (2, 2)
    assert query("SELECT channel FROM lead_message ORDER BY channel") == [("email",), ("sms",)]


def test_a_message_waits_for_a_send_that_is_being_decided() -> None:
    take_in(text_in(1))
    decided, commit, stored = threading.Event(), threading.Event(), threading.Event()

    def decide() -> None:
        with atomic():
            query("SELECT FROM lead FOR UPDATE")
            decided.set()
            assert commit.wait(10)
        close_connection()

    def second() -> None:
        take_in(text_in(2))
        stored.set()
        close_connection()

    with ThreadPoolExecutor(2) as pool:
        deciding = pool.submit(decide)
        assert decided.wait(10)
        storing = pool.submit(second)
        until(_waits_for_a_lock, "the ingest waits for the lead")
        too_early = stored.is_set()
        commit.set()
        deciding.result(10)
        storing.result(10)

    assert (too_early, stored.is_set()) == (False, True)


def _waits_for_a_lock() -> bool:
    sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    return bool(query(sql)[0][0])


@pytest.mark.parametrize("channel", [Channel.SMS, Channel.LINKEDIN])
def test_a_draft_has_its_channels_form(channel: Channel) -> None:
    taken = take_in(text_in(channel=channel, sender="+4915112345678"))
    query("UPDATE campaign SET signature = 'Ada\u2019s **team**<br>[Acme](https://acme.example)'")

    subject, content = draft_of(taken.lead_message_ids[0])

    apostrophe = "'" if channel is Channel.SMS else "\u2019"
    assert subject == ""
    assert content.endswith(f"Ada{apostrophe}s team\nAcme: https://acme.example")
    assert query("SELECT dispatch_key IS NOT NULL FROM background_job WHERE actor = 'auto_send'") == [(True,)]


def test_a_mails_draft_is_left_as_it_was_written() -> None:
    taken = take_in(mail(1))
    query("UPDATE campaign SET signature = '**Ada**'")

    subject, content = draft_of(taken.lead_message_ids[0])

    assert subject == "Re: Question 1"
    assert content.endswith("**Ada**\n")
