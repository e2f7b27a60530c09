"""What each thread of this process is running, in a small mapped file that survives the process.

The next worker of the host reads it after a crash: only what had started can have caused it (docs/architecture.md).
It must not know the database.
"""

from __future__ import annotations

import contextlib
import mmap
import struct
import threading
from pathlib import Path
from uuid import UUID

#: One slot: in use, the job's id, the fence.
_SLOT = struct.Struct("=B16sq")
_SLOTS = 256


class StartedSlots:
    """The slots of one worker identity, a file named by its id. Without a writable folder it keeps nothing."""

    def __init__(self, folder: Path, worker_id: UUID) -> None:
        self._path = folder / f"{worker_id}.started"
        self._lock = threading.Lock()
        self._mine = threading.local()
        self._taken = 0
        self._map: mmap.mmap | None = None
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            with self._path.open("w+b") as file:
                file.truncate(_SLOT.size * _SLOTS)
                self._map = mmap.mmap(file.fileno(), _SLOT.size * _SLOTS)

    def write(self, job_id: UUID, fence: int) -> None:
        """This thread is about to run that job."""
        slot = self._slot()
        if self._map is not None and slot is not None:
            _SLOT.pack_into(self._map, slot * _SLOT.size, 1, job_id.bytes, fence)

    def clear(self) -> None:
        """This thread runs nothing any more."""
        slot = self._slot()
        if self._map is not None and slot is not None:
            self._map[slot * _SLOT.size] = 0

    def report_nothing(self) -> None:
        """Whatever is still running has not crashed this process: it was lost, and lives; or it ends in good order."""
        if self._map is not None:
            self._map[:] = bytes(len(self._map))

    def forget(self) -> None:
        """The process ends in good order and has nothing left that anybody could ask for."""
        with contextlib.suppress(OSError):
            self._path.unlink()

    def _slot(self) -> int | None:
        slot: int | None = getattr(self._mine, "slot", None)
        if slot is None:
            with self._lock:
                slot, self._taken = self._taken, self._taken + 1
            self._mine.slot = slot
        return slot if slot < _SLOTS else None


def read_started(folder: Path, worker_id: UUID) -> dict[UUID, int] | None:
    """Jobs and fences that a dead worker of this host was running; None where it left no file."""
    try:
        data = (folder / f"{worker_id}.started").read_bytes()
    except OSError:
        return None
    slots = (_SLOT.unpack_from(data, at) for at in range(0, len(data) - _SLOT.size + 1, _SLOT.size))
    return {UUID(bytes=job): fence for used, job, fence in slots if used}


def drop_started(folder: Path, worker_id: UUID) -> None:
    """The dead worker's file has been read and acted on."""
    with contextlib.suppress(OSError):
        (folder / f"{worker_id}.started").unlink()
