"""The counts of processes that are gone: added up once, kept, and never read twice.

It must not know which metrics there are. Reasons: docs/decisions/0020.
"""

from __future__ import annotations

import fcntl
import json
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prometheus_client import mmap_dict

from middleware.multiprocess import is_alive

_MANIFEST = "archive.json"
_LOCK = "lock"
#: prometheus_client's file format; the class ships no types.
_ValuesFile: Any = mmap_dict.MmapedDict
#: Types of file whose values outlive their process; gauges do not.
_SUMMED = ("counter", "histogram")


@dataclass(frozen=True, slots=True)
class Archive:
    """Which summed files are in force, and which files their sums already hold."""

    generation: int = 0
    absorbed: frozenset[str] = field(default_factory=frozenset)

    def name(self, kind: str) -> str:
        return f"{kind}_archive-{self.generation}.db"

    def holds(self, name: str) -> bool:
        """Whether a file's values are in the sums already, so that it must not be read again."""
        return name in self.absorbed or ("_archive-" in name and name not in {self.name(kind) for kind in _SUMMED})


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Alone among readers and sweepers of `directory` on this host; processes that count never wait."""
    with open(directory / _LOCK, "a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def files_in_force(directory: Path) -> list[str]:
    """Paths to add up now. Call under `locked`."""
    archive = read_archive(directory)
    return [str(path) for path in _written(directory) if not archive.holds(path.name)]


def read_archive(directory: Path) -> Archive:
    """The archive named by the manifest; an empty one where there is none or it cannot be read."""
    try:
        stored = json.loads((directory / _MANIFEST).read_bytes())
        return Archive(int(stored["generation"]), frozenset(stored["absorbed"]))
    except (OSError, ValueError, KeyError, TypeError):
        return Archive()


def sweep(directory: Path) -> int:
    """Put the counts of dead processes into the archive, drop their files; how many. Under `locked`.

    The manifest's rename is the one point at which the sums change hands: before it the new sums are not read,
    after it the absorbed files are not. A sweep that dies anywhere is finished by the next.
    """
    archive = _settled(directory, read_archive(directory))
    dead = [path for path in _written(directory) if _is_of_the_dead(path)]
    for path in dead:
        if path.name.startswith("gauge_"):
            path.unlink(missing_ok=True)
    summed = [path for path in dead if path.name.startswith(_SUMMED)]
    if summed:
        _absorb(directory, archive, summed)
    return len(dead)


def _absorb(directory: Path, archive: Archive, dead: list[Path]) -> None:
    following = Archive(archive.generation + 1, frozenset(path.name for path in dead))
    for kind in _SUMMED:
        former = directory / archive.name(kind)
        sources = [path for path in (former, *dead) if path.name.startswith(kind) and path.exists()]
        _write_sums(directory / following.name(kind), sources)
    _write_manifest(directory, following)
    _settled(directory, following)


def _write_manifest(directory: Path, archive: Archive) -> None:
    temporary = directory / f"{_MANIFEST}.new"
    temporary.write_text(json.dumps({"generation": archive.generation, "absorbed": sorted(archive.absorbed)}))
    os.replace(temporary, directory / _MANIFEST)


def _settled(directory: Path, archive: Archive) -> Archive:
    """Drop what the sums already hold, then forget the names: a later file may bear one of them again."""
    _drop(directory, archive)
    if not archive.absorbed:
        return archive
    settled = Archive(archive.generation)
    _write_manifest(directory, settled)
    return settled


def _write_sums(target: Path, sources: list[Path]) -> None:
    """Add up files of one type, value by value, in prometheus_client's own format."""
    target.unlink(missing_ok=True)
    sums = _ValuesFile(str(target))
    try:
        for source in sources:
            for key, value, _, _ in _ValuesFile.read_all_values_from_file(str(source)):
                sums.write_value(key, sums.read_value(key)[0] + value, 0.0)
    finally:
        sums.close()


def _drop(directory: Path, archive: Archive) -> None:
    for path in directory.glob("*.db"):
        if archive.holds(path.name):
            path.unlink(missing_ok=True)


def _written(directory: Path) -> list[Path]:
    """Files that hold anything: one is empty between its making and its first growth."""
    return sorted(path for path in directory.glob("*.db") if _size(path) > 0)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _is_of_the_dead(path: Path) -> bool:
    identity = path.stem.rsplit("_", 1)[-1]
    return not identity.startswith("archive") and not is_alive(identity)


def set_torn_aside(directory: Path) -> int:
    """Rename files that cannot be read (full disk, lost power) to `.torn`; how many. Under `locked`."""
    torn = [path for path in _written(directory) if not _readable(path)]
    for path in torn:
        path.rename(path.with_suffix(".torn"))
    return len(torn)


def _readable(path: Path) -> bool:
    try:
        return all(json.loads(key) for key, _, _, _ in _ValuesFile.read_all_values_from_file(str(path)))
    except FileNotFoundError:
        return True
    except (OSError, ValueError, RuntimeError, struct.error):
        return False
