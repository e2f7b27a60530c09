"""Calls for the end of a process, whichever way it ends. It must not know what they do."""

from __future__ import annotations

import atexit
from collections.abc import Callable
from functools import partial
from multiprocessing import parent_process
from multiprocessing.util import Finalize, register_after_fork


def at_process_end(call: Callable[[], object]) -> None:
    """Have `call` made when this process or a child that it forks ends by itself; the last one registered goes first.

    A child of multiprocessing's leaves without the interpreter's exit handlers, and with its own finalizers alone.
    `call` is a function of a module: a bound method would be forgotten.
    """
    atexit.register(call)
    register_after_fork(call, partial(_finalize, call))
    if parent_process() is not None:
        _finalize(call)


def _finalize(call: Callable[[], object], _: object = None) -> None:
    Finalize(None, call, exitpriority=0)
