"""The one process that runs a home's servers: their parent, which ends them when its work is over.

Run as `python -m servers.supervisor HOME [--detached]` with a stream socket as standard input: a plan comes in,
`ready` or an error goes out, then requests are answered. Should this process be killed, Linux ends the servers;
elsewhere `servers.watcher` does.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import traceback
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path

from servers.channel import Channel, Message
from servers.errors import ServersError, StartFailed
from servers.fleet import Fleet
from servers.home import Home, held, write_private
from servers.plan import Plan
from servers.watch import Watch
from servers.watcher import Watcher

#: Between two looks at servers and owner, in s.
LOOK_EVERY_S = 0.2
#: The plan is sent at once; in s.
PLAN_WITHIN_S = 30.0


@dataclass(slots=True)
class Supervisor:
    """Runs the fleet, keeps the servers file true, answers the owner."""

    home: Home
    fleet: Fleet
    watch: Watch
    channel: Channel
    watcher: Watcher = field(default_factory=Watcher)
    _told: Message = field(default_factory=dict)

    def run(self) -> None:
        """Start the servers, serve until the work is over, stop them. Raises ServersError if they do not start."""
        try:
            self.fleet.start(self.watch)
            self._tell()
            self.channel.send({"ready": self._told})
            self._serve()
        finally:
            self.home.told.unlink(missing_ok=True)
            self.fleet.stop()
            self.watcher.end()
            log("servers stopped")

    def _serve(self) -> None:
        log(f"servers ready: {self.fleet.pids()}")
        while (reason := self.watch.why_over()) is None:
            request = self.channel.receive(LOOK_EVERY_S)
            if request is not None:
                self._answer(request)
            if self.fleet.pids() != self._told["pids"]:
                log(f"servers changed: {self.fleet.pids()}")
                self._tell()
        log(f"ending: {reason}")

    def _answer(self, request: Message) -> None:
        number = {"number": request.get("number")}
        try:
            self._do(request)
        except ServersError as error:
            self.channel.send(number | described(error))
        else:
            self.channel.send(number | {"done": self.fleet.pids()})
        if request["do"] == "detach":
            self.channel.close()

    def _do(self, request: Message) -> None:
        server = self.fleet.servers.get(request.get("server", ""))
        if server is not None and request["do"] == "stop":
            server.stop(request["mode"])
        elif server is not None and request["do"] == "start":
            server.start(self.watch)

    def _tell(self) -> None:
        self._told = self.fleet.told()
        self.watcher.mind([pid for pid in self._told["pids"].values() if pid])
        write_private(self.home.told, json.dumps(self._told, indent=2) + "\n")


def supervise(channel: Channel) -> int:
    """Take the plan, hold the home and run. The exit code: 1 after an error, which the owner is sent."""
    message = channel.receive(PLAN_WITHIN_S)
    if message is None:
        return 1
    plan = Plan(**message)
    home = Home(Path(plan.home))
    try:
        with held(home) as lock:
            home.told.unlink(missing_ok=True)
            watch = Watch(home, lock, channel, plan.owner_pid)
            Supervisor(home, Fleet(plan, home), watch, channel).run()
    except ServersError as error:
        log(f"ending: {error}")
        channel.send(described(error))
        return 1
    except Exception as error:  # the process's edge: the owner waits for a word
        log(traceback.format_exc())
        channel.send(described(StartFailed(f"the supervisor failed ({error}): see {home.log('supervisor')}")))
        return 1
    return 0


def described(error: ServersError) -> Message:
    """The error as a message that `servers.errors.revived` understands."""
    return {"error": type(error).__name__, "message": str(error)}


def log(event: str) -> None:
    """One line with its time to standard error, which is the supervisor's log."""
    print(
        f"{datetime.now(timezone.utc).isoformat(timespec='milliseconds')} [{os.getpid()}] {event}",
        file=sys.stderr,
    )


def main() -> int:
    """Leave the launcher first if detached, so that it need not stay our parent."""
    if "--detached" in sys.argv and os.fork():
        os._exit(0)
    os.umask(0o077)
    return supervise(Channel(socket.socket(fileno=0)))


if __name__ == "__main__":
    sys.exit(main())
