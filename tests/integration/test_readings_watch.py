"""Lists of dead letters, windows, workers and operator actions."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from models.database import query
from models.ledger.finish import finish
from models.ledger.letters import Operator, RawLetter, put_aside, record_action
from models.readings import actions, jobs, letters, paging, windows, workers
from models.readings.letters import LetterFilter
from models.readings.paging import Span
from policy.states import DeadReason, Resolution
from tests.ledger_cases import DEDUPE_S, claimed, death, dispatched, registered
from tests.reading_cases import all_pages, window

pytestmark = pytest.mark.usefixtures("ledger_database")

NOW = datetime.now(timezone.utc)


def test_pages_of_dead_letters_show_open_ones_unless_others_are_asked_for() -> None:
    holder = registered()
    claims = [claimed(holder) for _ in range(4)]
    finish(holder.id, [death(claim) for claim in claims], dedupe_s=DEDUPE_S)
    query(
        "UPDATE dead_letter SET resolution = 'DISCARDED', resolved_reason = 'x', resolved_at = now() WHERE job_id = %s",
        (claims[0].job_id,),
    )

    opened = all_pages(lambda span: letters.list_letters(LetterFilter(), span), 2)
    discarded = letters.list_letters(LetterFilter(resolutions=[Resolution.DISCARDED]), Span())
    everything = letters.list_letters(LetterFilter(resolutions=()), Span())

    assert {row.job_id for page in opened for row in page} == {claim.job_id for claim in claims[1:]}
    assert [row.job_id for row in discarded.rows] == [claims[0].job_id]
    assert len(everything.rows) == 4


def test_dead_letters_are_filtered_by_what_they_died_of() -> None:
    holder = registered()
    finish(holder.id, [death(claimed(holder, dispatched(client_id="acme", actor="send")))], dedupe_s=DEDUPE_S)
    put_aside([RawLetter("mail", "r-1", b"\xff", DeadReason.UNDECODABLE, "DecodeError", "not a message")])
    asked = [
        (LetterFilter(client_id="acme"), 1),
        (LetterFilter(actor="send"), 1),
        (LetterFilter(queue="mail"), 1),
        (LetterFilter(reasons=[DeadReason.UNDECODABLE]), 1),
        (LetterFilter(reasons=[DeadReason.UNDECODABLE, DeadReason.TERMINAL]), 2),
        (LetterFilter(error_class="DecodeError"), 1),
        (LetterFilter(fingerprint="0123"), 1),
        (LetterFilter(correlation_id="nobody"), 0),
    ]

    found = [len(letters.list_letters(wanted, Span()).rows) for wanted, _ in asked]

    assert found == [count for _, count in asked]


def test_windows_are_listed_latest_first_and_filtered() -> None:
    minutes = [NOW.replace(second=0, microsecond=0) - timedelta(minutes=back) for back in range(3)]
    keys = [
        window(start, status) for start, status in zip(minutes, ("DISPATCHING", "ENQUEUED", "ENQUEUED"), strict=True)
    ]

    pages = all_pages(lambda span: windows.list_windows(windows.WindowFilter(), span), 1)
    enqueued = windows.list_windows(windows.WindowFilter(source="cron"), Span(since=minutes[1]))

    assert [row.dispatch_key for page in pages for row in page] == keys
    assert [row.dispatch_key for row in enqueued.rows] == keys[:2]


def test_window_behind_a_job_is_found_by_its_key_and_by_its_family() -> None:
    start = NOW.replace(second=0, microsecond=0)
    key = window(start)
    by_key = dispatched(f"p-{key}")
    by_family = dispatched(correlation_id=f"corr-{key}")
    stranger = dispatched()

    found = [windows.window_behind(job) for job in jobs.find_jobs([by_key.id, by_family.id, stranger.id])]

    assert sorted(row.dispatch_key if row else "" for row in found) == ["", key, key]


def test_workers_live_by_their_beat() -> None:
    alive, silent, lost, stopped = registered("a"), registered("b"), registered("c"), registered("d")
    claimed(alive)
    query("UPDATE worker SET heartbeat_at = now() - interval '31 s' WHERE id = %s", (silent.id,))
    query("UPDATE worker SET lost_at = now() WHERE id = %s", (lost.id,))
    query("UPDATE worker SET stopped_at = now() WHERE id = %s", (stopped.id,))

    rows = workers.list_workers(Span()).rows

    now = paging.database_now()
    assert {row.host: row.life(now, 30.0).value for row in rows} == {
        "a": "alive",
        "b": "silent",
        "c": "lost",
        "d": "stopped",
    }
    assert {row.host for row in workers.list_workers(Span(), ended=False).rows} == {"a", "b"}
    assert workers.running_jobs([row.id for row in rows]) == {alive.id: 1}
    assert workers.queue_is_served("default", 30.0)
    assert not workers.queue_is_served("mail", 30.0)


def test_operators_log_is_read_last_first_and_by_target() -> None:
    for number in range(5):
        record_action(Operator("ann" if number % 2 else "bob"), "requeue", f"t{number}", "done")

    pages = all_pages(lambda span: actions.list_actions(actions.ActionFilter(), span), 2)
    by_ann = actions.list_actions(actions.ActionFilter(operator="ann"), Span())

    assert [row.target for page in pages for row in page] == ["t4", "t3", "t2", "t1", "t0"]
    assert [row.target for row in by_ann.rows] == ["t3", "t1"]
    assert [row.target for row in actions.actions_on(["t2", "t0"])] == ["t0", "t2"]
