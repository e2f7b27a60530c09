"""A tiny SMTP server on loopback for one conversation, which misbehaves at a step that a test chooses."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Mapping
from types import TracebackType

#: A step's answer: a line to send, or what to do with the connection instead.
Answer = str | Callable[[socket.socket], None]


def drop(connection: socket.socket) -> None:
    """End the connection without an answer."""
    connection.shutdown(socket.SHUT_RDWR)


class ScriptedSmtp:
    """Answers each verb, the greeting (`connect`) and the final dot (`dot`) as `answers` says, kindly by default."""

    def __init__(self, answers: Mapping[str, Answer] | None = None) -> None:
        self.commands: list[str] = []
        self.content = b""
        self.dots = 0
        self.released = threading.Event()
        self._answers = dict(answers or {})
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self._listener.getsockname()[1]}"

    def silent(self, _connection: socket.socket) -> None:
        """Say nothing until the test is over."""
        self.released.wait(10)

    def __enter__(self) -> ScriptedSmtp:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.released.set()
        self._listener.close()
        self._thread.join(5)

    def _serve(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return
        with connection, connection.makefile("rb") as lines:
            try:
                self._answer(connection, "connect", "220 ready")
                while line := lines.readline():
                    self._converse(connection, lines.readline, line.decode("ascii", "replace").strip())
            except OSError:
                pass

    def _converse(self, connection: socket.socket, next_line: Callable[[], bytes], command: str) -> None:
        self.commands.append(command)
        verb = command.partition(" ")[0].upper()
        kind = {"EHLO": "250 at your service", "DATA": "354 go on", "QUIT": "221 bye"}.get(verb, "250 ok")
        self._answer(connection, verb, kind)
        answer = self._answers.get("DATA", "354")
        if verb == "DATA" and isinstance(answer, str) and answer.startswith("354"):
            self._take_mail(connection, next_line)

    def _take_mail(self, connection: socket.socket, next_line: Callable[[], bytes]) -> None:
        while (line := next_line()) != b".\r\n":
            if not line:
                return
            self.content += line
        self.dots += 1
        self._answer(connection, "dot", "250 taken as 4711")

    def _answer(self, connection: socket.socket, step: str, kind: str) -> None:
        answer = self._answers.get(step, kind)
        if callable(answer):
            answer(connection)
        else:
            connection.sendall(answer.encode("ascii") + b"\r\n")
