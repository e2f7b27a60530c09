"""The chain behind an id, told from rows alone: its order and its words."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from models.database import query
from models.ledger.dispatch import Blocked, count_duplicates, dispatch_jobs
from models.ledger.finish import finish, give_back
from models.ledger.letters import Operator, RawLetter, discard_letter, put_aside
from models.readings import chain as chains
from models.readings.chain import gather
from models.readings.identity import Kind, Named
from models.readings.outlook import letter_outlook
from models.readings.story import Event, describe_rule, tell
from policy.states import DeadReason, EffectState
from policy.verdicts import RULES
from tests.ledger_cases import (
    DEDUPE_S,
    claimed,
    death,
    dispatched,
    registered,
    success,
    wanted,
)
from tests.reading_cases import chain_of, effect, letter_of

pytestmark = pytest.mark.usefixtures("ledger_database")


def words(events: list[Event]) -> list[str]:
    return [event.what for event in events]


def sentence(events: list[Event], what: str) -> str:
    return next(event.text for event in events if event.what == what)


def test_story_of_a_job_goes_from_dispatch_to_death_and_the_operators_verb() -> None:
    holder, job = registered(), dispatched("reply:1")
    (blocked,) = dispatch_jobs([wanted("reply:1")], dedupe_s=DEDUPE_S)
    assert isinstance(blocked, Blocked)
    count_duplicates([blocked])
    claim = claimed(holder, job)
    effect(claim, holder, "effect:1", EffectState.CONFIRMED)
    finish(holder.id, [death(claim, duration_s=1.5, started_after_s=0.0)], dedupe_s=DEDUPE_S)
    discard_letter(letter_of(job.id), Operator("ann", "stage sold"))

    events = tell(chain_of(job.id))

    assert words(events) == [
        "dispatched",
        "duplicates",
        "released",
        "claimed",
        "effect",
        "failed",
        "dead",
        "operator",
    ]
    assert sentence(events, "duplicates") == "1 duplicate of its key refused since"
    assert f"on {holder.host}, pid {holder.pid}" in sentence(events, "claimed")
    assert sentence(events, "effect") == "email effect:1 CONFIRMED in attempt 1, provider's reference <bell@17>"
    assert sentence(events, "failed") == (
        "attempt 1 after 1.50 s: ValueError: no -> terminal, rule terminal (the actor raised Terminal)"
    )
    assert "terminal: it can never work; DISCARDED now" in sentence(events, "dead")
    assert sentence(events, "operator") == "ann: discard: done (reason: stage sold)"


def test_every_rule_that_the_code_writes_has_words() -> None:
    written = [rule.id for rule in RULES] + ["unclassified", "given-back", "failed-by-hand", "age-limit", "skipped"]

    assert [rule for rule in written if not describe_rule(rule)] == []


def test_given_back_attempt_is_told_apart_from_one_that_ran() -> None:
    holder, job = registered(), dispatched()
    give_back(holder.id, [claimed(holder, job)])

    events = tell(chain_of(job.id))

    assert "rule given-back (the worker gave it back before it had started" in sentence(events, "cancelled")


def test_parent_asks_for_the_child_and_tells_what_became_of_it() -> None:
    parent = dispatched(actor="parent")
    child = dispatched(
        "child:1", actor="child", correlation_id=parent.correlation_id, causation_id=str(parent.id), source="actor"
    )

    of_parent, of_child = tell(chain_of(parent.id)), tell(chain_of(child.id))

    assert sentence(of_parent, "child") == f"job {child.id} (child) dispatched from here, queued now"
    assert sentence(of_child, "dispatched") == (
        f"child asked for by job {parent.id} (parent), source actor, key child:1"
    )


def test_family_is_told_together_and_each_event_says_whose_it_is() -> None:
    first = dispatched()
    second = dispatched(correlation_id=first.correlation_id, causation_id=str(first.id))

    chain = gather(Named(Kind.CORRELATION, first.correlation_id), lease_s=30.0)

    events = tell(chain)
    assert [job.id for job in chain.jobs] == [first.id, second.id]
    assert [event.job_id for event in events if event.what == "dispatched"] == [first.id, second.id]
    assert "child" not in words(events)


def test_family_larger_than_a_screen_says_how_many_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chains, "MOST_TOLD", 2)
    for _ in range(5):
        dispatched(correlation_id="family")

    chain = chain_of("family")

    assert (len(chain.jobs), chain.more) == (2, 3)


def test_window_comes_first_in_the_story_of_its_job() -> None:
    query(
        "INSERT INTO background_dispatch_window (dispatch_key, source, requested_at, window_start, window_seconds,"
        " correlation_id, status, process_dispatch_id, maintenance_dispatch_id, error_message)"
        " VALUES ('w:1', 'cron', now() - interval '1 s', date_trunc('minute', now()), 60, 'c', 'ENQUEUE_FAILED',"
        " 'bg-process:1', 'bg-maint:1', 'no Redis')"
    )
    job = dispatched("bg-process:1")

    by_job, by_window = tell(chain_of(job.id)), tell(chain_of("w:1"))

    assert words(by_job)[:2] == words(by_window)[:2] == ["window", "dispatched"]
    assert sentence(by_job, "window").endswith("(60 s) asked for by cron: ENQUEUE_FAILED: no Redis")


def test_lead_message_its_draft_and_both_their_jobs_are_one_chain() -> None:
    message_id, draft_id = reply()
    inbound = dispatched(lead_message_id=str(message_id), actor="inbound")
    send = dispatched(lead_message_id=str(message_id), actor="send")

    chains_found = [chain_of(one) for one in (message_id, draft_id)]

    for chain in chains_found:
        events = tell(chain)
        assert [job.id for job in chain.jobs] == [inbound.id, send.id]
        assert words(events)[:2] == ["message", "draft"]
        assert sentence(events, "draft").endswith("refused now: newer_inbound_exists")
        assert "secret" not in repr(chain)


def reply() -> tuple[UUID, UUID]:
    """An inbound lead message and the draft that answers it; both hold the word `secret`."""
    lead_id, message_id, draft_id = uuid4(), uuid4(), uuid4()
    query("INSERT INTO client (id, name, sender_address) VALUES ('acme', 'Acme', 'a@acme.example')")
    query("INSERT INTO lead (id, client_id, address) VALUES (%s, 'acme', 'secret@example.org')", (lead_id,))
    query(
        "INSERT INTO lead_message (id, lead_id, direction, identity, subject, body, sent_at)"
        " VALUES (%s, %s, 'inbound', 'i', 'secret', 'secret', now() - interval '3 years')",
        (message_id, lead_id),
    )
    query(
        "INSERT INTO draft (id, lead_id, lead_message_id, status, refusal, content, prompt_key, model, inputs_digest)"
        " VALUES (%s, %s, %s, 'refused', 'newer_inbound_exists', 'secret', 'p', 'm', 'd')",
        (draft_id, lead_id, message_id),
    )
    return message_id, draft_id


def test_letter_without_a_job_is_told_with_what_may_be_done() -> None:
    put_aside([RawLetter("default", "r-1", b"\xff", DeadReason.UNDECODABLE, "DecodeError", "not a message")])
    letter_id = query("SELECT id FROM dead_letter")[0][0]

    chain = chain_of(letter_id)

    assert chain.jobs == []
    assert "adopted from default.XQ: DecodeError: not a message" in sentence(tell(chain), "dead")
    assert "undecodable" in letter_outlook(chain.letters[0], chain)


def test_attempt_and_effect_that_outlive_their_job_are_told() -> None:
    holder, job = registered(), dispatched()
    claim = claimed(holder, job)
    effect(claim, holder, "effect:1", EffectState.CONFIRMED)
    finish(holder.id, [success(claim)], dedupe_s=DEDUPE_S)
    query("DELETE FROM background_job WHERE id = %s", (job.id,))

    by_attempt, by_effect = tell(chain_of(f"actor:{job.id}:1")), tell(chain_of("effect:1"))

    assert words(by_attempt) == ["claimed", "succeeded"]
    assert words(by_effect) == ["effect"]


def test_late_report_of_a_stale_holder_is_told() -> None:
    holder, job = registered(), dispatched()
    claim = claimed(holder, job)
    query(
        "UPDATE background_function_run SET late_status = 'SUCCEEDED', late_at = now() WHERE id = %s", (claim.run_id,)
    )

    events = tell(chain_of(job.id))

    assert sentence(events, "late") == "attempt 1 was reported SUCCEEDED when its claim was over: nothing moved"


def test_event_of_one_statement_never_precedes_what_it_follows_from() -> None:
    holder, job = registered(), dispatched()
    finish(holder.id, [death(claimed(holder, job))], dedupe_s=DEDUPE_S)
    query("UPDATE dead_letter SET died_at = died_at - interval '5 ms'")

    chain = chain_of(job.id)

    assert words(tell(chain))[-2:] == ["failed", "dead"]
    assert chain.now - tell(chain)[0].at < timedelta(minutes=1)
