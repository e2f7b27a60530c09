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


class KeptLine:
    """One script's line to Redis, a connection a thread. Only for what is harmless when it is repeated."""

    def __init__(self, client: redis.Redis, script: Script) -> None:
        self._pool = client.connection_pool
        self._script = script
        self._kept = threading.local()

    def __call__(self, key: str, args: Sequence[str | bytes | int]) -> Any:
        """The script's answer. Raises redis.RedisError; whether the script ran is unknown then."""
        command = (1, key, *args)
        # It is out of sight while it is in use: an interrupt in between leaves no half-read answer to the next call.
        pid, line = self._kept.__dict__.pop("line", (0, None))
        if line is not None and pid == os.getpid():
            try:
                return self._asked(line, command)
            except redis.ConnectionError:
                pass  # closed by the server since: the pool gives one that is whole
        return self._asked(self._pool.get_connection(), command)

    def _asked(self, line: Any, command: tuple[object, ...]) -> Any:
        try:
            try:
                line.send_command("EVALSHA", self._script.sha, *command)
                answer = line.read_response()
            except NoScriptError:  # a Redis that was restarted, or has forgotten its scripts
                line.send_command("EVAL", self._script.script, *command)
                answer = line.read_response()
        except redis.ResponseError:
            self._keep(line)  # refused in whole: nothing of the answer is left on the line
            raise
        except BaseException:
            line.disconnect()
            self._pool.release(line)
            raise
        self._keep(line)
        return answer

    def _keep(self, line: Any) -> None:
        self._kept.line = (os.getpid(), line)
