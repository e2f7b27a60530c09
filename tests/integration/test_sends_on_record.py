"""What the effect of a mail keeps for those who look for it at the other side: who was asked, for what, its name."""

from __future__ import annotations

import re
from dataclasses import replace
from email import message_from_bytes

import pytest

from messaging import transport
from models.database import query
from policy.errors import NothingDone
from tests.integration.correspondence import begin
from tests.integration.sending_cases import CountingSink, Sender
from tests.ledger_cases import dispatched

pytestmark = pytest.mark.usefixtures("ledger_database", "redis_client")


def test_mail_is_on_record_with_its_message_id_and_a_digest_of_what_it_says(sink: CountingSink, sender: Sender) -> None:
    rows = begin()

    sender.send(rows.draft_id)

    (mail,) = sink.mails
    digest = transport.request_digest(rows.outgoing(), 1)
    assert re.fullmatch("[0-9a-f]{64}", digest)
    assert query("SELECT provider, provider_reference, request_digest FROM side_effect") == [
        ("smtp", message_from_bytes(mail)["Message-ID"], digest)
    ]


def test_a_second_try_of_the_same_mail_has_the_same_digest(
    sink: CountingSink, sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, job = begin(), dispatched(actor="auto_send")
    with monkeypatch.context() as broken:
        broken.setattr(transport, "send_mail", lambda *_, **__: (_ for _ in ()).throw(ConnectionRefusedError()))
        with pytest.raises(NothingDone):
            sender.send(rows.draft_id, job=job)
    first = query("SELECT state, provider_reference, request_digest FROM side_effect")

    sender.again(rows.draft_id, job)

    ((state, reference, digest),) = first
    assert (state, reference) == ("FAILED", None)
    assert digest
    assert query("SELECT state, request_digest FROM side_effect") == [("CONFIRMED", digest)]


def test_another_text_is_another_request() -> None:
    outgoing = begin().outgoing()

    changed = replace(outgoing, content="Something else.")

    assert transport.request_digest(changed, 1) != transport.request_digest(outgoing, 1)
