"""The table of faults: each on stock Dramatiq and on Callboard, on the same machine; what was lost, doubled, stuck."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.faults_list import FAULTS, Fault
from benchmarks.faults_world import OURS, STOCK, World, world
from benchmarks.report import Report, document
from rehearsal.troupe import NotInTime
from servers import embedded

__all__ = ["FAULTS", "Row", "measure", "ours_is_clean", "page", "report", "text"]

#: Watched for less than this, in s, ours runs with a lease of seconds: with the default of 30 s nothing would be seen.
_DEFAULT_LEASE_WATCH_S = 60.0
_SHORT_LEASE = {
    "CALLBOARD_HEARTBEAT_SECONDS": "0.5",
    "CALLBOARD_LEASE_SECONDS": "3",
    "CALLBOARD_RELAY_SECONDS": "0.2",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One fault on one system. `lost`: undone and in no Redis key (ours: in no row); `stuck`: undone, and there.

    `recovery_s`: from the fault until the last job was done; None where that was not seen. `note`: what the numbers
    do not say.
    """

    fault: str
    system: str
    lost: int
    doubled: int
    stuck: int
    recovery_s: float | None
    note: str = ""


def measure(names: Sequence[str], *, watch_s: float, say: Callable[[str], None]) -> list[Row]:
    """Bring about each named fault on both systems, watching for at most `watch_s` after it. Raises ServersError."""
    rows = []
    settings = {} if watch_s >= _DEFAULT_LEASE_WATCH_S else _SHORT_LEASE
    with tempfile.TemporaryDirectory(prefix="cb-faults-") as name:
        os.chmod(name, 0o755)  # PostgreSQL may run under an account of its own
        with embedded.running(Path(name) / "home") as servers:
            for number, fault in enumerate(FAULTS[one] for one in names):
                for system in (STOCK, OURS):
                    if fault.ours_only and system == STOCK:
                        continue
                    folder = Path(name) / f"{number}-{system}"
                    with world(system, servers, folder, watch_s, settings) as here:
                        row = _row(fault, here)
                    say(f"{row.fault:40} {row.system:10} {_cells(row)}")
                    rows.append(row)
    return rows


def report(rows: Sequence[Row], watch_s: float) -> dict[str, Any]:
    """The object that `--json` ends with."""
    return {**document(Report("faults", 1)), "watch_s": watch_s, "rows": [asdict(row) for row in rows]}


def text(rows: Sequence[Row]) -> str:
    """A line a row."""
    return "\n".join(f"{row.fault:40} {row.system:10} {_cells(row)}" for row in rows)


def ours_is_clean(rows: Sequence[Row]) -> bool:
    """Whether nothing of ours was lost, doubled or left stuck."""
    return not any(row.lost or row.doubled or row.stuck for row in rows if row.system == OURS)


def page(rows: Sequence[Row], watch_s: float) -> str:
    """The page docs/faults.md, from these rows."""
    by_fault: dict[str, dict[str, Row]] = {}
    for row in rows:
        by_fault.setdefault(row.fault, {})[row.system] = row
    lines = [
        _INTRODUCTION.format(watch_s=watch_s, lease="30 s" if watch_s >= _DEFAULT_LEASE_WATCH_S else "3 s"),
        "| fault | stock: lost | doubled | stuck | recovery | Callboard: lost | doubled | stuck | recovery | |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, found in by_fault.items():
        stock, ours = found.get(STOCK), found[OURS]
        cells = [FAULTS[name].sentence, *_page_cells(stock), *_page_cells(ours), ours.note]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


_INTRODUCTION = """# Faults, on stock Dramatiq and on Callboard

Produced by `callboard bench faults --page`: each fault is brought about on both systems, on the same machine and the
same servers, with real worker processes. `lost`: not done, and in no key of Redis. `stuck`: not done when the watch
ended after {watch_s:g} s, but still somewhere. `doubled`: the job's effect happened twice. Recovery: seconds from the
fault until the last job was done. The lease of Callboard's workers was {lease}. A dash: stock has nothing there that
could break.
"""


def _row(fault: Fault, here: World) -> Row:
    """Bring it about, watch, count. A fault that could not be brought about says so."""
    note = ""
    try:
        fault.bring(here)
        recovery_s = _watch(here)
    except (NotInTime, subprocess.SubprocessError) as error:
        recovery_s, note = None, str(error)[:80]
    undone = [name for name in here.expected if not here.times_done(name)]
    there = _still_there(here, undone)
    doubled = sum(max(0, here.times_done(name) - 1) for name in here.expected)
    held = _held(here)
    if held:
        note = f"{held} held for an operator"
    return Row(fault.name, here.system, len(undone) - len(there), doubled, len(there), recovery_s, note)


def _watch(here: World) -> float | None:
    """Seconds from the fault until all was done; None if the watch ends before. Workers that end are started again."""
    here.supervise(here.fault_s + here.watch_s)
    if not here.all_done():
        return None
    last = max((here.folder / f"done-{name}").stat().st_mtime for name in here.expected)
    return max(0.0, last - (time.time() - (time.monotonic() - here.fault_s)))


def _still_there(here: World, undone: Sequence[str]) -> set[str]:
    if here.system == STOCK:
        return here.in_redis() & set(undone)
    keys = {row[0] for row in here.room.rows("SELECT dispatch_key FROM background_job")}
    return {name for name in undone if name in keys}


def _held(here: World) -> int:
    if here.system == STOCK:
        return 0
    return int(here.room.value("SELECT count(*) FROM dead_letter WHERE reason = 'outcome_unknown'"))


def _cells(row: Row) -> str:
    recovery = "-" if row.recovery_s is None else f"{row.recovery_s:.1f} s"
    return f"lost {row.lost}  doubled {row.doubled}  stuck {row.stuck}  {recovery}  {row.note}"


def _page_cells(row: Row | None) -> list[str]:
    if row is None:
        return ["-"] * 4
    recovery = "not seen" if row.recovery_s is None else f"{row.recovery_s:.1f} s"
    return [str(row.lost), str(row.doubled), str(row.stuck), recovery]
