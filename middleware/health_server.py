"""The health server of a host: `/live`, `/ready` and `POST /dispatch`, in a process of its own that is nursed.

One server speaks for all worker processes of a CALLBOARD_HOME on this host; it runs no job and holds no claim.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from middleware import logs
from middleware.configuration import settings_in_force
from middleware.health_checks import Checks
from middleware.health_page import HealthPage
from middleware.health_servers import server_checks
from middleware.small_http import Refused, Reply, Request, SmallServer
from middleware.tick_posts import TickPosts
from policy.settings import Settings

#: Seconds between attempts at a port that another server of this host holds.
RETRY_S = 5.0
#: Seconds between two lives of a server.
REVIVE_S = 1.0
#: Seconds between looks at whether the master is still there.
_LOOK_S = 0.5
_PAGES = ("/live", "/ready")


class HealthServer:
    """The three paths. Without a tick's command `/dispatch` is not there."""

    def __init__(self, page: HealthPage, posts: TickPosts | None) -> None:
        self._page, self._posts = page, posts
        self._http = SmallServer(self._admit, self._answer)

    def serve(self, listening: socket.socket, still_wanted: Callable[[], bool] = lambda: True) -> None:
        """Answer until SIGTERM or SIGINT, or until it is no longer wanted; owns the socket."""
        with listening:
            asyncio.run(self._run(listening, still_wanted))

    async def _run(self, listening: socket.socket, still_wanted: Callable[[], bool]) -> None:
        ending = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, ending.set)
        logs.event("health_served", port=listening.getsockname()[1], dispatch=self._posts is not None)
        serving = asyncio.create_task(self._http.run(listening, ending))
        while not serving.done() and not ending.is_set():
            await asyncio.wait([serving], timeout=_LOOK_S)
            if not still_wanted():
                ending.set()
        if self._posts is not None:
            self._posts.end()
        await serving

    def _admit(self, request: Request) -> None:
        if request.path == "/dispatch" and self._posts is not None:
            self._posts.admit(request)
        elif request.path not in _PAGES:
            raise Refused(Reply(404, {"error": "here are /live, /ready and /dispatch"}))
        elif request.method not in ("GET", "HEAD"):
            raise Refused(Reply(405, {"error": "only GET and HEAD are taken here"}, {"Allow": "GET, HEAD"}))

    async def _answer(self, request: Request) -> Reply:
        if request.path == "/dispatch" and self._posts is not None:
            return await self._posts.answer(request)
        if request.body:
            return Reply(400, {"error": "a question has no body"})
        pid = _pid(request.query)
        ask = self._page.live if request.path == "/live" else self._page.ready
        return Reply(*await ask(pid))


def health_server(settings: Settings, tick_command: Sequence[str], *, workers_expected: bool) -> HealthServer:
    """The server for these settings; `tick_command` runs one tick and prints its answer, empty: no `/dispatch`."""
    page = HealthPage(Path(settings.home) / "run", Checks(server_checks()), workers_expected)
    return HealthServer(page, TickPosts(tick_command, settings.cron_secret) if tick_command else None)


def bind(port: int) -> socket.socket:
    """A listening socket on all interfaces: probes and clocks come from elsewhere. Raises OSError."""
    if socket.has_dualstack_ipv6():
        with contextlib.suppress(OSError):
            return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
    return socket.create_server(("", port))


def serve_beside_workers(tick_command: Sequence[str] = ()) -> int:
    """Serve on CALLBOARD_HEALTH_PORT beside a master's workers until SIGTERM, whatever befalls the server. Returns 0.

    Port 0 switches it off. A port in use is waited for: its holder, another master of this host, speaks for our
    workers meanwhile, and we take over.
    """
    logs.configure_from_environment()
    port = settings_in_force().health_port
    if port:
        nurse(lambda: _live_once(port, tick_command))
    return 0


def nurse(live: Callable[[], None]) -> None:
    """Run `live` in a child, again whenever it ends, until SystemExit (Dramatiq's SIGTERM handler raises it).

    Dramatiq starts a fork once and does not see it die. What can fail or be killed is the child; here is only a wait.
    """
    master = os.getppid()
    while True:
        child = os.fork()
        if child == 0:
            _be_child(live)
        try:
            status = _awaited(child, master)
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGTERM)
            raise
        logs.event("health_server_ended", "WARNING", code=os.waitstatus_to_exitcode(status), retry_s=REVIVE_S)
        time.sleep(REVIVE_S)


def _awaited(child: int, master: int) -> int:
    """The status of the child, once it has ended. Raises SystemExit when the master has gone: it was killed."""
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return status
        if os.getppid() != master:
            raise SystemExit(0)
        time.sleep(_LOOK_S)


def _be_child(live: Callable[[], None]) -> NoReturn:
    code = 1
    try:
        live()
        code = 0
    except Exception as error:
        logs.event("health_server_broke", "ERROR", error=error)
    finally:
        logs.flush()
        os._exit(code)


def _live_once(port: int, tick_command: Sequence[str]) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    parent = os.getppid()
    listening = _bound(port, parent)
    server = health_server(settings_in_force(), tick_command, workers_expected=True)
    server.serve(listening, lambda: os.getppid() == parent)


def _bound(port: int, parent: int) -> socket.socket:
    refused = False
    while True:
        try:
            return bind(port)
        except OSError as error:
            if not refused:
                logs.event("health_port_refused", "WARNING", error=error, port=port, retry_s=RETRY_S)
            refused = True
        time.sleep(RETRY_S)
        if os.getppid() != parent:
            os._exit(0)


def _pid(query: str) -> int | None:
    """`pid=N` asks for one process alone. Raises Refused (400)."""
    if not query:
        return None
    name, _, value = query.partition("=")
    if name != "pid" or not value.isdecimal() or len(value) > 9 or not value.isascii():
        raise Refused(Reply(400, {"error": "the one thing to ask for is ?pid=N, a process of this host"}))
    return int(value)
