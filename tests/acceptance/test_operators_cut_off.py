"""An operator's command that is killed at a commit: nothing half done, and doing it again finishes it."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

import pytest

from actors.dispatch import dispatch
from models.crash_points import ARMED, FOLDER
from tests.acceptance.stage import Stage
from tests.acceptance.worker_processes import Workers


@pytest.fixture(scope="module")
def play(stage: Stage) -> ModuleType:
    return stage.bring("repertoire")


@pytest.fixture
def workers(stage: Stage, play: ModuleType) -> Workers:
    return stage.start("repertoire")


def killed_at(stage: Stage, point: str, folder: Path, *words: str) -> int:
    """The exit code of a command whose process is killed at this point."""
    armed: Mapping[str, str] = {ARMED: f"{point}=kill", FOLDER: str(folder)}
    stage.environ.update(armed)
    try:
        return stage.command(*words).wait(20)
    finally:
        for name in armed:
            del stage.environ[name]


def requeued(stage: Stage, job_id: str) -> int:
    return stage.command("dlq", "requeue", job_id, "--reason", "again").wait(20)


def test_requeue_killed_before_its_commit_has_moved_nothing_and_is_repeated(
    stage: Stage, play: ModuleType, workers: Workers, tmp_path: Path
) -> None:
    job = dispatch(play.try_once, "before")
    stage.await_state(job.job_id, "dead")

    code = killed_at(stage, "requeue.before_commit", tmp_path, "dlq", "requeue", job.job_id, "--reason", "x")
    after_crash = (stage.job(job.job_id, "state, requeues"), stage.letter(job.job_id)[2])
    again = requeued(stage, job.job_id)
    stage.await_state(job.job_id, "dead")

    assert code == -signal.SIGKILL
    assert after_crash == (("dead", 0), "OPEN")
    assert again == 0
    assert len(stage.trace("tries-before")) == 2
    workers.kill()


def test_requeue_killed_after_its_commit_is_done_by_the_relay_and_refused_a_second_time(
    stage: Stage, play: ModuleType, workers: Workers, tmp_path: Path
) -> None:
    job = dispatch(play.try_once, "after")
    stage.await_state(job.job_id, "dead")
    workers.kill()

    code = killed_at(stage, "requeue.after_commit", tmp_path, "dlq", "requeue", job.job_id, "--reason", "x")
    after_crash = stage.job(job.job_id, "state, requeues")
    again = requeued(stage, job.job_id)
    successor = stage.start("repertoire")
    stage.await_state(job.job_id, "dead")

    assert code == -signal.SIGKILL
    assert after_crash == ("pending", 1)
    assert again == 4
    assert len(stage.trace("tries-after")) == 2
    assert stage.value("SELECT count(*) FROM operator_action WHERE verb = 'requeue' AND result = 'done'") == 2
    successor.kill()


@pytest.mark.parametrize(("point", "applied"), [("migration.before_commit", False), ("migration.after_commit", True)])
def test_migration_killed_at_its_commit_is_all_or_nothing_and_repeated(
    stage: Stage, tmp_path: Path, point: str, applied: bool
) -> None:
    before = stage.value("SELECT count(*) FROM schema_migration")
    stage.rows("DROP SCHEMA IF EXISTS kept CASCADE; ALTER SCHEMA public RENAME TO kept; CREATE SCHEMA public")
    try:
        code = killed_at(stage, point, tmp_path, "migrate")
        there = stage.value("SELECT to_regclass('background_job') IS NOT NULL")
        again = stage.command("migrate").wait(30)
        status = stage.command("migrate", "--status").wait(30)
        count = stage.value("SELECT count(*) FROM schema_migration")
    finally:
        stage.rows("DROP SCHEMA public CASCADE; ALTER SCHEMA kept RENAME TO public")

    assert (code, there) == (-signal.SIGKILL, applied)
    assert (again, status, count) == (0, 0, before)
