"""Counts executions at the price of a memory write: one file a process, holding one number. Standard library only.

A counter in Redis or a line in a file would cost the job more than many a queue does.
"""

from __future__ import annotations

import itertools
import mmap
import os
import struct
from pathlib import Path

#: The folder of the counters.
VARIABLE = "BENCH_COUNTS"
_NUMBER = struct.Struct("=q")

_numbers = itertools.count(1)
_memory: mmap.mmap | None = None


def count_one() -> None:
    """One more job has been executed by this process.

    Threads share the number without a lock: it may be behind by the few that write at the same moment.
    """
    memory = _memory or _open()
    _NUMBER.pack_into(memory, 0, next(_numbers))


def counted(folder: Path) -> int:
    """Executions in all processes that have written into `folder`."""
    contents = [path.read_bytes() for path in folder.iterdir()]
    return sum(_NUMBER.unpack(content)[0] for content in contents if len(content) == _NUMBER.size)


def _open() -> mmap.mmap:
    global _memory  # noqa: PLW0603  # one counter a process
    descriptor = os.open(Path(os.environ[VARIABLE]) / str(os.getpid()), os.O_RDWR | os.O_CREAT, 0o644)
    try:
        os.ftruncate(descriptor, _NUMBER.size)
        _memory = mmap.mmap(descriptor, _NUMBER.size)
    finally:
        os.close(descriptor)
    return _memory


def _forget() -> None:
    """A forked child counts in a file of its own."""
    global _memory, _numbers
    _memory, _numbers = None, itertools.count(1)


os.register_at_fork(after_in_child=_forget)
