"""The servers of one plan, as a whole: made, started side by side, described and stopped."""

from __future__ import annotations

import os
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from servers import binaries, kept, place
from servers.errors import PortTaken
from servers.home import Home
from servers.mail_sink import MailSink
from servers.plan import Plan
from servers.postgres import Postgres
from servers.server import Mode, Server
from servers.valkey import Valkey
from servers.watch import Watch

#: Somebody may take a port between our choice and the server's bind; so many other ports are tried.
PORT_TRIES = 3


class Fleet:
    """Made from a plan; until `start` there are only empty folders. Raises NotInstalled or StartFailed."""

    def __init__(self, plan: Plan, home: Home) -> None:
        self._plan, self._home = plan, home
        self._kept = kept.load(home)
        self._started = datetime.now(timezone.utc)
        self.servers: dict[str, Server] = {}
        if plan.smtp_url is None:
            self._add(MailSink(home, self._kept.port(MailSink.name)))
        if plan.redis_url is None:
            self._add(self._valkey())
        if plan.database_url is None:
            self._add(self._postgres())
        kept.save(home, self._kept)  # before initdb takes the password

    def _add(self, server: Server) -> None:
        self.servers[server.name] = server

    def _valkey(self) -> Valkey:
        name = Valkey.name
        return Valkey(
            self._home,
            self._kept.port(name),
            program=binaries.valkey_program(),
            password=self._kept.password(name),
            durable=self._plan.durable,
        )

    def _postgres(self) -> Postgres:
        name = Postgres.name
        before = Path(self._kept.outside) if self._kept.outside else None
        settled = place.settle(self._home, binaries.postgres_programs(), before)
        self._kept.outside = str(settled.outside) if settled.outside else None
        return Postgres(
            self._home,
            self._kept.port(name),
            place=settled,
            password=self._kept.password(name),
            durable=self._plan.durable,
        )

    def start(self, watch: Watch) -> None:
        """Start all and wait until all are ready. PostgreSQL comes last: the others start while it prepares."""
        for server in self.servers.values():
            server.end_leftover()
            server.prepare(watch)
            self._spawn(server)
        for server in self.servers.values():
            self._await_ready(server, watch)
        kept.save(self._home, self._kept)

    def _spawn(self, server: Server) -> None:
        for _ in range(PORT_TRIES):
            try:
                server.spawn()
                return
            except PortTaken:
                server.port = self._kept.new_port(server.name)
        server.spawn()

    def _await_ready(self, server: Server, watch: Watch) -> None:
        for _ in range(PORT_TRIES):
            try:
                server.await_ready(watch)
                return
            except PortTaken:
                server.port = self._kept.new_port(server.name)
                self._spawn(server)
        server.await_ready(watch)

    def stop(self) -> None:
        """Stop all, and remove what is not to last."""
        mode: Mode = "fast" if self._plan.durable else "immediate"
        for server in self.servers.values():
            server.stop(mode)
        for server in self.servers.values():
            server.tidy()

    def pids(self) -> dict[str, int | None]:
        """The pid of each server by name; None for one that does not run."""
        return {name: server.pid for name, server in self.servers.items()}

    def told(self) -> dict[str, Any]:
        """What others are told: the contents of the servers file."""
        plan = self._plan
        postgres = self.servers.get(Postgres.name)
        return {
            "database_url": plan.database_url or self.servers[Postgres.name].url,
            "redis_url": plan.redis_url or self.servers[Valkey.name].url,
            "smtp_url": plan.smtp_url or self.servers[MailSink.name].url,
            "mail_dir": str(self._home.mail_dir),
            "pids": self.pids(),
            "supervisor_pid": os.getpid(),
            "owner_pid": plan.owner_pid,
            "started_at": self._started.isoformat(timespec="milliseconds"),
            "durable": plan.durable,
            "postgres_dir": str(postgres.place.data) if isinstance(postgres, Postgres) else None,
        }
