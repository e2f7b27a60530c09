"""Reads which migrations the database has and which this code brings."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from models.migrate import applied_versions, known_migrations
from models.readings.paging import fetch
from models.tables import SchemaMigration
from policy.states import Word


class Standing(Word):
    """How one migration stands."""

    APPLIED = "applied"
    MISSING = "missing"
    #: Its file is not what was applied.
    CHANGED = "changed"
    #: The database has it, this code does not: the database is newer.
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class SchemaVersion:
    """One migration of the database, of this code, or of both."""

    version: int
    name: str
    standing: Standing
    applied_at: datetime | None


def schema_versions() -> list[SchemaVersion]:
    """Every migration that the database or this code knows, in order."""
    applied = _applied()
    found = {version: SchemaVersion(version, name, Standing.UNKNOWN, at) for version, (name, _, at) in applied.items()}
    for migration in known_migrations():
        _, digest, at = applied.get(migration.version, ("", migration.digest, None))
        standing = Standing.APPLIED if at is not None else Standing.MISSING
        if digest != migration.digest:
            standing = Standing.CHANGED
        found[migration.version] = SchemaVersion(migration.version, migration.name, standing, at)
    return [found[version] for version in sorted(found)]


def _applied() -> dict[int, tuple[str, str, datetime]]:
    if not applied_versions():
        return {}
    columns = (SchemaMigration.version, SchemaMigration.name, SchemaMigration.digest, SchemaMigration.applied_at)
    return {row[0]: (row[1], row[2], row[3]) for row in fetch(SchemaMigration.select(*columns))}
