"""What a large batch took goes back to the system; whoever has set glibc's own variables has decided."""

from __future__ import annotations

import platform
import subprocess
import sys
from typing import Final

import pytest

from middleware import malloc
from tests.unit.source_tree import ROOT

#: Frees a block of 8 MiB and then holds one of 1 MiB: is that mapped by itself, so that it goes when it is freed?
_PLAY: Final = """
import ctypes
from middleware import malloc
{first}
class Info(ctypes.Structure):
    _fields_ = [(name, ctypes.c_int) for name in "arena ordblks smblks hblks hblkhd usm fsm uord ford keep".split()]
libc = ctypes.CDLL(None)
libc.mallinfo.restype = Info
bytearray(8 << 20)
before = libc.mallinfo().hblkhd
held = bytearray(1 << 20)
print(libc.mallinfo().hblkhd - before >= 1 << 20)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the threshold is glibc's")
@pytest.mark.parametrize(
    ("first", "mapped"),
    [pytest.param("malloc.keep_threshold()", "True", id="kept"), pytest.param("", "False", id="as glibc has it")],
)
def test_a_large_block_is_mapped_by_itself_after_a_larger_one_was_freed(first: str, mapped: str) -> None:
    command = [sys.executable, "-c", _PLAY.format(first=first)]

    done = subprocess.run(command, env={"PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, text=True, check=True)

    assert done.stdout.strip() == mapped


@pytest.mark.parametrize("name", ["MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES"])
def test_operators_own_threshold_is_left_alone(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "4194304")

    kept = malloc.keep_threshold()

    assert not kept
