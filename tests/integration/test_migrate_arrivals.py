"""Migration 0013 on rows that were stored before threads were ordered by arrival."""

from __future__ import annotations

from uuid import UUID, uuid4

import psycopg2
import pytest

from messaging.gate import gate
from models import migrate
from models.database import atomic, query
from models.migrate import known_migrations

#: Number, direction and day in March of a lead's messages, as one ingest of files in any order stored them.
_STORED = ((1, "inbound", 3), (2, "inbound", 1), (3, "outbound", 4), (4, "inbound", 2))


@pytest.fixture
def lead_id(empty_database: str, monkeypatch: pytest.MonkeyPatch) -> UUID:
    """A lead in a database one migration back."""
    with monkeypatch.context() as before:
        before.setattr(migrate, "known_migrations", lambda: known_migrations()[:12])
        migrate.migrate()
    lead = uuid4()
    query("INSERT INTO client (id, name, sender_address) VALUES ('acme', 'Acme', 'a@acme.example')")
    query("INSERT INTO lead (id, client_id, address) VALUES (%s, 'acme', 'lea@lead.example')", (lead,))
    return lead


def store(lead_id: UUID, name: str, direction: str, day: int, *, answers: UUID | None = None) -> UUID:
    """A message of that day; an outbound one may be a reply."""
    message_id, draft_id = uuid4(), draft(lead_id, answers) if answers else None
    query(
        "INSERT INTO lead_message (id, lead_id, direction, identity, subject, body, draft_id, sent_at)"
        " VALUES (%s, %s, %s, %s, %s, '', %s, make_timestamptz(2026, 3, %s, 10, 0, 0))",
        (message_id, lead_id, direction, name, name, draft_id, day),
    )
    return message_id


def draft(lead_id: UUID, answers: UUID) -> UUID:
    draft_id = uuid4()
    query(
        "INSERT INTO draft (id, lead_id, lead_message_id, content, prompt_key, model, inputs_digest)"
        " VALUES (%s, %s, %s, 'Thanks.', 'test', 'test', '0')",
        (draft_id, lead_id, answers),
    )
    return draft_id


def thread() -> list[tuple[str, int]]:
    return [(row[0], row[1]) for row in query("SELECT subject, arrival FROM lead_message ORDER BY arrival")]


def test_messages_of_before_are_numbered_by_their_dates_with_the_numbers_they_had(lead_id: UUID) -> None:
    for number, direction, day in _STORED:
        store(lead_id, f"day {day}, stored {number}", direction, day)
    other = uuid4()
    query("INSERT INTO lead (id, client_id, address) VALUES (%s, 'acme', 'other@lead.example')", (other,))
    store(other, "another lead's", "inbound", 1)

    migrate.migrate()

    assert thread() == [
        ("day 1, stored 2", 1),
        ("day 2, stored 4", 2),
        ("day 3, stored 1", 3),
        ("day 4, stored 3", 4),
        ("another lead's", 5),
    ]


def test_numbers_go_on_where_they_were_and_nobody_may_choose_one(lead_id: UUID) -> None:
    store(lead_id, "first", "inbound", 2)
    store(lead_id, "second", "inbound", 1)

    migrate.migrate()
    store(lead_id, "third", "inbound", 1)

    assert thread() == [("second", 1), ("first", 2), ("third", 3)]
    with pytest.raises(psycopg2.errors.GeneratedAlways):
        query("UPDATE lead_message SET arrival = 9")


def test_of_drafts_that_wait_across_the_upgrade_the_one_for_the_latest_date_goes_out(lead_id: UUID) -> None:
    newest, oldest = store(lead_id, "newest", "inbound", 3), store(lead_id, "oldest", "inbound", 1)
    drafts = [draft(lead_id, newest), draft(lead_id, oldest)]

    migrate.migrate()

    assert [refusal_of(each, lead_id) for each in drafts] == ["no_campaign", "newer_inbound_exists"]


def test_a_lead_that_was_answered_before_the_upgrade_is_not_answered_again(lead_id: UUID) -> None:
    newest, oldest = store(lead_id, "newest", "inbound", 3), store(lead_id, "oldest", "inbound", 1)
    store(lead_id, "reply", "outbound", 4, answers=newest)
    waiting = draft(lead_id, oldest)

    migrate.migrate()

    assert refusal_of(waiting, lead_id) == "newer_inbound_exists"
    assert thread()[-1] == ("reply", 3)


def refusal_of(draft_id: UUID, lead_id: UUID) -> str | None:
    """What the gate says; `no_campaign` comes after all that has to do with the thread."""
    with atomic():
        return gate(draft_id, lead_id, uuid4())
