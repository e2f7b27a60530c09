"""Brings the schema to head: numbered SQL files, each applied once, in one transaction, under one advisory lock.

It must not know what the tables mean. Files are additive; an applied file never changes (its digest is checked).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.resources import files

from models.crash_points import crash_point
from models.database import atomic, query
from policy.errors import CallboardError

#: Any constant: two processes that migrate at once take turns on it.
_LOCK = 0x43414C4C


class MigrationChanged(CallboardError):
    """An applied migration differs from its file.

    Acts: a developer, who restores the file and puts the change into a new one.
    """


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered file: `0001_ledger.sql` is version 1, name `ledger`."""

    version: int
    name: str
    sql: str

    @property
    def digest(self) -> str:
        """SHA-256 of the file's text, as hex."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def known_migrations() -> list[Migration]:
    """All migrations that ship with this code, in order."""
    found = [entry for entry in (files("models") / "migrations").iterdir() if entry.name.endswith(".sql")]
    return [
        Migration(int(entry.name[:4]), entry.name[5:-4], entry.read_text(encoding="utf-8"))
        for entry in sorted(found, key=lambda entry: entry.name)
    ]


def applied_versions() -> dict[int, str]:
    """Versions in the database with their digests; empty for an empty database."""
    if query("SELECT to_regclass('schema_migration')")[0][0] is None:
        return {}
    return dict(query("SELECT version, digest FROM schema_migration"))


def missing_migrations() -> list[Migration]:
    """What `migrate` would apply now.

    Raises MigrationChanged when an applied file was edited.
    """
    applied = applied_versions()
    for migration in known_migrations():
        if applied.get(migration.version, migration.digest) != migration.digest:
            raise MigrationChanged(f"migration {migration.version:04} ({migration.name}) differs from what was applied")
    return [migration for migration in known_migrations() if migration.version not in applied]


def migrate() -> list[Migration]:
    """Apply what is missing, all or nothing; safe to run twice and from many processes at once."""
    with atomic():
        # Behind another migration, and for a table in use, it is worth waiting.
        query("SET LOCAL lock_timeout = 0")
        query("SET LOCAL statement_timeout = 0")
        query("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        query(
            "CREATE TABLE IF NOT EXISTS schema_migration (version integer PRIMARY KEY, name text NOT NULL,"
            " digest text NOT NULL, applied_at timestamptz NOT NULL DEFAULT clock_timestamp())"
        )
        todo = missing_migrations()
        for migration in todo:
            query(migration.sql)
            query(
                "INSERT INTO schema_migration (version, name, digest) VALUES (%s, %s, %s)",
                (migration.version, migration.name, migration.digest),
            )
        crash_point("migration.before_commit")
    crash_point("migration.after_commit")
    return todo
