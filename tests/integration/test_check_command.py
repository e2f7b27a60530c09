"""`callboard check`, as a command and with Redis: absent copies, an absent Redis, lines and exit codes."""

from __future__ import annotations

import json
from uuid import UUID

import pytest
import redis

from middleware.invariant_check import check
from middleware.redis_broker import LedgerRedisBroker, Push
from middleware.redis_broker import redis_client as client_of
from models.database import query
from models.ledger.finish import finish
from policy.invariants import SENTENCES, Invariant
from policy.keys import redis_id
from policy.settings import Settings
from scripts.main import main
from tests.ledger_cases import DEDUPE_S, claimed, death, dispatched, registered, success
from tests.unit.source_tree import ROOT

pytestmark = pytest.mark.usefixtures("ledger_database")


@pytest.fixture
def broker(redis_client: redis.Redis, redis_url: str) -> LedgerRedisBroker:
    """A broker on the emptied Redis."""
    return LedgerRedisBroker(client=client_of(redis_url), middleware=[])


def succeeded_job() -> UUID:
    holder = registered()
    claim = claimed(holder)
    finish(holder.id, [success(claim)], dedupe_s=DEDUPE_S)
    return claim.job_id


def dead_job() -> UUID:
    holder = registered()
    claim = claimed(holder)
    finish(holder.id, [death(claim)], dedupe_s=DEDUPE_S)
    return claim.job_id


def drop_letter(job_id: UUID) -> None:
    query("DELETE FROM dead_letter WHERE job_id = %s", (job_id,))


def overdue_job(client_id: str | None = None) -> UUID:
    job = dispatched(client_id=client_id)
    query("UPDATE background_job SET state = 'pending', run_at = now() - interval '5 minutes' WHERE id = %s", (job.id,))
    return job.id


def old_worker() -> None:
    query("UPDATE worker SET started_at = now() - interval '1 hour' WHERE id = %s", (registered().id,))


def test_released_job_without_a_copy_is_told_and_one_with_a_copy_is_not(
    broker: LedgerRedisBroker,
) -> None:
    registered()
    present, absent = dispatched(), dispatched()
    broker.push([Push("default", redis_id(present.id, 1), b"{}")], bounded=False)
    young = check(broker, Settings())

    query("UPDATE background_job SET released_at = now() - interval '2 minutes'")

    assert young.breaches == ()
    assert [(b.invariant, b.subject) for b in check(broker, Settings()).breaches] == [
        (Invariant.QUEUED_HAS_COPY, str(absent.id))
    ]


def test_redis_away_is_said_and_is_no_breach() -> None:
    broker = LedgerRedisBroker(client=client_of("redis://127.0.0.1:1/0"), middleware=[])
    overdue_job()
    old_worker()

    report = check(broker, Settings())

    assert report.breaches == ()
    assert "Redis does not answer" in str(report.unchecked)


def test_command_is_silent_and_zero_on_a_whole_ledger(
    redis_client: redis.Redis, capsys: pytest.CaptureFixture[str]
) -> None:
    succeeded_job()

    code = main(["check"])

    assert (code, capsys.readouterr().out) == (0, "")


def test_command_gives_one_line_a_breach_and_exit_one(
    redis_client: redis.Redis, capsys: pytest.CaptureFixture[str]
) -> None:
    job_id = dead_job()
    drop_letter(job_id)

    code = main(["check"])
    lines = capsys.readouterr().out.splitlines()
    as_object = main(["check", "--json"])
    document = json.loads(capsys.readouterr().out)

    assert (code, as_object) == (1, 1)
    assert lines == [
        f"dead-has-letter: {job_id}: the job is dead and has no open letter ({SENTENCES[Invariant.DEAD_HAS_LETTER]})"
    ]
    assert document["breaches"] == [
        {"invariant": "dead-has-letter", "subject": str(job_id), "detail": "the job is dead and has no open letter"}
    ]
    assert set(document["invariants"]) == {str(name) for name in Invariant}
    assert document["unchecked"] is None


def test_every_invariant_stands_in_the_page_with_its_sentence() -> None:
    page = (ROOT / "docs/commands.md").read_text(encoding="utf-8")

    missing = [name for name in Invariant if f"| `{name}` | {SENTENCES[name]} |" not in page]

    assert missing == []
