"""Calls of a script over a connection that each thread keeps, for the one call that a caller waits for: the push.

redis-py's client takes a connection from its pool for each command, looks whether it is whole, gives it back: a sixth
of a dispatch. It must not know what the script does; a call may reach Redis twice.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from typing import Any

import redis
from redis.commands.core import Script
from redis.exceptions import NoScriptError


class KeptConnection:
    """One script's connection to Redis, one a thread. Only for what is harmless when it is repeated.

    The connections are none of the pool's, which counts what was not given back: one that is dropped (an interrupt, its
    thread's end) closes itself.
    """

    def __init__(self, client: redis.Redis, script: Script) -> None:
        self._pool = client.connection_pool
        self._script = script
        self._kept = threading.local()

    def __call__(self, key: str, args: Sequence[str | bytes | int]) -> list[Any]:
        """The script's answer, a list. Raises redis.RedisError; whether the script ran is unknown then."""
        command = (1, key, *args)
        # It is out of sight while it is in use: an interrupt in between leaves no half-read answer to the next call.
        pid, connection = self._kept.__dict__.pop("connection", (0, None))
        if connection is not None and pid == os.getpid():
            try:
                return self._asked(connection, command)
            except redis.ConnectionError:
                pass  # closed by the server since
        return self._asked(self._pool.connection_class(**self._pool.connection_kwargs), command)

    def _asked(self, connection: Any, command: tuple[object, ...]) -> list[Any]:
        try:
            try:
                connection.send_command("EVALSHA", self._script.sha, *command)
                answer = connection.read_response()
            except NoScriptError:  # a Redis that was restarted, or has forgotten its scripts
                connection.send_command("EVAL", self._script.script, *command)
                answer = connection.read_response()
        except redis.ResponseError:
            self._kept.connection = (os.getpid(), connection)  # refused in whole: nothing of the answer is left unread
            raise
        except BaseException:
            connection.disconnect()
            raise
        if not isinstance(answer, list):
            connection.disconnect()
            raise redis.ConnectionError(f"a script answered with {type(answer).__name__}")
        self._kept.connection = (os.getpid(), connection)
        return answer
