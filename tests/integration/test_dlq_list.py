"""`dlq list`: filters, groups, and a first page that stays quick over a hundred thousand letters."""

from __future__ import annotations

import pytest
import redis

from models.database import query
from tests.command_cases import Callboard, dead_letter
from tests.plan_cases import counting_rows

pytestmark = pytest.mark.usefixtures("ledger_database", "redis_client")


@pytest.fixture
def callboard(capsys: pytest.CaptureFixture[str]) -> Callboard:
    return Callboard(capsys)


def test_text_is_found_in_the_error_in_any_case(callboard: Callboard) -> None:
    _, letter = dead_letter()
    dead_letter()
    query("UPDATE dead_letter SET error_message = 'Mailbox 100%% full' WHERE id = %s", (letter,))

    found = callboard("dlq", "list", "--text", "BOX 100%", "--json").data

    assert [one["id"] for one in found] == [str(letter)]


@pytest.mark.parametrize(
    ("by", "values"),
    [
        ("client", [("acme", 2), (None, 1)]),
        ("actor", [("actor", 2), ("send", 1)]),
        ("reason", [("terminal", 3)]),
        ("fingerprint", [("0123", 3)]),
    ],
)
def test_groups_have_their_counts_the_largest_first(
    callboard: Callboard, by: str, values: list[tuple[str | None, int]]
) -> None:
    dead_letter(client_id="acme")
    dead_letter(actor="send")
    _, newest = dead_letter(client_id="acme")

    groups = callboard("dlq", "list", "--by", by, "--json").data

    assert [(group["value"], group["count"]) for group in groups] == values
    assert groups[0]["example"] == str(newest)
    assert groups[0]["first_seen"] < groups[0]["last_seen"]
    assert groups[0]["error"] == "ValueError: no"


def test_hours_are_told_the_last_first(callboard: Callboard) -> None:
    for hours in (1, 1, 5):
        _, letter = dead_letter()
        query("UPDATE dead_letter SET died_at = now() - %s * interval '1 hour' WHERE id = %s", (hours, letter))

    groups = callboard("dlq", "list", "--by", "hour", "--json").data

    assert [group["count"] for group in groups] == [2, 1]


def test_groups_are_of_what_the_filters_find(callboard: Callboard) -> None:
    dead_letter(client_id="acme")
    dead_letter(client_id="other")

    ended = callboard("dlq", "list", "--by", "actor", "--client", "acme", "--json")
    nothing = callboard("dlq", "list", "--by", "actor", "--client", "nobody")

    assert [group["count"] for group in ended.data] == [1]
    assert nothing.code == 3


def test_first_page_of_a_hundred_thousand_letters_reads_no_more_than_it_shows(
    callboard: Callboard, redis_client: redis.Redis
) -> None:
    query(
        "INSERT INTO dead_letter (id, job_id, queue, redis_message_id, payload, reason, died_at)"
        " SELECT gen_random_uuid(), gen_random_uuid(), 'default', 'r-' || n, '', 'terminal', to_timestamp(n)"
        " FROM generate_series(1, 100000) AS n"
    )
    query("ANALYZE dead_letter")
    for start in range(1, 100_001, 10_000):
        redis_client.zadd("dramatiq:default.XQ", {f"r-{n}": n * 1000 for n in range(start, start + 10_000)})

    with counting_rows() as handled:
        ended = callboard("dlq", "list", "--json")

    assert len(ended.data) == 20
    assert 20 <= handled.rows < 2_000
