"""Tells the supervisor when its work is over: a signal, its owner gone, its home folder removed."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from types import FrameType

from servers.channel import Channel
from servers.errors import Interrupted
from servers.home import Home, still_there
from servers.processes import LOOK_EVERY_S

#: Signals that end the supervisor and with it the servers.
ENDING_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Watch:
    """Knows why the supervisor should end, if it should. Make it in the main thread, before any server."""

    def __init__(self, home: Home, lock: int, channel: Channel, owner_pid: int | None) -> None:
        self._home, self._lock, self._channel = home, lock, channel
        self._owner_pid = owner_pid
        self._signal: int | None = None
        for number in ENDING_SIGNALS:
            signal.signal(number, self._note)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self._signal = number

    def why_over(self) -> str | None:
        """The reason to end, or None. Without an owner (`up`) its launcher's channel counts, while open."""
        if self._signal is not None:
            return f"told to by {signal.Signals(self._signal).name}"
        if self._channel.left():
            return "nobody at the other end"
        # Whoever forked from the owner holds the channel's other end too; the parent's pid tells anyway.
        if self._owner_pid is not None and os.getppid() != self._owner_pid:
            return f"owner {self._owner_pid} gone"
        if not still_there(self._home, self._lock):
            return f"{self._home.root} removed"
        return None

    def wait_for(self, condition: Callable[[], bool], patience_s: float) -> bool:
        """Whether the condition came true within `patience_s`. Raises Interrupted if it is over meanwhile."""
        deadline = time.monotonic() + patience_s
        while not condition():
            if reason := self.why_over():
                raise Interrupted(f"the servers were ended while starting: {reason}")
            if time.monotonic() > deadline:
                return False
            time.sleep(LOOK_EVERY_S)
        return True
