"""Faults of worker processes: killed, stopped, failing in the wrong place. Each brings one about in a world."""

from __future__ import annotations

import signal
import time
from contextlib import suppress

from benchmarks.faults_world import OURS, World
from rehearsal.troupe import until

#: A pause that leaves time to strike while a job runs, in ms.
_LONG_MS = 2_000


def sigkill_running(world: World) -> None:
    names = world.names(4)
    world.send_many("work", names, _LONG_MS)
    victim = world.workers()
    until(lambda: len(world.started()) == 4, "four jobs running")
    world.strike()
    world.kill_worker(victim)
    world.workers()


def sigkill_prefetched(world: World) -> None:
    names = world.names(12)
    world.send_many("work", names, 1_000)
    victim = world.workers(threads=4)
    until(lambda: len(world.started()) >= 4, "four jobs running, more fetched")
    world.strike()
    world.kill_worker(victim)
    world.workers()


def sigstop_past_lease(world: World) -> None:
    names = world.names(4)
    world.send_many("work", names, _LONG_MS)
    stopped = world.workers()
    until(lambda: len(world.started()) == 4, "four jobs running")
    world.strike()
    world.signal_worker(stopped, signal.SIGSTOP)
    world.workers()
    with suppress(AssertionError):
        until(world.all_done, "the others' work", min(world.watch_s, 90))
    world.signal_worker(stopped, signal.SIGCONT)
    time.sleep(_LONG_MS / 1000 + 2)


def retry_enqueue_fails(world: World) -> None:
    world.send_many("fail_once", world.names(1))
    world.strike()
    world.workers("enqueue_fails")


def exception_in_before_hook(world: World) -> None:
    (name,) = world.names(1)
    for _ in range(2):
        world.send("work", [name, 0], key=name)
    world.strike()
    world.workers("broken_hook")


def time_limit_in_after_hook(world: World) -> None:
    world.send_many("limited", world.names(4))
    world.strike()
    world.workers("slow_hook", threads=2)


def crash_between_retry_and_ack(world: World) -> None:
    world.send_many("fail_once", world.names(1))
    world.strike()
    if world.system == OURS:
        marks = world.room.folder / "marks"
        marks.mkdir()
        armed = {"CALLBOARD_CRASH_POINTS": "finish.after_commit=kill", "CALLBOARD_CRASH_FOLDER": str(marks)}
        victim = world.workers(armed=armed)
    else:
        victim = world.workers("kill_after_retry")
    until(lambda: victim.ended, "the crash", 30)
    world.workers()


def crash_between_effect_and_confirmation(world: World) -> None:
    world.send_many("act_and_die", world.names(1))
    victim = world.workers()
    until(lambda: victim.ended, "the crash", 30)
    world.strike()
    world.workers()
    until_s = time.monotonic() + world.watch_s
    while time.monotonic() < until_s and not _held_or_repeated(world):
        time.sleep(0.2)


def _held_or_repeated(world: World) -> bool:
    if any(world.times_done(name) > 1 for name in world.expected):
        return True
    return bool(world.room.value("SELECT count(*) FROM background_job WHERE state IN ('dead', 'succeeded')"))


def poison(world: World) -> None:
    world.send("poison", ["the-poison"], key="the-poison")
    world.send_many("work", world.names(40), 50)
    world.strike()
    world.workers()
    world.supervise(time.monotonic() + world.watch_s)


def graceful_stop(world: World) -> None:
    world.send_many("work", world.names(12), 1_000)
    stopping = world.workers(threads=4)
    until(lambda: len(world.started()) >= 4, "work in hand")
    world.strike()
    stopping.stop(60)
    world.workers()
