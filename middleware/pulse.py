"""A process's pulse in a small mapped file of its own, written by its watchdog and read by the host's health server.

The file outlives a frozen or killed process; a folder may be shared by hosts. It must not know what makes a pulse good.
"""

from __future__ import annotations

import contextlib
import json
import mmap
import re
import socket
import struct
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from middleware import multiprocess
from middleware.logs import event

#: Length and checksum of what follows: a pulse read while it is written is read again.
_HEAD = struct.Struct("<II")
_SIZE = 8_192
_SUFFIX = ".pulse"
_TRIES = 5


class PulseFile:
    """This process's file in `folder`. Without a writable folder nobody hears it: one line says so."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / f"{_host()}@{multiprocess.process_identity()}{_SUFFIX}"
        self._map: mmap.mmap | None = None
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with self._path.open("w+b") as file:
                # Written now: a mapped page that a full disk has no room for would end the process with a signal.
                file.write(bytes(_SIZE))
                file.flush()
                self._map = mmap.mmap(file.fileno(), _SIZE)
        except OSError as error:
            event("pulse_unwritten", "WARNING", error=error)

    def write(self, pulse: Mapping[str, Any]) -> None:
        """Say this instead of what was said before."""
        body = json.dumps(pulse).encode()
        if self._map is not None and len(body) <= _SIZE - _HEAD.size:
            self._map[: _HEAD.size + len(body)] = _HEAD.pack(len(body), zlib.crc32(body)) + body

    def forget(self) -> None:
        """The process ends: it is no longer to be asked after."""
        with contextlib.suppress(OSError):
            self._path.unlink()


def read_pulses(folder: Path) -> Iterator[dict[str, Any] | None]:
    """The pulses of this host's processes that still run; None for one that cannot be read.

    What processes that have gone left behind is removed.
    """
    for path in sorted(folder.glob(f"{_host()}@*{_SUFFIX}")):
        identity = path.name[len(_host()) + 1 : -len(_SUFFIX)]
        if multiprocess.is_alive(identity):
            yield _read(path)
        else:
            with contextlib.suppress(OSError):
                path.unlink()


def _read(path: Path) -> dict[str, Any] | None:
    for _ in range(_TRIES):
        try:
            data = path.read_bytes()
        except OSError:
            return None
        if len(data) < _HEAD.size:
            continue
        length, checksum = _HEAD.unpack_from(data)
        body = data[_HEAD.size : _HEAD.size + length]
        if length and len(body) == length and zlib.crc32(body) == checksum:
            found = json.loads(body)
            return found if isinstance(found, dict) else None
    return None


def _host() -> str:
    """The host as a file name may say it; containers that share a folder have names of their own."""
    return re.sub(r"[^A-Za-z0-9.-]", "_", socket.gethostname())
