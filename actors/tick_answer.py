"""What a tick answers, as JSON has it: for `callboard tick --json` and for `POST /dispatch`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from actors.schedule import Ticked


def shown(ticked: Ticked) -> dict[str, Any]:
    """The answer by name: mode, the window's columns, then what else there is to tell; times in ISO 8601."""
    whole = asdict(ticked)
    window = whole.pop("window")
    existing = whole.pop("existing")
    return {
        "mode": ticked.mode.value,
        **{name: _text(value) for name, value in window.items()},
        "existing": existing and {name: _text(value) for name, value in existing.items()},
        "error": ticked.error,
        "repaired": list(ticked.repaired),
        "unstarted": list(ticked.unstarted),
        "inline": ticked.inline,
    }


def _text(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value
