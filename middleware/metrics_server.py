"""The /metrics page of a host, in a process of its own.

It must not know what the numbers mean. One endpoint serves all processes of a CALLBOARD_HOME on this host.
"""

from __future__ import annotations

import os
import signal
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, NoReturn

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from middleware import exemplars, logs, metric_archive, metrics, multiprocess, page_sums
from middleware.gauge_readings import GaugeReadings, LedgerCollector
from policy import settings

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from prometheus_client import Metric

#: All interfaces: Prometheus scrapes from another host, and in a container loopback reaches nobody.
#: The page holds numbers and names of actors, queues, sources and clients, no arguments.
HOST = "0.0.0.0"
#: Seconds between attempts at a port that another endpoint of this host holds.
RETRY_S = 5.0
#: Seconds between two looks whether child and parent still live.
_LOOK_S = 0.2
#: Seconds a client may take over its request.
REQUEST_TIMEOUT_S = 10

ReadGauges = Callable[[], GaugeReadings]


class ProcessesCollector:
    """The sum of what this host's processes counted, the dead ones included; what none has counted is declared."""

    def collect(self) -> Iterable[Metric]:
        found = self._counted()
        there = {one.name for one in found}
        return [*found, *(one.family for one in metrics.COUNTED if one.family.name not in there)]

    def _counted(self) -> list[Metric]:
        directory = multiprocess.ensure_folder()
        with metric_archive.locked(directory):
            try:
                return _added_up(directory)
            except (ValueError, RuntimeError, struct.error):
                # One torn file must not hide all the others for good.
                if not metric_archive.set_torn_aside(directory):
                    raise
                logs.event("metrics_file_torn", "WARNING")
                return _added_up(directory)


def _added_up(directory: Path) -> list[Metric]:
    metric_archive.sweep(directory)
    files = metric_archive.files_in_force(directory)
    found = page_sums.added_up(files)
    exemplars.attach(found, exemplars.newest(directory))
    return found


def page(read: ReadGauges | None, accept: str) -> tuple[bytes, str]:
    """The page and its content type: OpenMetrics where `accept` asks for it, else Prometheus text."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(ProcessesCollector())
    if read is not None:
        registry.register(LedgerCollector(read))
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type


class MetricsServer(ThreadingHTTPServer):
    """Answers GET /metrics; one page is made at a time, however many ask."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], read: ReadGauges | None) -> None:
        self.read = read
        self.making = threading.Lock()
        self._parent = os.getppid()
        super().__init__(address, MetricsHandler)

    def service_actions(self) -> None:
        # A master that was killed cannot end us, and the port must be free for its successor.
        if os.getppid() != self._parent:
            raise SystemExit(0)

    def handle_error(self, request: Any, client_address: Any) -> None:
        # A client that hangs up is no matter for a traceback on stderr.
        logs.event("metrics_request_broken", "DEBUG")


class MetricsHandler(BaseHTTPRequestHandler):
    """One request."""

    timeout = REQUEST_TIMEOUT_S
    server: MetricsServer

    def do_GET(self) -> None:
        if self.path.partition("?")[0] != "/metrics":
            self._answer(404, "text/plain; charset=utf-8", b"the metrics are at /metrics\n")
            return
        try:
            with self.server.making:
                body, content_type = page(self.server.read, self.headers.get("Accept", ""))
        except Exception as error:
            logs.event("scrape_failed", "ERROR", error=error)
            self._answer(500, "text/plain; charset=utf-8", f"scrape failed: {type(error).__name__}\n".encode())
            return
        self._answer(200, content_type, body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: a line for each scrape says nothing."""

    def _answer(self, status: int, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def serve_metrics(read: ReadGauges | None = None, *, port: int | None = None) -> int:
    """Serve /metrics on `port` (CALLBOARD_METRICS_PORT) until SIGTERM; usable as a Dramatiq fork. Returns 0.

    Port 0 switches it off. A port in use is waited for: its holder, another master of this host, shows the
    same numbers meanwhile, and we take over.
    """
    logs.configure_from_environment()
    wanted = settings.read(os.environ)[0].metrics_port if port is None else port
    if wanted != 0:
        kept_up(lambda: serve(bound_server(wanted, read)))
    return 0


def kept_up(run: Callable[[], None]) -> None:
    """Have `run` done in a child, and again when that ends before us: Dramatiq watches its workers, not its forks.

    Ends by SystemExit (SIGTERM), and when our own parent is gone; the child ends with us, or notices by itself.
    """
    parent = os.getppid()
    while os.getppid() == parent:
        child = os.fork()
        if child == 0:
            _run_as_child(run)
        try:
            status = _ended(child, parent)
        except BaseException:
            _end(child)
            raise
        if status is None:
            _end(child)
            return
        logs.event("metrics_endpoint_ended", "ERROR", status=os.waitstatus_to_exitcode(status), retry_s=RETRY_S)
        time.sleep(RETRY_S)


def _run_as_child(run: Callable[[], None]) -> NoReturn:
    code = 1
    try:
        run()
        code = 0
    except SystemExit as leaving:
        code = leaving.code if isinstance(leaving.code, int) else 0
    except BaseException as error:
        logs.event("metrics_endpoint_broke", "ERROR", error=error)
    finally:
        # Past everything that the parent would run at its own end.
        os._exit(code)


def _ended(child: int, parent: int) -> int | None:
    """The child's status once it has ended; None as soon as our parent has."""
    while os.getppid() == parent:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            return status
        time.sleep(_LOOK_S)
    return None


def _end(child: int) -> None:
    with suppress(ProcessLookupError, ChildProcessError):
        os.kill(child, signal.SIGTERM)
        os.waitpid(child, 0)


def bound_server(port: int, read: ReadGauges | None) -> MetricsServer:
    """A server on `port` (0: any free one), once that can be had; the refusal is logged once."""
    refused = False
    parent = os.getppid()
    while True:
        try:
            return MetricsServer((HOST, port), read)
        except OSError as error:
            if not refused:
                logs.event("metrics_port_refused", "WARNING", error=error, port=port, retry_s=RETRY_S)
            refused = True
        time.sleep(RETRY_S)
        if os.getppid() != parent:
            raise SystemExit(0)


def serve(server: MetricsServer) -> None:
    """Answer until SystemExit (Dramatiq's SIGTERM handler raises it) or `server.shutdown()`."""
    metrics.show_zeros()
    logs.event("metrics_served", port=server.server_address[1])
    with server:
        server.serve_forever(poll_interval=0.5)
