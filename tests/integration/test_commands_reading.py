"""The commands that read: tables that fit, JSON with the promised names, filters, exit codes, no arguments shown."""

from __future__ import annotations

from datetime import datetime
from uuid import uuid4

import pytest

from models.database import query
from models.ledger.finish import finish
from models.ledger.letters import Operator, record_action
from tests.command_cases import SECRET, Callboard, dead_letter, job_with_secret
from tests.ledger_cases import DEDUPE_S, claimed, registered, retry, success

pytestmark = pytest.mark.usefixtures("ledger_database", "redis_client")


@pytest.fixture
def callboard(capsys: pytest.CaptureFixture[str]) -> Callboard:
    return Callboard(capsys)


def busy_ledger() -> dict[str, str]:
    """One of everything, with long names; gives ids by what they name."""
    holder = registered("a-host-with-quite-a-long-name.stage.example.org")
    client, actor = "a-client-with-a-name-that-is-rather-long", "an_actor_whose_name_goes_on_and_on_and_on"
    job = job_with_secret("reply:1", client_id=client, actor=actor)
    claim = claimed(holder, job)
    finish(holder.id, [retry(claim, wait_s=0.0, rule="timeout", duration_s=12.0)], dedupe_s=DEDUPE_S)
    dead, letter = dead_letter(client_id=client, actor=actor)
    query("UPDATE dead_letter SET error_message = %s", ("first line\nsecond \x1b[31mline " + "long " * 60,))
    query(
        "INSERT INTO background_dispatch_window (dispatch_key, source, requested_at, window_start, window_seconds,"
        " correlation_id, status, process_dispatch_id, maintenance_dispatch_id, error_message)"
        " VALUES ('w:1', 'cron', now(), now(), 60, 'c', 'ENQUEUE_FAILED', 'p', 'm', %s)",
        ("no Redis " * 30,),
    )
    query("INSERT INTO client (id, name, sender_address) VALUES (%s, 'A', 'a@a.example')", (client,))
    record_action(Operator("ann", "because " * 40), "requeue", str(letter), "refused: not_open")
    return {"job": str(job.id), "dead": str(dead), "letter": str(letter), "run": f"{actor}:{job.id}:1"}


LISTS = [
    ["jobs", "list"],
    ["runs", "list"],
    ["windows", "list"],
    ["workers", "list"],
    ["dlq", "list"],
    ["dlq", "list", "--all"],
    ["actions", "list"],
    ["clients", "list"],
]
NAMES = [" ".join(words) for words in LISTS]

#: Columns of CONTRACT that the objects of each list have under the same names.
COLUMNS = {
    "jobs list": {"id", "dispatch_key", "holds_key", "actor", "queue", "client_id", "state", "run_at", "attempts"},
    "runs list": {
        "id",
        "run_key",
        "job_id",
        "run_id",
        "function_name",
        "status",
        "attempt",
        "fence",
        "verdict",
        "rule",
    },
    "windows list": {"dispatch_key", "source", "window_start", "window_seconds", "status", "process_dispatch_id"},
    "workers list": {"id", "host", "pid", "queues", "threads", "heartbeat_at", "lost_at", "life", "running"},
    "dlq list": {"id", "job_id", "queue", "reason", "error_class", "fingerprint", "died_at", "resolution"},
    "dlq list --all": {"id", "resolved_by", "resolved_reason", "resolved_at"},
    "actions list": {"id", "operator", "verb", "target", "reason", "plan_hash", "before", "after", "result", "at"},
    "clients list": {"id", "timezone", "sending_hours", "rate", "campaigns"},
}


@pytest.mark.parametrize("words", LISTS, ids=NAMES)
def test_table_fits_120_columns_one_line_a_row_and_nothing_a_terminal_obeys(
    callboard: Callboard, words: list[str]
) -> None:
    busy_ledger()

    ended = callboard(*words)

    lines = ended.out.splitlines()
    objects = callboard(*words, "--json").data
    assert ended.code == 0
    assert len(lines) == 1 + len(objects)
    assert max(map(len, lines)) <= 120
    assert all(line.isprintable() for line in lines)
    assert lines[0].split()[0].isupper()


