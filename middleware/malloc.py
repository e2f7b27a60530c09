"""glibc's allocator in a worker process: what a large batch took goes back to the system. It must not know batches."""

from __future__ import annotations

import ctypes
import os

#: Bytes from which glibc maps a block by itself, so that it is unmapped when it is freed: its own value at the start.
MAPPED_FROM_BYTES = 128 * 1024
#: The number of that parameter (mallopt(3)).
_M_MMAP_THRESHOLD = -3
#: Whoever has set one of these has decided.
_OPERATORS_OWN = ("MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES")


def keep_threshold() -> bool:
    """Keep the threshold where it stands at first; False where an operator has decided, or the C library has none.

    glibc raises it to the largest block that was freed, up to 32 MiB: after one large claim all later ones lie in
    the heap, which never shrinks again below whatever small thing was put behind them (docs/decisions/0068).
    """
    if any(name in os.environ for name in _OPERATORS_OWN):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and bool(mallopt(_M_MMAP_THRESHOLD, MAPPED_FROM_BYTES))
