"""Thousands of sends while all that may stop one comes at them and workers are killed: `python -m benchmarks.sends`.

Leads write and are answered by real workers over SMTP; meanwhile they write again and opt out, clients are paused,
campaigns switched off, drafts sent by hand, worker processes killed. Then every mail is judged by rows alone.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg2

from benchmarks.sends_judge import Judged, judge
from models import database as db
from policy.errors import CallboardError
from rehearsal.room import Places, Room, room
from rehearsal.troupe import Troupe, until, workers_argv
from servers import embedded

if TYPE_CHECKING:
    from benchmarks.sends_world import World

#: Leases of a few seconds: a run meets many losses.
SETTINGS = {
    "CALLBOARD_HEARTBEAT_SECONDS": "0.5",
    "CALLBOARD_LEASE_SECONDS": "3",
    "CALLBOARD_RELAY_SECONDS": "0.2",
    "CALLBOARD_LOG_LEVEL": "WARNING",
}
TROUPES, THREADS = 2, 8
#: Threads in which things happen, and seconds between two of them in each, at most.
HANDS, PAUSE_S = 3, 0.08
#: Seconds from a worker's first beats to a kill, at least and at most.
KILL_AFTER_S = (10.0, 25.0)
#: Leads that write at once, and how many jobs may wait before more do.
BATCH, BACKLOG = 50, 300
REST_WITHIN_S = 600.0


class Keeper:
    """Worker commands, one of which is killed now and then and started again."""

    def __init__(self, here: Room) -> None:
        self.kills = 0
        self._room = here
        self._started = 0
        self._troupes = [self._troupe() for _ in range(TROUPES)]

    def kill_one(self, dice: random.Random) -> None:
        """SIGKILL to a whole worker command that has taken up work; another takes its place."""
        until(self._beating, "a worker that beats", REST_WITHIN_S)
        time.sleep(dice.uniform(*KILL_AFTER_S))
        place = dice.choice(self._beating() or range(TROUPES))
        self._troupes[place].kill()
        self.kills += 1
        self._troupes[place] = self._troupe()

    def end(self) -> None:
        """Kill what is left."""
        for troupe in self._troupes:
            troupe.kill()

    def _beating(self) -> list[int]:
        """Places of the commands with a worker that has beaten within the last second."""
        beats = "SELECT pid FROM worker WHERE heartbeat_at > clock_timestamp() - interval '1 s' AND stopped_at IS NULL"
        groups = set()
        for (pid,) in self._room.rows(beats):
            with suppress(ProcessLookupError):
                groups.add(os.getpgid(pid))
        return [place for place, troupe in enumerate(self._troupes) if troupe.process.pid in groups]

    def _troupe(self) -> Troupe:
        self._started += 1
        return Troupe(
            workers_argv("actors.broker:setup", ["actors.auto_send"], threads=THREADS),
            environ=self._room.environ,
            folder=self._room.folder,
            log=self._room.folder / f"workers-{self._started}.log",
        )


@contextmanager
def meanwhile(calls: list[Callable[[random.Random], object]], seed: int) -> Iterator[None]:
    """Each call again and again in a thread of its own, until the block ends."""
    over = threading.Event()

    def repeat(call: Callable[[random.Random], object], dice: random.Random) -> None:
        while not over.is_set():
            try:
                call(dice)
            except (psycopg2.Error, CallboardError, IndexError):
                # Lost to another, or nobody has written yet: in earnest a person would try again, here others do.
                time.sleep(0.01)
        db.close_connection()

    threads = [
        threading.Thread(target=repeat, args=(call, random.Random(f"{seed}:{number}")))
        for number, call in enumerate(calls)
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


def run(sends: int, seed: int, say: Callable[[str], None]) -> tuple[Judged, dict[str, Any]]:
    """Play it and judge it. Raises ServersError where servers cannot be started, NotInTime where rest does not come."""
    with tempfile.TemporaryDirectory(prefix="cb-sends-") as name, ExitStack() as stack:
        os.chmod(name, 0o755)  # PostgreSQL may run under an account of its own
        servers = stack.enter_context(embedded.running(Path(name) / "home", durable=False))
        places = Places(servers.database_url, servers.redis_url, servers.smtp_url, servers.mail_dir)
        here = stack.enter_context(room(places, Path(name) / "room", SETTINGS))
        os.environ.update(here.environ)
        from actors.broker import setup  # noqa: PLC0415  # reads the environment that was made just now

        setup()
        from benchmarks.sends_world import World  # noqa: PLC0415  # its actors bind to that broker

        world, began_s = World(), time.monotonic()
        keeper = Keeper(here)
        stack.callback(keeper.end)
        _play(world, keeper, here, sends, seed, say)
        world.settle()
        say("nothing happens any more: waiting for rest")
        until(lambda: not _live(), "rest", REST_WITHIN_S)
        told = {"seconds": round(time.monotonic() - began_s, 1), "kills": keeper.kills, **world.happened}
        db.close_connection()
        return judge(here.rows, here.mail_dir), told


def _play(world: World, keeper: Keeper, here: Room, sends: int, seed: int, say: Callable[[str], None]) -> None:
    def something(dice: random.Random) -> None:
        time.sleep(dice.uniform(0.0, PAUSE_S))
        # On a slow machine people are slow, too: else they would make more work than it does.
        if _live() < BACKLOG:
            world.anything(dice)

    dice, said_s = random.Random(seed), 0.0
    with meanwhile([*[something] * HANDS, keeper.kill_one], seed):
        for first in range(0, sends, BATCH):
            world.arrive(first, min(BATCH, sends - first), dice)
            until(lambda: _live() < BACKLOG // 2, "the last batch", REST_WITHIN_S)
            if time.monotonic() - said_s > 5.0:
                said_s = time.monotonic()
                say(f"{first + BATCH} leads have written, {here.mails()} mails went out, {keeper.kills} kills")


def _live() -> int:
    """Jobs that have not ended."""
    return int(db.query("SELECT count(*) FROM background_job WHERE state IN ('pending', 'queued', 'running')")[0][0])


def main(argv: list[str]) -> int:
    """Exit 1 unless nothing was wrong, stale, double, over a rate or lost."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sends", description=__doc__)
    parser.add_argument("--sends", type=int, default=10_000, help="leads that write (default %(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="one object")
    options = parser.parse_args(argv)

    def say(text: str) -> None:
        if sys.stderr.isatty():
            print(text, file=sys.stderr)

    judged, told = run(options.sends, options.seed, say)
    if options.json:
        print(json.dumps({"sends": options.sends, "seed": options.seed, **asdict(judged), "meanwhile": told}))
    else:
        for name, value in {**asdict(judged), **told}.items():
            print(f"{name:<14}  {dict(value) if isinstance(value, dict) else value}")
    return 0 if judged.clean else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
