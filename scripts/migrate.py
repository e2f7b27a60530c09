"""`callboard migrate`: brings the schema to head, or says how it stands."""

from __future__ import annotations

import argparse

from models import migrate
from models.readings.schema import SchemaVersion, Standing, schema_versions
from models.readings.wording import moment
from scripts.exits import ExitCode
from scripts.ledger_access import open_ledger
from scripts.parsing import Subparsers
from scripts.screens import as_json

#: What is said beside a migration that is not simply applied, and what to do.
_REMARKS = {
    Standing.MISSING: "missing: run `callboard migrate`",
    Standing.CHANGED: "applied from another file than this code's: restore the file",
    Standing.UNKNOWN: "applied, and unknown to this code: the database is newer, deploy the newer code",
}


def add_parser(commands: Subparsers) -> None:
    """Add `migrate` to the commands."""
    parser = commands.add_parser(
        "migrate",
        help="bring the schema to head",
        description="Apply the migrations that the database has not: all or none, safe to run twice and at once.",
    )
    only = parser.add_mutually_exclusive_group()
    only.add_argument("--status", action="store_true", help="how each migration stands; exit 1 unless all are applied")
    only.add_argument("--dry-run", action="store_true", help="say what would be applied, change nothing")
    parser.add_argument("--json", action="store_true", help="a list of objects instead of lines")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> ExitCode:
    """Apply what is missing and print it. Raises MigrationChanged, ServersNotFound, psycopg2.Error."""
    open_ledger(any_schema=True)
    if args.status:
        return _status(as_objects=args.json)
    todo = migrate.missing_migrations() if args.dry_run else migrate.migrate()
    done = {migration.version for migration in todo}
    verb = "would apply" if args.dry_run else "applied"
    if args.json:
        print(as_json([{"version": one.version, "name": one.name, "outcome": verb.replace(" ", "_")} for one in todo]))
    elif done:
        print("\n".join(f"{verb} {migration.version:04} {migration.name}" for migration in todo))
    else:
        print("nothing to apply: the schema is at head")
    return ExitCode.DONE


def _status(*, as_objects: bool) -> ExitCode:
    versions = schema_versions()
    print(as_json(versions) if as_objects else "\n".join(map(_line, versions)))
    at_head = all(version.standing is Standing.APPLIED for version in versions)
    return ExitCode.DONE if at_head else ExitCode.ERROR


def _line(version: SchemaVersion) -> str:
    applied = f"applied {moment(version.applied_at)}" if version.applied_at else ""
    return f"{version.version:04}  {version.name:<16}  {_REMARKS.get(version.standing, applied)}"
