"""`doctor`: silent when all is well, a line a problem with its remedy, exit 1."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import redis

from middleware.code_version import code_version
from models.database import query
from policy.diagnosis import LedgerFacts, RedisFacts, ledger_problems, redis_problems, setting_problems
from policy.settings import Settings
from tests.command_cases import Callboard, dead_letter
from tests.ledger_cases import dispatched, registered

pytestmark = pytest.mark.usefixtures("ledger_database", "redis_client")

WELL = RedisFacts(version=(7, 2), eviction="noeviction", append_only=True, skew_s=0.01, strays=0)
QUIET = LedgerFacts(
    postgres_major=16,
    workers=[],
    queue_ages={},
    served=frozenset(),
    windows_open=0,
    windows_failed=0,
    newest_window_age_s=None,
    died_last_hour=0,
    died_hour_before=0,
    unknown_effects=0,
)


@pytest.fixture
def callboard(capsys: pytest.CaptureFixture[str]) -> Callboard:
    return Callboard(capsys)


def names(callboard: Callboard) -> list[str]:
    return [problem["name"] for problem in callboard("doctor", "--json").data]


def window(status: str, start: str, error: str | None = None) -> None:
    query(
        "INSERT INTO background_dispatch_window (dispatch_key, source, requested_at, window_start, window_seconds,"
        " correlation_id, status, process_dispatch_id, maintenance_dispatch_id, error_message, updated_at)"
        f" VALUES (%s, 'cron', now(), now() - interval '{start}', 60, 'c', %s, 'p', 'm', %s,"
        f" now() - interval '{start}')",
        (start, status, error),
    )


def test_all_well_is_silent(callboard: Callboard) -> None:
    holder = registered()
    query("UPDATE worker SET code_version = %s WHERE id = %s", (code_version(), holder.id))
    dispatched()
    window("ENQUEUED", "10 s")

    ended = callboard("doctor")

    assert (ended.code, ended.out, ended.err) == (0, "", "")


def test_problem_is_a_line_with_its_remedy(callboard: Callboard) -> None:
    dispatched()

    ended = callboard("doctor")

    assert ended.code == 1
    assert ended.out.count("\n") == 1
    assert ended.out.startswith("queue_unserved: jobs of queue default are due")
    assert "`callboard worker --queues default`" in ended.out


def test_log_lines_that_nobody_took_are_told(
    callboard: Callboard, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CALLBOARD_HOME", str(tmp_path))
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "unwritten-7.log").write_text("{}\n", "utf-8")

    assert "log_lines_left" in names(callboard)


def test_worker_that_is_silent_or_old_is_named(callboard: Callboard) -> None:
    registered("old")
    silent = registered("gone")
    query("UPDATE worker SET heartbeat_at = now() - interval '5 minutes' WHERE id = %s", (silent.id,))

    problems = callboard("doctor", "--json").data

    assert sorted(one["name"] for one in problems) == ["worker_outdated", "worker_silent"]
    assert any(str(silent.id) in one["text"] for one in problems)


def test_windows_without_outcome_failed_ones_and_a_silent_schedule_are_told(callboard: Callboard) -> None:
    window("DISPATCHING", "10 minutes")
    window("ENQUEUE_FAILED", "11 minutes", "Redis was away")

    assert names(callboard) == ["windows_failed", "windows_stuck", "schedule_quiet"]


def test_growing_dead_letters_and_unknown_outcomes_are_told(callboard: Callboard) -> None:
    job_id, _ = dead_letter()
    for _ in range(9):
        dead_letter()
    query(
        "INSERT INTO side_effect (effect_key, kind, job_id, run_key, fence, state, settled_at)"
        " VALUES ('e', 'mail', %s, 'run', 1, 'UNKNOWN', now())",
        (job_id,),
    )
    query("UPDATE worker SET stopped_at = now()")

    assert names(callboard) == ["letters_grow", "outcomes_unknown"]


def test_strays_in_redis_are_told(callboard: Callboard, redis_client: redis.Redis) -> None:
    redis_client.zadd("dramatiq:default.XQ", {"a": 1})

    assert names(callboard) == ["stray_letters"]


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("CALLBOARD_REDIS_URL", "redis://127.0.0.1:1/0", "redis_away"),
        ("CALLBOARD_METRICS_PORT", "99999", "setting_clamped"),
        ("CALLBOARD_LLM_API_KEY", "k", "settings_contradict"),
    ],
)
def test_wrong_setting_is_a_problem(
    callboard: Callboard, monkeypatch: pytest.MonkeyPatch, name: str, value: str, problem: str
) -> None:
    monkeypatch.setenv(name, value)

    assert names(callboard) == [problem]


def test_schema_that_is_behind_is_told_and_nothing_else_is_asked(
    callboard: Callboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("middleware.diagnosis.missing_migrations", lambda: ["0009"])

    assert names(callboard) == ["schema_behind"]


@pytest.mark.parametrize(
    ("facts", "name"),
    [
        (replace(WELL, version=(6, 0)), "redis_old"),
        (replace(WELL, eviction="allkeys-lru"), "redis_evicts"),
        (replace(WELL, append_only=False), "redis_forgets"),
        (replace(WELL, skew_s=-3.0), "clock_skew"),
        (WELL, None),
        (replace(WELL, version=None, eviction=None, append_only=None), None),
    ],
)
def test_redis_is_judged_by_what_it_tells(facts: RedisFacts, name: str | None) -> None:
    assert [problem.name for problem in redis_problems(facts)] == ([name] if name else [])


@pytest.mark.parametrize(
    ("facts", "name"),
    [
        (replace(QUIET, postgres_major=13), "postgres_old"),
        (replace(QUIET, queue_ages={"q": 2_000.0}, served=frozenset({"q"})), "queue_stalled"),
        (replace(QUIET, queue_ages={"q": 20.0}, served=frozenset({"q"})), None),
        (replace(QUIET, died_last_hour=30, died_hour_before=20), None),
    ],
)
def test_ledger_is_judged_by_what_it_tells(facts: LedgerFacts, name: str | None) -> None:
    assert [one.name for one in ledger_problems(facts, Settings(), "1")] == ([name] if name else [])


@pytest.mark.parametrize(
    "settings",
    [
        Settings(force_inline=True, inline_emergency=True),
        Settings(llm_base_url="http://x"),
        Settings(llm_api_key="k"),
        Settings(llm_model="m"),
        Settings(llm_base_url="http://x", llm_api_key="k"),
        Settings(llm_model="m", llm_api_key="k"),
    ],
)
def test_settings_that_contradict_are_told(settings: Settings) -> None:
    assert [one.name for one in setting_problems(settings, [])] == ["settings_contradict"]


@pytest.mark.parametrize(
    "settings",
    [Settings(), Settings(llm_base_url="http://x", llm_model="m")],
)
def test_settings_that_go_together_are_not(settings: Settings) -> None:
    assert list(setting_problems(settings, [])) == []
