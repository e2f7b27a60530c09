"""The claim of a fetched batch: who gets a job, and who is refused and why."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import psycopg2
import pytest

from models.database import query
from models.ledger.claim import Claimed, Refused
from models.ledger.finish import finish, give_back
from models.ledger.release import release_due
from policy.errors import LedgerUnavailable
from policy.states import RefusedCopy
from tests.broker_cases import counted_statements
from tests.ledger_cases import (
    DEDUPE_S,
    answers_to,
    claimed,
    copy_of_job,
    death,
    dispatched,
    job_row,
    plain_send,
    registered,
    retry,
    state_of,
    success,
    wanted,
)

pytestmark = pytest.mark.usefixtures("ledger_database")


def test_released_copy_is_claimed_and_opens_its_attempt() -> None:
    holder, job = registered(), dispatched("k", client_id="c1", source="inbox")

    answer = claimed(holder, job)

    assert (answer.fence, answer.attempt, answer.client_id, answer.dispatch_key) == (1, 1, "c1", "k")
    assert job_row(job.id, "state", "fence", "attempts", "worker_id") == ("running", 1, 1, holder.id)
    assert query(
        "SELECT run_key, status, attempt, fence, worker_id, host, pid, code_version, source, claimed_at, id"
        " FROM background_function_run"
    ) == [
        (
            f"actor:{job.id}:1",
            "RUNNING",
            1,
            1,
            holder.id,
            holder.host,
            holder.pid,
            holder.code_version,
            "inbox",
            answer.claimed_at,
            answer.run_id,
        )
    ]


def test_what_runs_is_the_rows_payload_not_the_copys() -> None:
    holder, job = registered(), dispatched(payload=b"the row's")

    answer = answers_to(holder, copy_of_job(job, payload=b"forged"))[job.id]

    assert isinstance(answer, Claimed)
    assert bytes(answer.payload or b"") == b"the row's"


def test_plain_send_makes_its_row_at_the_claim() -> None:
    holder, copy = registered(), plain_send("k", payload=b"sent", client_id="c1", source="send", causation_id="parent")

    answer = answers_to(holder, copy)[copy.job_id]

    assert isinstance(answer, Claimed)
    assert answer.payload is None
    columns = ("state", "dispatch_key", "holds_key", "payload", "client_id", "source", "causation_id", "release")
    *row, release = job_row(copy.job_id, *columns)
    assert [bytes(v) if isinstance(v, memoryview) else v for v in row] == [
        "running",
        "k",
        True,
        b"sent",
        "c1",
        "send",
        "parent",
    ]
    assert release == 0


def test_mixed_batch_is_sorted_by_one_claim() -> None:
    holder = registered()
    live, stale, running, finished, cancelled, dead, waiting = (dispatched() for _ in range(7))
    plain, repeated_plain, orphan = plain_send(), plain_send(), wanted()
    answers_to(holder, repeated_plain)
    give_back(holder.id, [claimed(holder, stale)])
    claimed(holder, running)
    finish(holder.id, [success(claimed(holder, finished))], dedupe_s=DEDUPE_S)
    finish(holder.id, [success(claimed(holder, cancelled), status="CANCELLED", state="cancelled")], dedupe_s=DEDUPE_S)
    finish(holder.id, [death(claimed(holder, dead))], dedupe_s=DEDUPE_S)
    finish(holder.id, [retry(claimed(holder, waiting), wait_s=60.0)], dedupe_s=DEDUPE_S)

    copies = [copy_of_job(job) for job in (live, stale, running, finished, cancelled, dead, waiting, orphan)]
    answers = answers_to(holder, *copies, plain, repeated_plain)

    assert isinstance(answers.pop(live.id), Claimed)
    assert isinstance(answers.pop(plain.job_id), Claimed)
    assert answers == {
        stale.id: Refused(RefusedCopy.STALE),
        running.id: Refused(RefusedCopy.DUPLICATE),
        finished.id: Refused(RefusedCopy.DUPLICATE),
        cancelled.id: Refused(RefusedCopy.CANCELLED),
        dead.id: Refused(RefusedCopy.STALE, dead=True),
        waiting.id: Refused(RefusedCopy.NOT_DUE),
        orphan.id: Refused(RefusedCopy.ORPHAN, dead=True),
        repeated_plain.job_id: Refused(RefusedCopy.DUPLICATE),
    }
    assert query("SELECT count(*) FROM background_job WHERE id = %s", (orphan.id,)) == [(0,)]


def test_whole_batch_is_one_statement() -> None:
    holder = registered()
    copies = [copy_of_job(dispatched()) for _ in range(32)] + [plain_send() for _ in range(32)]

    with counted_statements() as sent:
        answers = answers_to(holder, *copies)

    assert len(sent) == 1
    assert len([one for one in answers.values() if isinstance(one, Claimed)]) == 64


def test_copy_of_an_older_release_is_stale_and_the_newer_one_is_claimed() -> None:
    holder, job = registered(), dispatched()
    give_back(holder.id, [claimed(holder, job)])
    (released,) = release_due("default", 10)

    old = answers_to(holder, copy_of_job(job, 1))[job.id]
    new = answers_to(holder, copy_of_job(job, released.release))[job.id]

    assert old == Refused(RefusedCopy.STALE)
    assert isinstance(new, Claimed)
    assert (new.fence, new.attempt) == (2, 2)


def test_copy_of_a_later_release_than_the_rows_is_stale() -> None:
    # After a failover that took back a commit, Redis can know more than Postgres.
    holder, job = registered(), dispatched()

    answer = answers_to(holder, copy_of_job(job, 2))[job.id]

    assert answer == Refused(RefusedCopy.STALE)


def test_plain_copy_of_a_job_that_was_given_back_is_stale() -> None:
    # Dramatiq's own redelivery of a message whose job the ledger has recovered already.
    holder, copy = registered(), plain_send()
    answer = answers_to(holder, copy)[copy.job_id]
    assert isinstance(answer, Claimed)
    give_back(holder.id, [answer])

    again = answers_to(holder, copy)[copy.job_id]

    assert again == Refused(RefusedCopy.STALE)


@pytest.mark.parametrize("end", ["lost", "stopped", "unregistered"])
def test_worker_that_is_not_alive_claims_nothing(end: str) -> None:
    holder, job, sent = registered(), dispatched(), plain_send()
    if end == "unregistered":
        query("DELETE FROM worker")
    else:
        query(f"UPDATE worker SET {end}_at = now()")

    with pytest.raises(LedgerUnavailable):
        answers_to(holder, copy_of_job(job), sent)

    assert state_of(job.id) == "queued"
    assert query("SELECT count(*) FROM background_job WHERE id = %s", (sent.job_id,)) == [(0,)]
    assert query("SELECT count(*) FROM background_function_run") == [(0,)]


def test_plain_send_whose_key_another_job_holds_is_a_duplicate_and_names_the_holder() -> None:
    holder, job = registered(), dispatched("k")
    copy = plain_send("k")

    answer = answers_to(holder, copy)[copy.job_id]

    assert answer == Refused(RefusedCopy.DUPLICATE, holder=job.id)
    assert query("SELECT count(*) FROM background_job") == [(1,)]


def test_two_plain_sends_of_one_key_in_a_batch_make_one_row() -> None:
    holder, one, other = registered(), plain_send("k"), plain_send("k")

    answers = answers_to(holder, one, other)

    assert sorted(type(answer).__name__ for answer in answers.values()) == ["Claimed", "Refused"]
    assert query("SELECT count(*) FROM background_job") == [(1,)]


def test_plain_send_takes_a_key_whose_period_is_over() -> None:
    holder, job = registered(), dispatched("k", dedupe_s=0)
    finish(holder.id, [success(claimed(holder, job))], dedupe_s=DEDUPE_S)
    copy = plain_send("k")

    answer = answers_to(holder, copy)[copy.job_id]

    assert isinstance(answer, Claimed)
    assert job_row(job.id, "holds_key") == (False,)


def test_queue_wait_is_counted_from_when_the_job_was_due() -> None:
    holder, job = registered(), dispatched()
    query("UPDATE background_job SET run_at = clock_timestamp() - interval '3 seconds'")

    answer = claimed(holder, job)

    assert 3_000 <= answer.queue_ms < 10_000


def test_message_stamped_in_the_future_has_waited_no_time() -> None:
    holder = registered()
    copy = plain_send(requested_at=datetime.now(timezone.utc) + timedelta(hours=1))

    answer = answers_to(holder, copy)[copy.job_id]

    assert isinstance(answer, Claimed)
    assert answer.queue_ms == 0


def test_row_that_postgres_refuses_claims_nothing_of_its_batch() -> None:
    holder, good, bad = registered(), plain_send(), plain_send(attempts_allowed=0)

    with pytest.raises(psycopg2.Error):
        answers_to(holder, good, bad)

    assert query("SELECT count(*) FROM background_job") == [(0,)]
