"""The settings in force in this process, and the servers they lead to. Reads the environment once; connects nothing."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from middleware.logs import event
from models import servers_file
from models.database import connect, database
from policy.diagnosis import half_of_a_model
from policy.errors import ServersNotFound
from policy.settings import Settings, read


@lru_cache(maxsize=1)
def settings_in_force() -> Settings:
    """The environment's settings, read and checked once a process; clamped values are warned of once.

    Raises SettingInvalid.
    """
    settings, warnings = read(os.environ)
    for warning in unsaid(warnings):
        event("setting_clamped", "WARNING", problem=warning)
    return settings


def warn_of_contradictions(settings: Settings) -> None:
    """A line, once a process and its forks, for a model that is configured by half."""
    half = half_of_a_model(settings)
    for problem in unsaid([] if half is None else [f"{half.text}. {half.remedy}"]):
        event("settings_contradict", "WARNING", problem=problem)


def unsaid(warnings: Sequence[str]) -> list[str]:
    """Those that this process, or the one it was forked from, has not said yet; whoever asks is about to say them.

    A command says them as text before a broker is set up that would say them as log lines.
    """
    fresh = [warning for warning in warnings if warning not in _said]
    _said.update(fresh)
    return fresh


_said: set[str] = set()


def database_url(settings: Settings) -> str:
    """By setting, else from the running servers of `home`. Raises ServersNotFound."""
    return settings.database_url or _found(settings).database_url


def redis_url(settings: Settings) -> str:
    """By setting, else from the running servers of `home`. Raises ServersNotFound."""
    return settings.redis_url or _found(settings).redis_url


def smtp_url(settings: Settings) -> str | None:
    """By setting, else the mail sink of `home`, else None."""
    if settings.smtp_url:
        return settings.smtp_url
    found = servers_file.read(Path(settings.home))
    return found.smtp_url if found else None


def connect_database(settings: Settings) -> None:
    """Point this process's database at its URL unless that was done already; opens nothing."""
    if database.deferred:
        connect(database_url(settings))


def _found(settings: Settings) -> servers_file.Found:
    found = servers_file.read(Path(settings.home))
    if found is None:
        raise ServersNotFound
    return found
