"""How a command gets at the ledger: settings read, warnings said, database found and its schema at head."""

from __future__ import annotations

import os
import sys

from middleware import logs
from middleware.configuration import connect_database, unsaid
from models.migrate import missing_migrations
from policy.errors import CallboardError
from policy.settings import Settings, read


class SchemaBehind(CallboardError):
    """The database has not all tables and columns that this code reads: run `callboard migrate`.

    Acts: an operator.
    """


def open_ledger(*, any_schema: bool = False) -> Settings:
    """The settings in force, with this process's database pointed at its URL.

    Raises SettingInvalid, ServersNotFound, psycopg2.OperationalError; SchemaBehind unless `any_schema` will do.
    """
    settings = settings_said()
    connect_database(settings)
    if not any_schema and missing_migrations():
        raise SchemaBehind
    return settings


def configure_logs(settings: Settings) -> None:
    """Log as the settings say; on a terminal only what goes wrong, unless a level was asked for: the command speaks."""
    asked = "CALLBOARD_LOG_LEVEL" in os.environ
    level = settings.log_level if asked or not sys.stderr.isatty() else "WARNING"
    logs.configure(
        level=level,
        format=settings.log_format,
        actor_levels=settings.log_levels,
        addresses=settings.log_addresses,
    )


def settings_said() -> Settings:
    """The environment's settings; clamped values are said on standard error, once. Raises SettingInvalid."""
    settings, warnings = read(os.environ)
    for warning in unsaid(warnings):
        print(f"callboard: {warning}", file=sys.stderr)
    return settings
