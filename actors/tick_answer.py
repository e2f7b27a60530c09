"""What a tick answers, as JSON has it: for `callboard tick --json` and for `POST /dispatch`.

Times are those of all commands (`2026-02-17T21:52:00.123456Z`), but a window's start is written as in its key.
"""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime, timezone
from typing import Any

from actors.schedule import Ticked, TickMode
from models.readings.windows import WindowRow
from policy.windows import Window


def shown(ticked: Ticked) -> dict[str, Any]:
    """The answer by name: mode, the window's columns, then what else there is to tell."""
    return {
        "mode": ticked.mode.value,
        **_columns(ticked.window),
        "existing": ticked.existing and _columns(ticked.existing),
        "error": ticked.error,
        "repaired": list(ticked.repaired),
        "unstarted": list(ticked.unstarted),
        "inline": ticked.inline,
    }


def unanswered(window: Window, error: str) -> dict[str, Any]:
    """The answer where the ledger gave none: of the window what follows from a clock, its other columns None."""
    return {"mode": TickMode.ENQUEUE_FAILED.value, **outlook(window, None), "error": error}


def outlook(window: Window, existing: WindowRow | None) -> dict[str, Any]:
    """A window as a tick would find it: its columns by its row, else those that follow from a clock."""
    computed = {
        "dispatch_key": window.dispatch_key,
        "source": window.source,
        "window_start": _text("window_start", window.start),
        "window_seconds": window.seconds,
        "process_dispatch_id": window.process_dispatch_id,
        "maintenance_dispatch_id": window.maintenance_dispatch_id,
    }
    row = existing and _columns(existing)
    return {
        **(row or {field.name: computed.get(field.name) for field in fields(WindowRow)}),
        "existing": row,
        "error": None,
        "repaired": [],
        "unstarted": [],
        "inline": None,
    }


def _columns(row: WindowRow) -> dict[str, Any]:
    return {field.name: _text(field.name, getattr(row, field.name)) for field in fields(WindowRow)}


def _text(name: str, value: Any) -> Any:
    if not isinstance(value, datetime):
        return value
    digits = "milliseconds" if name == "window_start" else "microseconds"
    return value.astimezone(timezone.utc).isoformat(timespec=digits).replace("+00:00", "Z")
