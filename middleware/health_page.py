"""What `/live` and `/ready` answer: every worker process of this host with its reasons, and what the servers say.

It must not know HTTP beyond the status it gives.
"""

from __future__ import annotations

import asyncio
import socket
import time
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from middleware.health_checks import Checks
from middleware.pulse import read_pulses
from policy.health import Pulse, not_live, not_ready, read_pulse

#: Seconds that an answer waits for the servers: a kubelet that is told nothing gives up after one.
WITHIN_S = 0.7
_LOOK_S = 0.02
_UNREADABLE = "its pulse cannot be read"


@dataclass(frozen=True, slots=True)
class HealthPage:
    """One host's health. `workers_expected`: no worker process at all is a reason, too."""

    folder: Path
    checks: Checks
    workers_expected: bool

    async def live(self, pid: int | None = None) -> tuple[int, dict[str, Any]]:
        """Status 200 or 503, and why. Asks no server: starting workers anew brings none back."""
        processes = self._processes(pid, ready=False)
        return _page("live", processes, self._missing(processes, pid), {})

    async def ready(self, pid: int | None = None) -> tuple[int, dict[str, Any]]:
        """Status 200 or 503, and why; in time whatever hangs."""
        self.checks.ask()
        deadline_s = time.monotonic() + WITHIN_S
        while not self.checks.settled() and time.monotonic() < deadline_s:  # noqa: ASYNC110  # threads answer
            await asyncio.sleep(_LOOK_S)
        answers = self.checks.answers()
        processes = self._processes(pid, ready=True)
        reasons = self._missing(processes, pid)
        reasons += [f"{name}: {one.reason}" for name, one in answers.items() if one.reason]
        servers = {
            name: {"ok": one.reason is None, "reason": one.reason, "took_ms": round(one.took_ms, 1)}
            for name, one in answers.items()
        }
        return _page("ready", processes, reasons, {"servers": servers})

    def _processes(self, pid: int | None, *, ready: bool) -> list[dict[str, Any]]:
        word, now_s = "ready" if ready else "live", time.monotonic()
        shown: list[dict[str, Any]] = []
        for given in read_pulses(self.folder):
            pulse = _understood(given)
            if pulse is None:
                # It runs: newer or older code, perhaps, that says other things. No reason to end it.
                shown.append({"pid": None, word: not ready, "reasons": [_UNREADABLE] if ready else []})
                continue
            if pid is not None and pulse.pid != pid:
                continue
            reasons = not_ready(pulse, now_s) if ready else not_live(pulse, now_s)
            shown.append({"pid": pulse.pid, word: not reasons, "reasons": reasons, **_facts(pulse, now_s)})
        return shown

    def _missing(self, processes: list[dict[str, Any]], pid: int | None) -> list[str]:
        if processes or not (self.workers_expected or pid is not None):
            return []
        return ["no worker process of this host is known" if pid is None else f"no worker process {pid} is known"]


def _page(
    word: str, processes: list[dict[str, Any]], reasons: list[str], more: dict[str, Any]
) -> tuple[int, dict[str, Any]]:
    theirs = [f"process {one['pid']}: {reason}" for one in processes for reason in one["reasons"]]
    good = not reasons and not theirs
    at = datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    page = {word: good, "reasons": reasons + theirs, "host": socket.gethostname(), "at": at, **more}
    return (200 if good else 503), {**page, "processes": processes}


def _understood(given: dict[str, Any] | None) -> Pulse | None:
    try:
        return read_pulse(given) if given is not None else None
    except ValueError:
        return None


def _facts(pulse: Pulse, now_s: float) -> dict[str, Any]:
    return {
        "worker_id": pulse.worker_id,
        "master": pulse.master,
        "code_version": pulse.code_version,
        "queues": list(pulse.queues),
        "threads": pulse.threads,
        "running": pulse.running,
        "waiting": pulse.waiting,
        "longest_running_s": round(pulse.longest_running_s, 1),
        "pulse_age_s": round(max(0.0, now_s - pulse.written_s), 1),
        "beat_age_s": None if pulse.beat_s is None else round(now_s - pulse.beat_s, 1),
        "relay_age_s": None if pulse.relayed_s is None else round(now_s - pulse.relayed_s, 1),
    }
