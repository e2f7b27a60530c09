"""Counters beside rows, once every process of a run has ended: how many were never counted, and how many may be.

It must not know what was broken.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prometheus_client.multiprocess import MultiProcessCollector

from middleware import metric_archive
from middleware.multiprocess import LAYOUT
from rehearsal.room import Room

_Counts = Counter[tuple[str, ...]]

#: A counter, its labels, and the rows that it counts: texts, then their number.
_COMPARED: tuple[tuple[str, tuple[str, ...], str], ...] = (
    (
        "callboard_attempts_total",
        ("actor", "outcome"),
        "SELECT function_name, status, count(*) FROM background_function_run GROUP BY 1, 2",
    ),
    (
        "callboard_jobs_finished_total",
        ("actor", "state"),
        "SELECT actor, state, count(*) FROM background_job WHERE finished_at IS NOT NULL GROUP BY 1, 2",
    ),
    (
        "callboard_dead_letters_total",
        ("actor", "reason"),
        "SELECT actor, reason, count(*) FROM dead_letter GROUP BY 1, 2",
    ),
)

#: What a process that was lost had in hand: its attempts that were open at its last beat or later.
_IN_HAND = (
    "SELECT count(*) FROM background_function_run AS run JOIN worker ON worker.id = run.worker_id"
    " WHERE worker.lost_at IS NOT NULL AND run.finished_at >= worker.heartbeat_at"
)


@dataclass(frozen=True, slots=True)
class Counted:
    """`short`: rows that no counter knows, by counter; `over`: what counters say beyond the rows; `in_hand`: how many
    attempts lost processes had in hand, which is as many as each counter may be short by.
    """

    short: dict[str, int]
    over: dict[str, int]
    in_hand: int

    @property
    def holds(self) -> bool:
        """Whether nothing was counted twice, and nothing is short but what died in somebody's hands."""
        return not any(self.over.values()) and all(count <= self.in_hand for count in self.short.values())


def counted(room: Room) -> Counted:
    """Compare; every process that counts must have ended."""
    told = samples(room)
    short, over = {}, {}
    for name, labels, statement in _COMPARED:
        rows = _rows(room.rows(statement))
        counts: _Counts = Counter()
        for sample_labels, value in told.get(name, []):
            counts[tuple(sample_labels[label] for label in labels)] += round(value)
        short[name] = (rows - counts).total()
        over[name] = (counts - rows).total()
    return Counted(short, over, int(room.value(_IN_HAND)))


def samples(room: Room) -> dict[str, list[tuple[dict[str, str], float]]]:
    """What all processes of a room have counted, the dead ones too: of each sample its labels and its value."""
    folder = Path(room.environ["CALLBOARD_HOME"]) / "metrics" / LAYOUT
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    if not folder.exists():
        return found
    with metric_archive.locked(folder):
        files = metric_archive.files_in_force(folder)
        for family in MultiProcessCollector.merge(files, accumulate=True):  # type: ignore[no-untyped-call]
            for sample in family.samples:
                found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found


def _rows(rows: list[tuple[Any, ...]]) -> _Counts:
    counts: _Counts = Counter()
    for *texts, number in rows:
        counts[tuple(str(text or "unknown").lower() for text in texts)] += int(number)
    return counts
