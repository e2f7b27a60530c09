"""Processes that count and serve metrics, as one host's: started, asked over HTTP, and gone after the test."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final, TypeVar

from prometheus_client.parser import text_string_to_metric_families

from middleware.bounded_readings import BoundedReading
from middleware.gauge_readings import GaugeReadings

ROOT: Final = Path(__file__).parents[2]
#: Seconds to wait for a process to get somewhere; the machine may be busy.
DEADLINE_S: Final = 30.0

#: Counts what its first argument says, says so, and stays until its input ends.
COUNTING: Final = "import sys; from middleware import metrics; {count}; print('counted', flush=True); sys.stdin.read()"
SERVING: Final = (
    "from middleware import metrics_server as s; s.RETRY_S = 0.1; raise SystemExit(s.serve_metrics({read}))"
)
#: As Dramatiq's fork does: SIGTERM raises SystemExit in the main thread.
ON_TERM: Final = "import signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit(0)); "

Found = TypeVar("Found")


def until(look: Callable[[], Found | None]) -> Found:
    """What `look` finds, as soon as it is not None."""
    deadline = time.monotonic() + DEADLINE_S
    pause = threading.Event()
    while True:
        found = look()
        if found is not None:
            return found
        assert time.monotonic() < deadline, "waited in vain"
        pause.wait(0.05)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Host:
    """One host's processes: those that count and those that serve, under one home and port."""

    def __init__(self, home: Path, processes: ExitStack) -> None:
        self.port = free_port()
        self._processes = processes
        self._environment = {
            **{name: value for name, value in os.environ.items() if "MULTIPROC" not in name},
            "CALLBOARD_HOME": str(home),
            "CALLBOARD_METRICS_PORT": str(self.port),
            "CALLBOARD_HEALTH_PORT": "0",
            "CALLBOARD_LOG_FORMAT": "json",
            "PYTHONPATH": str(ROOT),
        }

    def start(self, *command: str, **environment: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, *command],
            env={**self._environment, **environment},
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._processes.callback(end, process)
        return process

    def kill_in_the_end(self, pid: int) -> None:
        """See that a process we did not start ourselves is gone after the test, also where the test fails."""
        self._processes.callback(kill_quietly, pid)

    def counting(self, count: str) -> subprocess.Popen[str]:
        process = self.start("-c", COUNTING.format(count=count))
        assert process.stdout is not None
        assert process.stdout.readline() == "counted\n"
        return process

    def serving(self, read: str = "None") -> subprocess.Popen[str]:
        return self.start("-c", ON_TERM + SERVING.format(read=read))

    def get(self, path: str = "/metrics", accept: str = "") -> tuple[int, str, str]:
        """Status, content type and body."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers={"Accept": accept})
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, answer.headers["Content-Type"], answer.read().decode()
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, refused.headers["Content-Type"], refused.read().decode()

    def page(self) -> str | None:
        try:
            return self.get()[2]
        except (urllib.error.URLError, ConnectionError):
            return None

    def numbers(self) -> dict[str, float]:
        """Sums by sample name over all label values, once the endpoint answers."""
        found: dict[str, float] = {}
        for family in text_string_to_metric_families(until(self.page)):
            for sample in family.samples:
                found[sample.name] = found.get(sample.name, 0) + sample.value
        return found


def reading_that_hangs() -> Callable[[], GaugeReadings]:
    """Gauges of a server that takes a connection and never answers; the page must come all the same."""
    hangs = BoundedReading("test", threading.Event().wait)

    def read() -> GaugeReadings:
        return GaugeReadings(ledger_readable=hangs.answer(hangs.ask(), time.monotonic() + 0.2) is not None)

    return read


def end(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        process.kill()
    process.communicate()


def kill_quietly(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def log_line(process: subprocess.Popen[str], event: str) -> dict[str, object]:
    """The first line of that event; fails if the process ends without it."""
    assert process.stderr is not None
    for line in process.stderr:
        fields: dict[str, object] = json.loads(line)
        if fields["event"] == event:
            return fields
    raise AssertionError(f"no {event} was logged")


@contextmanager
def held(port: int) -> Iterator[None]:
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("0.0.0.0", port))
        holder.listen()
        yield
