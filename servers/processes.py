"""Starts and ends single processes: tied to their parent's life, noted in pid files, known by start time.

It must not know what the processes serve.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

#: A process told to end has this long, in s, before it is killed. PostgreSQL's last checkpoint is slowest.
PATIENCE_S = 20.0
#: Between two looks at a process, in s.
LOOK_EVERY_S = 0.01
#: Linux <sys/prctl.h>: the signal that a process gets when its parent dies.
PR_SET_PDEATHSIG = 1
#: Whether the kernel ends a child with its parent, and /proc tells of processes.
ON_LINUX = sys.platform == "linux"


@dataclass(frozen=True, slots=True)
class Account:
    """The user under whom a process runs instead of ourselves."""

    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Command:
    """What to run. `stdin` is given to the process whole; `death_signal` is what our own death sends it."""

    argv: Sequence[str]
    log: Path
    death_signal: signal.Signals
    account: Account | None = None
    stdin: bytes | None = None
    environ: Mapping[str, str] = field(default_factory=dict)
    #: With a session of its own a process and its children are one group, deaf to the terminal's Ctrl-C.
    own_session: bool = False


def start(command: Command) -> subprocess.Popen[bytes]:
    """Start the process, its output appended to its log. Call it in the main thread only.

    Linux sends the death signal when the *thread* that started the process ends (prctl(2)).
    Raises OSError when the program cannot be run or the account not be taken.
    """
    account = command.account
    with command.log.open("ab") as log:
        process = subprocess.Popen(
            command.argv,
            stdin=subprocess.DEVNULL if command.stdin is None else subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd="/",  # the account may not enter ours
            env=dict(command.environ) or None,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
            start_new_session=command.own_session,
            preexec_fn=_tie_to_parent(command.death_signal),  # noqa: PLW1509  # the supervisor has one thread
        )
    if process.stdin is not None:
        with suppress(BrokenPipeError), process.stdin as pipe:
            pipe.write(command.stdin or b"")
    return process


def _tie_to_parent(death_signal: signal.Signals) -> Callable[[], None] | None:
    """What a new process does first, on Linux; elsewhere `servers.watcher` does the same from outside."""
    if not ON_LINUX:
        return None
    prctl = ctypes.CDLL(None).prctl
    parent = os.getpid()
    number = ctypes.c_ulong(int(death_signal))

    def tie() -> None:
        prctl(PR_SET_PDEATHSIG, number, 0, 0, 0)
        if os.getppid() != parent:  # it died before it could be asked for
            os._exit(1)

    return tie


def end(process: subprocess.Popen[bytes], how: signal.Signals, patience_s: float = PATIENCE_S) -> bool:
    """Send `how` and wait; past `patience_s` kill. Whether the signal alone was enough."""
    if process.poll() is None:
        process.send_signal(how)
    try:
        process.wait(patience_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return False
    return True


def started_at(pid: int) -> str | None:
    """When the process began, in the system's own words: with the pid it names one process for ever.

    None when there is no such process, or only its zombie.
    """
    if ON_LINUX:
        try:
            stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return None
        fields = stat.rpartition(")")[2].split()  # the name before it may hold blanks; field 3 is the state
        return None if fields[0] in "ZX" else fields[19]
    said = subprocess.run(
        ["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout.split(maxsplit=1)
    return None if not said or said[0].startswith("Z") else said[1].strip()


def note_pid(pid_file: Path, pid: int) -> None:
    """Write the pid and its start time, for `end_leftover`."""
    pid_file.write_text(f"{pid} {started_at(pid) or ''}\n", encoding="utf-8")


def end_leftover(pid_file: Path, how: signal.Signals, patience_s: float = PATIENCE_S) -> None:
    """End the process noted in `pid_file` if it still runs: an earlier supervisor died without ending it.

    Only who holds the home's lock may call this. A recycled pid is left alone.
    """
    pid, began = _noted(pid_file)
    if pid is None or not began:
        return
    signals = [how, signal.SIGKILL]
    while signals and started_at(pid) == began:
        with suppress(ProcessLookupError):
            os.kill(pid, signals.pop(0))
        deadline = time.monotonic() + patience_s
        while started_at(pid) == began and time.monotonic() < deadline:
            time.sleep(LOOK_EVERY_S)
    pid_file.unlink(missing_ok=True)


def _noted(pid_file: Path) -> tuple[int | None, str]:
    try:
        pid, _, began = pid_file.read_text(encoding="utf-8").strip().partition(" ")
        return int(pid), began
    except (OSError, ValueError):
        return None, ""
