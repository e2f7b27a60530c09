"""The mail sink as a server among the others; `servers.smtp_receiver` is what its process runs."""

from __future__ import annotations

import signal
import socket
import sys
from typing import ClassVar

from servers.own_modules import environ_for_own_modules
from servers.ports import LOOPBACK
from servers.processes import Command
from servers.server import Mode, Server

#: A loopback greeting takes far less; in s.
ANSWER_WITHIN_S = 1.0


class MailSink(Server):
    """Takes any mail on loopback and keeps it in the home's mail folder."""

    name = "mail_sink"
    #: It has nothing to finish: what was not answered with 250 was not accepted.
    signals: ClassVar[dict[Mode, signal.Signals]] = {
        "fast": signal.SIGTERM,
        "immediate": signal.SIGKILL,
        "kill": signal.SIGKILL,
    }

    @property
    def url(self) -> str:
        """Plain SMTP, no login."""
        return f"smtp://{LOOPBACK}:{self.port}"

    def command(self) -> Command:
        """A Python process of our own."""
        module = ["-m", "servers.smtp_receiver", "--port", str(self.port), "--folder", str(self.home.mail)]
        return Command(
            argv=[sys.executable, *module],
            log=self._log,
            death_signal=signal.SIGTERM,
            environ=environ_for_own_modules(),
        )

    def answers(self) -> bool:
        """Whether it greets."""
        try:
            with socket.create_connection((LOOPBACK, self.port), ANSWER_WITHIN_S) as client:
                greeted = client.recv(4) == b"220 "
                client.sendall(b"QUIT\r\n")
                return greeted
        except OSError:
            return False
