"""The embedded servers for a Python program: `running` owns them, `up` leaves them behind, `down` ends those.

Each way starts `servers.supervisor`; the servers are that process's children.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from models import servers_file
from models.servers_file import Found
from servers import home as homes
from servers.channel import Message
from servers.errors import NotOurs, StartFailed, Taken
from servers.launcher import START_WITHIN_S, STOP_WITHIN_S, Owned, leave_running
from servers.plan import Plan
from servers.processes import started_at
from servers.server import Mode


@dataclass(frozen=True, slots=True)
class Given:
    """URLs of servers that somebody else runs; those are not started."""

    database_url: str | None = None
    redis_url: str | None = None
    smtp_url: str | None = None


NOTHING_GIVEN = Given()


class Handle:
    """One server, for its owner: to be stopped and started again on the same port and data."""

    def __init__(self, owned: Owned, name: str) -> None:
        self._owned, self._name = owned, name

    @property
    def pid(self) -> int | None:
        """The pid, or None while it does not run. Raises NotOurs when it was given by URL."""
        return self._checked(self._owned.ask({"do": "pids"}))

    def stop(self, mode: Mode = "fast") -> None:
        """Stop it and wait for its end: `fast` in order, `immediate` at once, `kill` as by kill -9."""
        self._checked(self._owned.ask({"do": "stop", "server": self._name, "mode": mode}))

    def start(self) -> None:
        """Start it again and wait until it answers. Raises PortTaken or StartFailed."""
        self._checked(self._owned.ask({"do": "start", "server": self._name}))

    def _checked(self, pids: Message) -> int | None:
        if self._name not in pids:
            raise NotOurs(f"{self._name} was given by URL, so it is not ours to stop or start")
        pid: int | None = pids[self._name]
        return pid


@dataclass(frozen=True, slots=True)
class Servers:
    """Servers that live as long as the `with` block, or the process, that runs them."""

    found: Found
    home: Path
    supervisor_pid: int
    postgres: Handle
    valkey: Handle
    mail_sink: Handle

    @property
    def database_url(self) -> str:
        """PostgreSQL, with user, password and database."""
        return self.found.database_url

    @property
    def redis_url(self) -> str:
        """Valkey, with password and database number."""
        return self.found.redis_url

    @property
    def smtp_url(self) -> str:
        """The mail sink."""
        return self.found.smtp_url

    @property
    def mail_dir(self) -> Path:
        """Where the mail sink puts accepted mails, one file each."""
        return self.found.mail_dir


@contextmanager
def running(home: Path, *, durable: bool = True, given: Given = NOTHING_GIVEN) -> Iterator[Servers]:
    """Run the servers for `home` during the block; they end with it, or with this process however it dies.

    `durable=False` is for tests: fsync off, stopped at once, data outside the home removed.
    Raises ServersError: Taken when servers already run for `home`.
    """
    prepared = homes.prepare(home)
    plan = Plan(str(prepared.root), durable, os.getpid(), **asdict(given))
    with Owned(plan, prepared) as owned:
        told = owned.told
        handles = [Handle(owned, name) for name in ("postgres", "valkey", "mail_sink")]
        yield Servers(_found(told), prepared.root, told["supervisor_pid"], *handles)


@contextmanager
def at_hand(home: Path, *, given: Given = NOTHING_GIVEN) -> Iterator[Found]:
    """The servers that `up` left for `home`, which stay; without any, our own during the block.

    Raises Taken when another process owns the ones that run.
    """
    told = servers_file.load(home)
    if told is not None:
        _refuse_owned(home, told)
        yield _overlaid(_found(told), given)
        return
    with running(home, given=given) as servers:
        yield servers.found


def up(home: Path, *, given: Given = NOTHING_GIVEN) -> Found:
    """Leave the servers running for `home`, or find those that do. If one of them has died, all start anew.

    Safe to call twice, also at the same time. Raises ServersError.
    """
    prepared = homes.prepare(home)
    plan = Plan(str(prepared.root), **asdict(given))
    deadline = time.monotonic() + START_WITHIN_S
    while True:
        told = servers_file.load(prepared.root)
        if told is not None:
            _refuse_owned(prepared.root, told)
            if all(told["pids"].values()):
                return _overlaid(_found(told), given)
            down(prepared.root)
        try:
            return _found(leave_running(plan, prepared))
        except Taken:  # another `up` was first: what it starts will be found
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def down(home: Path) -> bool:
    """End the servers that `up` left for `home`; False when none run.

    Raises Taken when they belong to a living process, HomeUnusable when they are another user's,
    StartFailed when their supervisor does not end.
    """
    root = Path(os.path.abspath(home))
    homes.refuse_another_users(root)
    deadline = time.monotonic() + STOP_WITHIN_S
    told_to_end: int | None = None
    began: str | None = None
    while servers_file.supervisor_alive(root) or (began and started_at(told_to_end or 0) == began):
        told = servers_file.load(root)  # None while they start or end
        if told is not None and told["supervisor_pid"] != told_to_end:
            _refuse_owned(root, told)
            told_to_end = int(told["supervisor_pid"])
            began = started_at(told_to_end)
            os.kill(told_to_end, signal.SIGTERM)
        if time.monotonic() > deadline:
            raise StartFailed(f"the servers of {root} do not end: see {root}/log/supervisor.log")
        time.sleep(0.02)
    return told_to_end is not None


def _refuse_owned(home: Path, told: Message) -> None:
    if told["owner_pid"] is not None:
        raise Taken(f"the servers of {home} belong to process {told['owner_pid']} and end with it")


def _found(told: Message) -> Found:
    return Found(told["database_url"], told["redis_url"], told["smtp_url"], Path(told["mail_dir"]))


def _overlaid(found: Found, given: Given) -> Found:
    """What is given by URL goes before what runs."""
    return replace(found, **{name: url for name, url in asdict(given).items() if url})
