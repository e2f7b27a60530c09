"""Run keys beside buckets: the attempt that a histogram last saw in each of its buckets, as OpenMetrics shows them.

It must not know what is measured. prometheus_client keeps no exemplars where many processes count, so each process
has a file of its own: a slot a bucket, written in place, so that a killed process leaves all it had said.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from prometheus_client import Metric
from prometheus_client.samples import Exemplar
from prometheus_client.utils import floatToGoString

from middleware import multiprocess

#: Bytes of a slot, its line end included; an exemplar that does not fit is left out.
_SLOT_BYTES = 512
#: Slots of a process: half a megabyte at most.
_SLOTS = 1024
#: A bucket's exemplar stays so long, in s: a newer one would be seen by no scrape, and cost a write. The histogram
#: keeps to it: it can tell before a key is made.
STAYS_S = 1.0
#: OpenMetrics allows so many characters of names and values together; ours has the one name.
_LABEL_CHARS = 128
LABEL = "run_key"
#: What a dead process had to say is shown for so long, in s; then its file goes.
_OF_THE_DEAD_S = 3600.0

Labels = tuple[tuple[str, str], ...]
#: Metric without suffix, its labels in order of name, and the bucket's `le`.
Bucket = tuple[str, Labels, str]


class ExemplarFile:
    """This process's own slots. A fork begins a file of its own; what cannot be written is left out."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._identity = ""
        self._descriptor = -1
        self._slots: dict[Bucket, int] = {}

    def note(self, bucket: Bucket, amount: float, run_key: str) -> None:
        """Say that `amount` was measured in that attempt; raises nothing."""
        name, labels, bound = bucket
        line = json.dumps([name, labels, bound, amount, run_key, time.time()]).encode()
        if len(line) >= _SLOT_BYTES or len(LABEL) + len(run_key) > _LABEL_CHARS:
            return
        with self._lock, suppress(OSError):
            self._write(bucket, line)

    def _write(self, bucket: Bucket, line: bytes) -> None:
        self._open()
        if bucket in self._slots or len(self._slots) < _SLOTS:
            number = self._slots.setdefault(bucket, len(self._slots))
            os.pwrite(self._descriptor, line.ljust(_SLOT_BYTES - 1) + b"\n", number * _SLOT_BYTES)

    def _open(self) -> None:
        identity = multiprocess.process_identity()
        if identity == self._identity:
            return
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._slots.clear()
        path = multiprocess.ensure_folder() / f"exemplars_{identity}.slots"
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        self._identity = identity


OURS = ExemplarFile()


def _unlock_after_fork() -> None:
    OURS._lock = threading.Lock()


os.register_at_fork(after_in_child=_unlock_after_fork)


def bound_text(bound: float) -> str:
    """A bucket's bound as `le` has it: 0.25, 60.0, +Inf."""
    return str(floatToGoString(bound))  # type: ignore[no-untyped-call]


def newest(directory: Path) -> dict[Bucket, Exemplar]:
    """The newest exemplar of each bucket, over all processes; drops the files of those that are long dead."""
    found: dict[Bucket, tuple[float, Exemplar]] = {}
    for path in directory.glob("exemplars_*.slots"):
        if _is_outdated(path):
            path.unlink(missing_ok=True)
            continue
        for bucket, at, exemplar in _read(path):
            if bucket not in found or found[bucket][0] < at:
                found[bucket] = (at, exemplar)
    return {bucket: exemplar for bucket, (_, exemplar) in found.items()}


def attach(metrics: Iterable[Metric], found: dict[Bucket, Exemplar]) -> None:
    """Put exemplars beside the buckets that they were measured in."""
    if not found:
        return
    for metric in metrics:
        if metric.type != "histogram":
            continue
        for index, sample in enumerate(metric.samples):
            bound = sample.labels.get("le")
            if bound is None:
                continue
            labels = tuple(sorted((name, value) for name, value in sample.labels.items() if name != "le"))
            exemplar = found.get((metric.name, labels, bound))
            if exemplar is not None:
                metric.samples[index] = sample._replace(exemplar=exemplar)


def _is_outdated(path: Path) -> bool:
    try:
        aged = time.time() - path.stat().st_mtime > _OF_THE_DEAD_S
    except FileNotFoundError:
        return False
    return aged and not multiprocess.is_alive(path.stem.rpartition("_")[2])


def _read(path: Path) -> Iterable[tuple[Bucket, float, Exemplar]]:
    """What a file says and when it was said; a slot that is being written just now is skipped."""
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError:
        return
    for line in lines:
        try:
            name, labels, bound, amount, run_key, at = json.loads(line)
            bucket = (name, tuple((label, value) for label, value in labels), bound)
            yield bucket, float(at), Exemplar({LABEL: run_key}, amount, at)
        except (ValueError, TypeError):
            continue
