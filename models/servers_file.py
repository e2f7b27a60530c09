"""Finds the embedded servers of a home folder: reads what their supervisor wrote there and whether it lives.

It must not know how servers are started; `servers` does, and writes the file.
"""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: What the supervisor says of the servers it runs; mode 0600, because the URLs hold passwords.
FILE_NAME = "servers.json"
#: Locked by the supervisor for as long as it lives. The kernel lets go of it whatever kills the supervisor,
#: so neither a stale file nor a recycled pid is believed.
LOCK_NAME = "servers.lock"


@dataclass(frozen=True, slots=True)
class Found:
    """Servers at hand: their URLs, and the folder that the mail sink fills with one file per mail."""

    database_url: str
    redis_url: str
    smtp_url: str
    mail_dir: Path


def read(home: Path) -> Found | None:
    """The servers that run for `home`; None when none do, they are still starting, or another user's."""
    told = load(home)
    if told is None:
        return None
    try:
        return Found(told["database_url"], told["redis_url"], told["smtp_url"], Path(told["mail_dir"]))
    except (KeyError, TypeError):
        return None


def load(home: Path) -> dict[str, Any] | None:
    """All that the supervisor wrote (pids, owner, folders as well); None as for `read`."""
    if not supervisor_alive(home):
        return None
    try:
        told = json.loads((home / FILE_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return told if isinstance(told, dict) else None


def supervisor_alive(home: Path) -> bool:
    """Whether a supervisor holds the lock of `home`."""
    try:
        lock = os.open(home / LOCK_NAME, os.O_RDONLY)
    except OSError:
        return False
    try:
        # Shared, so that two who ask at once do not take each other for a supervisor.
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(lock)
    return False
