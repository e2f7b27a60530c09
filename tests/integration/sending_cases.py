"""Sends as a worker makes them: the real actor under a real claim, against an SMTP server that counts what it takes."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, TypeVar
from uuid import UUID, uuid4

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session

from messaging.client_settings import set_client
from messaging.gate import judge
from messaging.sending_limits import Wait
from middleware import configuration
from middleware.worker_process import WorkerProcess
from models.database import atomic, close_connection, query
from models.ledger.dispatch import Wanted
from models.ledger.finish import finish
from models.ledger.operators import Operator
from policy.errors import NotYet, Reschedule
from policy.sending_hours import DAYS
from tests.broker_cases import acting, held_by_process
from tests.integration.correspondence import CLIENT
from tests.ledger_cases import DEDUPE_S, dispatched, retry

Answer = TypeVar("Answer")
#: What `send` gives for a job that is to run again at a time, and for one that is not yet to go out.
RESCHEDULED, NOT_YET = {"rescheduled": True}, {"not_yet": True}


class CountingSink:
    """An SMTP server on loopback that keeps every mail it answers 250."""

    def __init__(self) -> None:
        self.mails: list[bytes] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        assert envelope.original_content is not None
        self.mails.append(envelope.original_content)
        return "250 kept"

    @contextmanager
    def listening(self) -> Iterator[str]:
        """Its URL, while it listens."""
        self._thread.start()
        server = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)
        try:
            yield f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        finally:
            server.close()
            asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(10)
            self._loop.close()

    async def _listen(self) -> asyncio.Server:
        return await self._loop.create_server(lambda: SMTP(self, hostname="localhost"), "127.0.0.1", 0)

    async def _end(self) -> None:
        mine = asyncio.current_task()
        others = [task for task in asyncio.all_tasks() if task is not mine]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)


@contextmanager
def sink_in_force(monkeypatch: pytest.MonkeyPatch) -> Iterator[CountingSink]:
    """A sink that this process's settings name as its mail server."""
    sink = CountingSink()
    with sink.listening() as url:
        monkeypatch.setenv("CALLBOARD_SMTP_URL", url)
        configuration.settings_in_force.cache_clear()
        yield sink


@dataclass(frozen=True, slots=True)
class Sender:
    """A worker process that sends drafts."""

    process: WorkerProcess

    def send(self, draft_id: UUID, *, by_hand: bool = False, job: Wanted | None = None) -> dict[str, Any]:
        """One attempt at sending the draft; the actor's result, or what it waits for. The job may be run again: what
        the attempt came to is lost with its finish, as when its worker dies.
        """
        from actors.families import auto_send  # noqa: PLC0415  # it binds to the broker that setup() makes

        job = job or dispatched(actor="auto_send", client_id=CLIENT)
        held = held_by_process(self.process, job)
        try:
            with acting(self.process, held):
                return dict(auto_send.fn(str(draft_id), by_hand=by_hand))
        except NotYet:
            return NOT_YET
        except Reschedule:
            return RESCHEDULED
        finally:
            self.process.in_hand.remove([held])
            finish(self.process.holder.id, [retry(held.claim)], dedupe_s=DEDUPE_S)

    def again(self, draft_id: UUID, job: Wanted, *, by_hand: bool = False) -> dict[str, Any]:
        """A further attempt of a job whose former one is over."""
        query(
            "UPDATE background_job SET state = 'queued', release = 1, released_at = now() WHERE id = %s",
            (job.id,),
        )
        return self.send(draft_id, by_hand=by_hand, job=job)


@contextmanager
def elsewhere(threads: int = 2) -> Iterator[Callable[[Callable[[], Answer]], Future[Answer]]]:
    """Runs calls in threads with connections of their own, which are closed afterwards."""

    def closing(call: Callable[[], Answer]) -> Answer:
        try:
            return call()
        finally:
            close_connection()

    with ThreadPoolExecutor(threads) as pool:
        yield lambda call: pool.submit(closing, call)


def waiting_for_locks() -> int:
    """How many backends of this database wait for what another has locked."""
    sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    return int(query(sql)[0][0])


def client(**wanted: str) -> None:
    """Set the hours, clock or rates of the client."""
    set_client(CLIENT, wanted, Operator("ann"))


def another_day() -> str:
    """A window of a day that is neither today's nor tomorrow's anywhere."""
    return f"{DAYS[(datetime.now(timezone.utc).weekday() + 3) % 7]} 09:00-17:00"


def wait(draft_id: UUID, *, by_hand: bool = False) -> Wait | None:
    """The gate's wait for the draft; it must have no refusal."""
    lead_id = query("SELECT lead_id FROM draft WHERE id = %s", (draft_id,))[0][0]
    with atomic():
        judged = judge(draft_id, lead_id, uuid4(), by_hand=by_hand)
    assert judged.reason is None
    return judged.wait
