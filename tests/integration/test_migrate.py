"""Migrations: applied once, all or none, also by many at once; and what `callboard migrate` says of them."""

from __future__ import annotations

import psycopg2
import pytest

from models import database as db
from models import migrate
from models.migrate import Migration, MigrationChanged, known_migrations
from models.readings.schema import Standing, schema_versions
from tests.command_cases import Callboard
from tests.ledger_cases import in_threads


@pytest.fixture
def callboard(empty_database: str, capsys: pytest.CaptureFixture[str]) -> Callboard:
    return Callboard(capsys)


def tables() -> int:
    return int(db.query("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")[0][0])


def versions() -> list[int]:
    return [migration.version for migration in known_migrations()]


@pytest.mark.usefixtures("empty_database")
def test_migrating_twice_applies_everything_once() -> None:
    first, second = migrate.migrate(), migrate.migrate()

    assert [migration.version for migration in first] == versions()
    assert second == []


@pytest.mark.usefixtures("empty_database")
def test_migrating_from_many_at_once_applies_everything_once() -> None:
    done = in_threads([migrate.migrate] * 4)

    assert sorted(len(applied) for applied in done) == [0, 0, 0, len(versions())]
    assert [one.standing for one in schema_versions()] == [Standing.APPLIED] * len(versions())


@pytest.mark.usefixtures("empty_database")
def test_migration_that_fails_leaves_nothing_of_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = [Migration(1, "fine", "CREATE TABLE fine ()"), Migration(2, "broken", "CREATE TABLE fine ()")]
    monkeypatch.setattr(migrate, "known_migrations", lambda: broken)

    with pytest.raises(psycopg2.errors.DuplicateTable):
        migrate.migrate()

    assert tables() == 0


@pytest.mark.usefixtures("empty_database")
def test_edited_migration_is_refused() -> None:
    migrate.migrate()
    db.query("UPDATE schema_migration SET digest = 'another' WHERE version = 1")

    with pytest.raises(MigrationChanged, match="0001"):
        migrate.migrate()


def test_versions_have_no_gap_and_no_twin() -> None:
    assert versions() == list(range(1, len(versions()) + 1))


def test_migrate_prints_each_version_it_applied_and_nothing_to_apply_the_second_time(callboard: Callboard) -> None:
    first, second = callboard("migrate"), callboard("migrate")

    assert (first.code, second.code) == (0, 0)
    assert first.out.splitlines() == [f"applied {one.version:04} {one.name}" for one in known_migrations()]
    assert second.out == "nothing to apply: the schema is at head\n"


def test_dry_run_names_what_would_be_applied_and_makes_nothing(callboard: Callboard) -> None:
    ended = callboard("migrate", "--dry-run")

    assert ended.code == 0
    assert ended.out.splitlines()[0] == "would apply 0001 ledger"
    assert tables() == 0


def test_status_exits_one_when_behind_and_zero_at_head(callboard: Callboard) -> None:
    behind = callboard("migrate", "--status")
    callboard("migrate")
    at_head = callboard("migrate", "--status")

    assert (behind.code, at_head.code) == (1, 0)
    assert all("missing: run `callboard migrate`" in line for line in behind.out.splitlines())
    assert len(at_head.out.splitlines()) == len(versions())


def test_status_exits_one_when_the_database_is_newer_than_the_code(callboard: Callboard) -> None:
    callboard("migrate")
    db.query("INSERT INTO schema_migration (version, name, digest) VALUES (9001, 'future', 'x')")

    ended, as_objects = callboard("migrate", "--status"), callboard("migrate", "--status", "--json")

    assert ended.code == 1
    assert "the database is newer" in ended.out.splitlines()[-1]
    assert as_objects.data[-1]["standing"] == "unknown"


def test_status_exits_one_when_an_applied_file_was_edited(callboard: Callboard) -> None:
    callboard("migrate")
    db.query("UPDATE schema_migration SET digest = 'another' WHERE version = 2")

    ended = callboard("migrate", "--status")

    assert ended.code == 1
    assert "restore the file" in ended.out.splitlines()[1]