@pytest.mark.parametrize("words", LISTS, ids=NAMES)
def test_json_is_a_list_of_objects_with_the_columns_of_the_table(callboard: Callboard, words: list[str]) -> None:
    busy_ledger()

    ended = callboard(*words, "--json")

    assert isinstance(ended.data, list)
    assert COLUMNS[" ".join(words)] <= set(ended.data[0])


@pytest.mark.parametrize("words", LISTS, ids=NAMES)
def test_list_without_a_row_ends_with_three_and_an_empty_list(callboard: Callboard, words: list[str]) -> None:
    plain, objects = callboard(*words), callboard(*words, "--json")

    assert (plain.code, plain.out, plain.err) == (3, "", "callboard: nothing matched\n")
    assert (objects.code, objects.data) == (3, [])


def test_moments_in_json_are_iso_in_utc(callboard: Callboard) -> None:
    job = job_with_secret()

    told = callboard("jobs", "list", "--json").data[0]

    created_at = query("SELECT created_at FROM background_job WHERE id = %s", (job.id,))[0][0]
    assert told["created_at"].endswith("Z")
    assert datetime.fromisoformat(told["created_at"].replace("Z", "+00:00")) == created_at


def test_next_page_begins_where_standard_error_says(callboard: Callboard) -> None:
    made = [str(job_with_secret().id) for _ in range(3)]

    first = callboard("jobs", "list", "--limit", 2, "--json")
    cursor = first.err.split("--after ")[1].strip()
    second = callboard("jobs", "list", "--limit", 2, "--json", "--after", cursor)

    assert [job["id"] for job in [*first.data, *second.data]] == made[::-1]
    assert second.err == ""


@pytest.mark.parametrize("option", ["--client-id", "--client"])
def test_lists_are_filtered_by_client_under_both_names(callboard: Callboard, option: str) -> None:
    mine = job_with_secret(client_id="acme")
    job_with_secret(client_id="other")

    ended = callboard("jobs", "list", option, "acme", "--json")

    assert [job["id"] for job in ended.data] == [str(mine.id)]


def test_states_and_times_filter_jobs(callboard: Callboard) -> None:
    old, new = job_with_secret(), job_with_secret()
    query("UPDATE background_job SET created_at = now() - interval '3 h' WHERE id = %s", (old.id,))

    recent = callboard("jobs", "list", "--since", "2h", "--state", "queued", "--state", "PENDING", "--json")
    earlier = callboard("jobs", "list", "--until", "2h", "--json")
    running = callboard("jobs", "list", "--state", "running")

    assert [job["id"] for job in recent.data] == [str(new.id)]
    assert [job["id"] for job in earlier.data] == [str(old.id)]
    assert running.code == 3


@pytest.mark.parametrize(
    "words",
    [
        ["jobs", "list", "--state", "lost"],
        ["jobs", "list", "--since", "yesterday"],
        ["jobs", "list", "--limit", "0"],
        ["jobs", "list", "--limit", "10001"],
        ["jobs", "list", "--after", "here"],
        ["dlq", "list", "--reason", "boredom"],
        ["jobs"],
        ["jobs", "show"],
    ],
    ids=" ".join,
)
def test_wrong_options_are_one_line_and_exit_two(callboard: Callboard, words: list[str]) -> None:
    ended = callboard(*words)

    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("callboard")
    assert ended.err.count("\n") == 1


@pytest.mark.parametrize("words", [["jobs", "show"], ["runs", "show"], ["dlq", "show"], ["explain"]], ids=" ".join)
def test_unknown_id_ends_with_three_and_a_shared_beginning_with_two(callboard: Callboard, words: list[str]) -> None:
    for _ in range(2):
        job_id, letter_id = dead_letter()
        query("UPDATE background_job SET id = ('01a20a20-' || substr(id::text, 10))::uuid WHERE id = %s", (job_id,))
        query("UPDATE dead_letter SET id = ('01a20a20-' || substr(id::text, 10))::uuid WHERE id = %s", (letter_id,))

    unknown, shared = callboard(*words, uuid4()), callboard(*words, "01a20a20")

    assert (unknown.code, shared.code) == (3, 2)
    assert unknown.err.count("\n") == shared.err.count("\n") == 1
    assert "01a20a20-" in shared.err


