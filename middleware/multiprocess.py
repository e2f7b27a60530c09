"""One set of metrics out of many processes: where their files lie, how they are called, who still lives.

prometheus_client would choose between memory and files when it is first imported, by whoever that is.
`install` chooses for all metrics made after it: the order of imports does not matter (docs/decisions/0020).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from prometheus_client import values

from middleware import logs

#: Where prometheus_client's own value class looks for the folder.
VARIABLE = "PROMETHEUS_MULTIPROC_DIR"

_SET_BY_US = "_CALLBOARD_METRICS_FOLDER"

#: Raise when a histogram's buckets change: sums under other bounds cannot be added up.
LAYOUT = "v1"


_prepared = False


def prepare(directory: Path) -> None:
    """Have this process and those it forks keep their metrics under `directory`; the first call decides.

    A PROMETHEUS_MULTIPROC_DIR of the operator's goes before. The folder itself is made with the first value:
    a command that counts nothing leaves nothing.
    """
    global _prepared  # noqa: PLW0603
    chosen = os.environ.get(VARIABLE)
    # What a parent of ours has set is no operator's choice: a child may have a CALLBOARD_HOME of its own.
    if _prepared or (chosen and chosen != os.environ.get(_SET_BY_US)):
        return
    _prepared = True
    os.environ[VARIABLE] = os.environ[_SET_BY_US] = str(directory.absolute())


def install() -> None:
    """`prepare` with `metrics/<layout>` under CALLBOARD_HOME; metrics made from now on are files there."""
    prepare(Path(os.environ.get("CALLBOARD_HOME") or ".callboard") / "metrics" / LAYOUT)
    values.ValueClass = FileValue


def ensure_folder() -> Path:
    """The folder in force, made if absent. Raises OSError where that cannot be, KeyError before `prepare`."""
    path = Path(os.environ[VARIABLE])
    path.mkdir(parents=True, exist_ok=True)
    return path


_identity: str | None = None


def process_identity() -> str:
    """`<pid>-<start>`: unlike a pid never given twice while the host runs.

    Asked at every count, so it is kept and a fork forgets it: asking for the pid each time took a tenth of a no-op job.
    """
    global _identity  # noqa: PLW0603
    if _identity is None:
        pid = os.getpid()
        _identity = f"{pid}-{_started(pid) or 0}"
    return _identity


def _forget_identity() -> None:
    global _identity  # noqa: PLW0603
    _identity = None


os.register_at_fork(after_in_child=_forget_identity)


def is_alive(identity: str) -> bool:
    """Whether the process of a file still runs; where starts cannot be read its pid alone is asked."""
    pid_text, _, start = identity.partition("-")
    if not pid_text.isdigit():
        return False
    if not Path("/proc/self/stat").exists():
        return _signals(int(pid_text))
    started = _started(int(pid_text))
    return started is not None and start in ("", "0", str(started))


def _started(pid: int) -> int | None:
    """Clock ticks from boot to a process's start (proc(5), field 22); None if gone, a zombie, or unknown."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    fields = stat[stat.rindex(b")") + 2 :].split()
    return None if fields[0] in (b"Z", b"X") else int(fields[19])


def _signals(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


_Files: Any = values.MultiProcessValue(process_identity)  # type: ignore[no-untyped-call]


class FileValue(_Files):  # type: ignore[misc]
    """prometheus_client's value in a file of this process; where that fails it costs the number, not the job.

    It opens files also inside a count (after a fork): a full disk must not surface in a hook.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._value = 0.0
        try:
            ensure_folder()
            super().__init__(*args, **kwargs)
        except OSError as error:
            _not_counted(error)

    def inc(self, amount: float) -> None:
        try:
            super().inc(amount)
        except Exception as error:
            _not_counted(error)

    def set(self, value: float, timestamp: float | None = None) -> None:
        try:
            super().set(value, timestamp)
        except Exception as error:
            _not_counted(error)


_complained = False


def _not_counted(error: Exception) -> None:
    """One line a process: the same cause would repeat with every count."""
    global _complained  # noqa: PLW0603
    if not _complained:
        _complained = True
        logs.event("metrics_not_counted", "WARNING", error=error)
