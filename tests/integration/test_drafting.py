"""The road from a stored lead message to a reply: judged, written anew within its limit, nothing left behind."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from messaging.draft_store import read_inbound
from messaging.drafting import REVISIONS_MAX, write_reply
from messaging.drafts import DeterministicDrafter, DraftRequest, DraftText
from models.database import query
from tests.integration.correspondence import begin, mail


class Dictated:
    """A drafter that says one thing after the other, the last one again and again; keeps what it was asked."""

    def __init__(self, *bodies: str) -> None:
        self._bodies = bodies
        self.asked: list[DraftRequest] = []

    def draft(self, request: DraftRequest) -> DraftText:
        body = self._bodies[min(len(self.asked), len(self._bodies) - 1)]
        self.asked.append(request)
        return DraftText("Re: a call", body, "dictated.v1", "dictated", "0" * 64)


def lead_message() -> UUID:
    return begin().receive(mail(2))[0]


def names(objections: Sequence[object]) -> list[str]:
    return [getattr(one, "name", "") for one in objections]


def test_the_deterministic_drafters_reply_stands_at_once(ledger_database: str) -> None:
    written = write_reply(read_inbound(lead_message()), DeterministicDrafter())

    assert (written.objections, written.revision, written.draft.model) == ((), 1, "deterministic")


def test_a_reply_that_is_objected_to_is_written_anew_and_told_why(ledger_database: str) -> None:
    drafter = Dictated("Book at https://calendly.com/acme/intro", "Which days would suit you?")

    written = write_reply(read_inbound(lead_message()), drafter)

    assert (written.objections, written.revision) == ((), 2)
    assert list(drafter.asked[0].objections) == []
    assert list(drafter.asked[1].objections) == ["fabricated_link: calendly.com/acme/intro"]


def test_rewriting_ends_at_its_limit_and_the_objection_stays(ledger_database: str) -> None:
    drafter = Dictated(*(f"Book at https://calendly.com/acme/{number}" for number in range(9)))

    written = write_reply(read_inbound(lead_message()), drafter)

    assert (names(written.objections), written.revision) == (["fabricated_link"], REVISIONS_MAX)
    assert len(drafter.asked) == REVISIONS_MAX


def test_the_same_words_again_end_it(ledger_database: str) -> None:
    drafter = Dictated(" ")

    written = write_reply(read_inbound(lead_message()), drafter)

    assert (names(written.objections), written.revision, len(drafter.asked)) == (["empty_draft"], 1, 2)


def test_writing_a_reply_writes_no_row(ledger_database: str) -> None:
    message_id = lead_message()
    counts = (
        "SELECT (SELECT count(*) FROM draft), (SELECT count(*) FROM background_job), (SELECT count(*) FROM side_effect)"
    )
    before = query(counts)

    write_reply(read_inbound(message_id), Dictated(" "))

    assert query(counts) == before
    assert query("SELECT processed_at FROM lead_message WHERE id = %s", (message_id,)) == [(None,)]