def test_no_reading_shows_arguments(callboard: Callboard) -> None:
    ids = busy_ledger()
    readings = [*LISTS, ["jobs", "show", ids["dead"]], ["runs", "show", ids["run"]], ["dlq", "show", ids["letter"]]]
    readings += [["explain", ids["job"]], ["explain", ids["letter"]]]

    printed = "".join(callboard(*words).out + callboard(*words, "--json").out for words in readings)

    assert ids["letter"] in printed
    assert SECRET not in printed


def test_job_is_shown_with_its_attempts(callboard: Callboard) -> None:
    ids = busy_ledger()

    text, told = callboard("jobs", "show", ids["job"][:13]), callboard("jobs", "show", ids["job"], "--json").data

    assert "dispatch_key           reply:1" in text.out
    assert text.out.splitlines()[-1].split()[:2] == ["1", "FAILED"]
    assert [run["run_key"] for run in told["runs"]] == [ids["run"]]
    assert "payload" not in told


def test_attempt_names_its_run_id_and_fence_wherever_it_is_told(callboard: Callboard) -> None:
    ids = busy_ledger()

    told = [
        callboard("runs", "show", ids["run"], "--json").data,
        *callboard("jobs", "show", ids["job"], "--json").data["runs"],
    ]

    assert [(run["run_id"], run["fence"]) for run in told] == [(ids["job"], 1)] * 2


def test_attempt_is_shown_by_its_run_key_and_by_its_job(callboard: Callboard) -> None:
    ids = busy_ledger()

    by_key, by_job = callboard("runs", "show", ids["run"]), callboard("runs", "show", ids["job"], "--json")

    assert "traceback" in by_key.out
    assert "timeout: no answer in time" in by_key.out
    assert by_job.data["run_key"] == ids["run"]


def test_workers_that_ended_are_listed_when_asked(callboard: Callboard) -> None:
    registered("alive")
    query("UPDATE worker SET stopped_at = now() WHERE id = %s", (registered("gone").id,))

    usual, ended = callboard("workers", "list", "--json"), callboard("workers", "list", "--ended", "--json")

    assert [row["host"] for row in usual.data] == ["alive"]
    assert {(row["host"], row["life"]) for row in ended.data} == {("alive", "alive"), ("gone", "stopped")}


def test_explain_is_one_screen_in_order_of_time_that_ends_with_now_and_next(callboard: Callboard) -> None:
    ids = busy_ledger()

    lines = callboard("explain", ids["job"]).out.splitlines()

    events = [line for line in lines if line[:2] == "20"]
    assert [line.split()[2] for line in events] == ["dispatched", "released", "claimed", "failed"]
    assert events == sorted(events, key=lambda line: line[:19])
    assert max(map(len, lines)) <= 120
    assert [line[:5] for line in lines[-2:]] == ["now: ", "next:"]


def test_explain_as_json_is_one_object_with_the_same_events(callboard: Callboard) -> None:
    ids = busy_ledger()

    told = callboard("explain", ids["run"], "--json").data

    assert told["kind"] == "attempt"
    assert [job["id"] for job in told["jobs"]] == [ids["job"]]
    assert [event["what"] for event in told["events"]] == ["dispatched", "released", "claimed", "failed"]
    assert set(told["outlook"][0]) == {"job_id", "now", "next"}


def test_explain_of_a_family_says_now_and_next_of_what_is_not_over(callboard: Callboard) -> None:
    holder = registered()
    done = job_with_secret(correlation_id="family", actor="first")
    finish(holder.id, [success(claimed(holder, done))], dedupe_s=DEDUPE_S)
    waiting = job_with_secret(correlation_id="family", actor="second")

    lines = callboard("explain", "family").out.splitlines()

    assert f"second {waiting.id}" in lines
    assert lines[-1] == "now:  the others are over: 1 succeeded"


def test_key_with_signs_that_a_terminal_obeys_is_shown_harmless(callboard: Callboard) -> None:
    job_with_secret("key\u202e:\u009b31m")

    ended = callboard("explain", "key\u202e:\u009b31m")

    assert ended.code == 0
    assert all(line.isprintable() for line in ended.out.splitlines())


def test_schema_that_is_behind_is_one_line_that_says_what_to_do(callboard: Callboard) -> None:
    query("UPDATE schema_migration SET version = 9003 WHERE version = 3")

    ended = callboard("jobs", "list")
    query("UPDATE schema_migration SET version = 3 WHERE version = 9003")

    assert ended.code == 1
    assert "run `callboard migrate`" in ended.err
    assert ended.err.count("\n") == 1
