"""Replies whose outcome nobody knows: held part by part, or asked for again where the provider honours the key."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis

from messaging.outcomes import count_outcomes
from messaging.provider import ProviderRefused
from messaging.store import opt_out
from middleware.configuration import settings_in_force
from middleware.worker_process import WorkerProcess
from models.database import query
from policy.errors import OutcomeUnknown
from tests.integration.correspondence import draft_row
from tests.integration.texting import THREE_PARTS, Serve, effects, outbound, parts_asked, providing, sender, texting
from tests.unit.scripted_provider import Act, Says, ScriptedProvider, cut


@pytest.fixture
def process(ledger_database: str, redis_client: redis.Redis) -> WorkerProcess:
    """A worker process that may act."""
    return sender()


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Makes a provider the one that SMS and LinkedIn messages go to."""
    with providing(monkeypatch) as start:
        yield start


def honours_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALLBOARD_SMS_IDEMPOTENT_SECONDS", "3600")
    settings_in_force.cache_clear()


def test_a_part_without_an_answer_is_held_and_nothing_more_goes_out(process: WorkerProcess, serve: Serve) -> None:
    provider, rows = serve(ScriptedProvider(Says(), cut)), texting(THREE_PARTS)

    for _ in range(2):
        with pytest.raises(OutcomeUnknown):
            rows.attempt(process)

    assert parts_asked(provider) == [1, 2]
    assert draft_row(rows.draft_id) == ("held", None)
    assert effects(rows.lead_message_id) == [("1", "CONFIRMED"), ("2", "UNKNOWN")]
    outcomes = count_outcomes([rows.lead_message_id])
    assert (outcomes.held, outcomes.sent) == (1, 0)


@pytest.mark.parametrize(("settled", "asked"), [("CONFIRMED", [1, 2, 3]), ("FAILED", [1, 2, 2, 3])])
def test_what_an_operator_settles_is_gone_on_from(
    process: WorkerProcess, serve: Serve, settled: str, asked: list[int]
) -> None:
    provider, rows = serve(ScriptedProvider(Says(), cut)), texting(THREE_PARTS)
    with pytest.raises(OutcomeUnknown):
        rows.attempt(process)
    query("UPDATE side_effect SET state = %s WHERE state = 'UNKNOWN'", (settled,))

    rows.attempt(process)

    assert parts_asked(provider) == asked
    assert draft_row(rows.draft_id) == ("sent", None)
    assert len(outbound("id")) == 3


@pytest.mark.parametrize("act", [Says(500), cut, Says(claimed=500)], ids=["500", "cut", "answer cut midway"])
def test_a_provider_that_honours_the_key_is_asked_again_under_it(
    process: WorkerProcess, serve: Serve, monkeypatch: pytest.MonkeyPatch, act: Act
) -> None:
    provider, rows = serve(ScriptedProvider(act)), texting()
    honours_keys(monkeypatch)

    with pytest.raises(Exception, match=r".") as open_one:
        rows.attempt(process)
    result = rows.attempt(process)

    assert not isinstance(open_one.value, OutcomeUnknown)
    assert len({asked.key for asked in provider.asked}) == 1
    assert len(provider.asked) == 2
    assert result["sent"] == "p-2"
    assert draft_row(rows.draft_id) == ("sent", None)


@pytest.mark.parametrize("act", [Says(500), cut, Says(claimed=500)], ids=["500", "cut", "answer cut midway"])
def test_one_that_does_not_is_never_asked_twice(process: WorkerProcess, serve: Serve, act: Act) -> None:
    provider, rows = serve(ScriptedProvider(act)), texting()

    for _ in range(2):
        with pytest.raises(OutcomeUnknown):
            rows.attempt(process)

    assert len(provider.asked) == 1
    assert draft_row(rows.draft_id) == ("held", None)


def test_a_repeated_request_asks_the_gate_anew(
    process: WorkerProcess, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider, rows = serve(ScriptedProvider(Says(500))), texting()
    honours_keys(monkeypatch)
    with pytest.raises(ProviderRefused):
        rows.attempt(process)
    opt_out(rows.lead_id)

    with pytest.raises(OutcomeUnknown):
        rows.attempt(process)

    assert len(provider.asked) == 1
    assert draft_row(rows.draft_id) == ("held", None)
