"""Plays a scene through a crash: workers armed at one point, the crash, other workers, and what is left at the end."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Mapping
from typing import Final
from uuid import UUID

from middleware.invariant_check import check
from middleware.redis_broker import LedgerRedisBroker, redis_client
from models import database as db
from models.crash_points import ARMED, FOLDER, POINTS, Action
from models.readings.invariants import Extent
from policy.invariants import Breach
from policy.settings import read
from rehearsal.room import Room
from rehearsal.scene import Outcome, Scene
from rehearsal.troupe import NotInTime, Troupe, until, workers_argv

#: Points that the dispatching process meets.
SENDER_POINTS: Final = tuple(point for point in POINTS if point.startswith(("dispatch.", "enqueue.")))
#: Points that a worker process meets with any job.
WORKER_POINTS: Final = tuple(
    point
    for point in POINTS
    if point.startswith(("claim.", "start.", "effect.", "finish.", "ack.", "relay.", "recover.", "sweep."))
)
#: Where a worker is lost before the point can be reached.
_BEFORE_RECOVERY: Final = "start.before_actor"
#: A job that waits so long is released by the relay, not by its dispatch.
_DELAY_MS: Final = 400
_KEY: Final = "rehearsal"
_OVER: Final = ("succeeded", "dead", "cancelled", "discarded")


class Play:
    """One scene in one room."""

    def __init__(self, room: Room, scene: Scene) -> None:
        self._room = room
        self._scene = scene
        self._marks = room.folder / "marks"
        self._marks.mkdir()
        self._mails = room.mails()
        self._troupes: list[Troupe] = []

    def crash(self, point: str, action: Action = Action.KILL) -> Outcome:
        """Through a crash at `point`, to the end. Raises NotInTime when the job does not come to one."""
        try:
            self._perform(point, action)
            self._come_to_rest()
            return self._outcome(point)
        finally:
            for troupe in self._troupes:
                troupe.kill()
            db.close_connection()

    def _perform(self, point: str, action: Action) -> None:
        armed = {ARMED: f"{point}={action.value}", FOLDER: str(self._marks)}
        if point in SENDER_POINTS:
            self._send(armed)
            self._send()  # what a caller does whose dispatch was cut off: it dispatches again, with the key
            self._workers()
            return
        self._send(delay_ms=_DELAY_MS if point.startswith("relay.") else None)
        if point.startswith("sweep."):
            self._forget()
        if point.startswith("recover."):
            self._lose_a_worker()
        first = self._workers(armed)
        if self._struck(point, first) and action is Action.KILL:
            first.kill()
            self._workers()
        elif action is Action.STOP and self._reached(point):
            self._workers()
            self._await_end()
            self._continue(first)

    def _workers(self, armed: Mapping[str, str] | None = None) -> Troupe:
        number = len(self._troupes)
        troupe = Troupe(
            workers_argv("actors.broker:setup", [self._scene.module], threads=2),
            environ={**self._room.environ, **(armed or {})},
            folder=self._room.folder,
            log=self._room.folder / f"workers-{number}.log",
        )
        self._troupes.append(troupe)
        return troupe

    def _send(self, armed: Mapping[str, str] | None = None, delay_ms: int | None = None) -> None:
        scene = self._scene
        job = {"args": scene.args, "kwargs": dict(scene.kwargs), "key": _KEY, "delay_ms": delay_ms}
        sender = Troupe(
            ["-m", "rehearsal.sender", scene.module, scene.actor, json.dumps(job)],
            environ={**self._room.environ, **(armed or {})},
            folder=self._room.folder,
            log=self._room.folder / "sender.log",
        )
        code = sender.process.wait(30)
        if code not in (0, -signal.SIGKILL) and armed is None:
            raise AssertionError(f"the scene could not be dispatched:\n{sender.text()[-3000:]}")

    def _forget(self) -> None:
        """Redis loses its memory."""
        with redis_client(self._room.redis_url) as client:
            client.flushdb()

    def _lose_a_worker(self) -> None:
        lost = self._workers({ARMED: f"{_BEFORE_RECOVERY}=kill", FOLDER: str(self._marks)})
        until(lambda: self._reached(_BEFORE_RECOVERY), "a worker to lose")
        lost.kill()

    def _struck(self, point: str, troupe: Troupe) -> bool:
        """Once the point was reached; False when the job comes to its end without it."""
        until(lambda: self._reached(point) or self._is_over() or troupe.ended, f"{point} or the end of the job")
        return self._reached(point)

    def _reached(self, point: str) -> bool:
        return (self._marks / f"{point}.reached").exists()

    def _continue(self, stopped: Troupe) -> None:
        """SIGCONT to a worker that stopped itself; it goes on until it has learnt that it was declared lost."""
        before = len(stopped.events("worker_was_declared_lost"))
        for pid in stopped.pids():
            os.kill(pid, signal.SIGCONT)
        until(lambda: len(stopped.events("worker_was_declared_lost")) > before, "the stopped worker's return")
        stopped.stop()  # in good order: whatever it still has to say of its attempt is said by then

    def _is_over(self) -> bool:
        return self._room.value("SELECT state FROM background_job WHERE dispatch_key = %s", _KEY) in _OVER

    def _await_end(self) -> None:
        try:
            until(self._is_over, "the end of the job")
        except NotInTime as error:
            tail = self._troupes[-1].text()[-3000:] if self._troupes else ""
            raise NotInTime(f"{error}\n{tail}") from None

    def _come_to_rest(self) -> None:
        """The job is over, and so is all that followed from it."""
        self._await_end()
        live = "SELECT count(*) FROM background_job WHERE state IN ('pending', 'queued', 'running')"
        until(lambda: self._room.value(live) == 0, "the end of what follows from the job")

    def _outcome(self, point: str) -> Outcome:
        rows = self._room.rows(
            "SELECT job.id, job.state, letter.reason FROM background_job AS job LEFT JOIN dead_letter AS letter"
            " ON letter.job_id = job.id AND letter.resolution = 'OPEN' WHERE job.dispatch_key = %s",
            _KEY,
        )
        job_id, state, reason = rows[0] if rows else (None, None, None)
        return Outcome(
            scene=self._scene,
            point=point,
            reached=self._reached(point),
            jobs=len(rows),
            state=state,
            reason=reason,
            attempts=self._attempts(job_id),
            mails=self._room.mails() - self._mails,
            effects=tuple(row[0] for row in self._room.rows("SELECT state FROM side_effect ORDER BY created_at")),
            breaches=self._breaches(),
        )

    def _attempts(self, job_id: UUID | None) -> tuple[str, ...]:
        rows = self._room.rows(
            "SELECT status, rule, error_message FROM background_function_run WHERE job_id = %s ORDER BY attempt", job_id
        )
        return tuple(" ".join(str(part) for part in row if part) for row in rows)

    def _breaches(self) -> tuple[Breach, ...]:
        db.connect(self._room.database_url)
        settings, _ = read(self._room.environ)
        with redis_client(self._room.redis_url) as client:
            report = check(LedgerRedisBroker(client=client, middleware=[]), settings, Extent(newest=None))
        return report.breaches
