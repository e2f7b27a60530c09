"""Ticks asked for over HTTP: the secret, the body, one tick at a time in a process of its own, shared by all who ask.

It must not know how a tick works: it is given the command line of one, which prints its answer as JSON.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
import os
import re
import signal
import time
from collections.abc import Mapping, Sequence
from typing import Any

from middleware.logs import event
from middleware.small_http import Refused, Reply, Request
from policy.trace_context import parse

#: Seconds that a post waits for its tick; one that takes longer (it runs jobs inline) goes on without it.
ANSWER_S = 25.0
#: Seconds after which a tick is ended: jobs inline get 240 s, and each its own time limit.
TICK_S = 900.0
#: Posts that may wait for the same tick.
WAITING = 32
#: Seconds between two lines about posts with a wrong secret.
_COMPLAIN_S = 60.0
#: `source` of a post that names none.
SOURCE = "http"
_SOURCE = re.compile(r"[\w .:@/-]{1,100}")

#: Status by the mode that a tick ends in; any other failed.
STATUS = {
    "enqueued": 202,
    "duplicate_suppressed": 200,
    "inline_emergency": 200,
    "inline_forced": 200,
    "enqueue_failed": 503,
}


class TickPosts:
    """`POST /dispatch`. Without a secret nobody is let in; without a command nobody is served."""

    def __init__(self, command: Sequence[str], secret: str | None, *, answer_s: float = ANSWER_S) -> None:
        self._command, self._answer_s = list(command), answer_s
        self._secret = secret.encode() if secret else None
        self._running: asyncio.Task[Reply] | None = None
        self._waiting = 0
        self._refused = 0
        self._complained_s = float("-inf")
        self.child: asyncio.subprocess.Process | None = None

    def admit(self, request: Request) -> None:
        """Let the holder of the secret in; looks at the head alone. Raises Refused (405, 401)."""
        if request.method != "POST":
            raise Refused(Reply(405, {"error": "only POST is taken here"}, {"Allow": "POST"}))
        scheme, _, shown = request.headers.get("authorization", "").partition(" ")
        # Compared also where no secret is set, so that the time taken does not tell.
        same = hmac.compare_digest(shown.strip().encode("latin-1", "replace"), self._secret or os.urandom(32))
        if self._secret is None or scheme.lower() != "bearer" or not same:
            self._complain()
            raise Refused(Reply(401, {"error": "not authorised"}, {"WWW-Authenticate": "Bearer"}))

    async def answer(self, request: Request) -> Reply:
        """The answer of the tick that runs, or of a new one; 202 `running` when it takes longer than a clock waits."""
        source = _source(request)
        if self._waiting >= WAITING:
            return Reply(429, {"error": "so many ask for the same tick already"}, {"Retry-After": "5"})
        if self._running is None:
            # No await between the look and this: two posts never start two ticks.
            self._running = asyncio.create_task(self._tick(source, _place(request)))
        self._waiting += 1
        try:
            return await asyncio.wait_for(asyncio.shield(self._running), self._answer_s)
        except asyncio.TimeoutError:
            return Reply(202, {"mode": "running", "error": None})
        finally:
            self._waiting -= 1

    def end(self) -> None:
        """The server ends: the tick that runs is asked to end, and finishes the job that it is in."""
        if self.child is not None and self.child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self.child.send_signal(signal.SIGTERM)

    async def _tick(self, source: str, place: Mapping[str, str]) -> Reply:
        began_s = time.monotonic()
        try:
            reply = await self._carried_out(source, place)
        finally:
            self._running = self.child = None
        mode = reply.page.get("mode")
        took_ms = round((time.monotonic() - began_s) * 1000)
        event("tick_posted", "ERROR" if reply.status >= 500 else "INFO", source=source, mode=mode, took_ms=took_ms)
        return reply

    async def _carried_out(self, source: str, place: Mapping[str, str]) -> Reply:
        child = self.child = await asyncio.create_subprocess_exec(
            *self._command,
            source,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, **place},
        )
        try:
            said, _ = await asyncio.wait_for(child.communicate(), TICK_S)
        except asyncio.TimeoutError:
            child.kill()
            await child.wait()
            return Reply(503, {"mode": None, "error": f"the tick took longer than {TICK_S:g} s"})
        page = _page(said)
        if page is None:
            return Reply(503, {"mode": None, "error": f"the tick ended with code {child.returncode} and no answer"})
        return Reply(STATUS.get(str(page.get("mode")), 503), page)

    def _complain(self) -> None:
        """One line a minute at most, with the number: whoever guesses secrets must not fill the log."""
        self._refused += 1
        if time.monotonic() - self._complained_s >= _COMPLAIN_S:
            self._complained_s = time.monotonic()
            event("tick_post_refused", "WARNING", refused=self._refused, secret_set=self._secret is not None)
            self._refused = 0


def _source(request: Request) -> str:
    """Who asks. An empty body, or a JSON object with `source` and nothing else. Raises Refused (400)."""
    if not request.body.strip():
        return SOURCE
    try:
        given = json.loads(request.body)
    except (ValueError, RecursionError):
        raise Refused(Reply(400, {"error": "the body is not JSON"})) from None
    if not isinstance(given, dict) or set(given) - {"source"}:
        raise Refused(Reply(400, {"error": 'the body may be empty or {"source": "…"}, and nothing else'}))
    source = given.get("source", SOURCE)
    if not isinstance(source, str) or not _SOURCE.fullmatch(source):
        raise Refused(Reply(400, {"error": "source: 1 to 100 letters, digits and . : @ / _ - or spaces"}))
    return source


def _place(request: Request) -> dict[str, str]:
    """The caller's place in a trace, as its variables are called by custom."""
    found = parse(request.headers.get("traceparent"), request.headers.get("tracestate"))
    if found is None:
        return {}
    return {"TRACEPARENT": found.traceparent, **({"TRACESTATE": found.state} if found.state else {})}


def _page(said: bytes) -> dict[str, Any] | None:
    """The last line that a tick printed, if it is an object."""
    try:
        found = json.loads(said.strip().rpartition(b"\n")[2])
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
